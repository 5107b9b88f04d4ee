"""HTML made of text: every text is escaped where it enters, and the page's policy lets no script run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Html = NewType("Html", str)
"""Text that is markup; made by the functions here alone."""

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
       color: #1c1c1c; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; margin: .5rem 0; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left;
        vertical-align: top; } th { border-bottom: 1px solid #999; } td.n { text-align: right; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
      font-size: 12.5px; margin: .3rem 0; }
details { border-top: 1px solid #ddd; padding: .35rem 0; } details details { margin-left: 1.2rem; }
svg { max-width: 100%; height: auto; }
summary { cursor: pointer; } .resolved { color: #0a7a2f; } .unresolved { color: #b00020; }
.infrastructure { color: #8a2be2; } .dim { color: #777; } .add { color: #0a7a2f; } .del { color: #b00020; }
.bar { fill: #4a7ebb; } .line { fill: none; stroke: #4a7ebb; stroke-width: 2; } .axis { stroke: #999; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616; } pre { background: #222; }
  .resolved, .add { color: #5cd07f; } .unresolved, .del { color: #ff6b7d; }
  .infrastructure { color: #c59bff; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def text(value: object) -> Html:
    """Return any value as text; what cannot be printed is replaced."""
    plain = "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in str(value))
    return Html(escape(plain, quote=True))


def tag(name: str, *inside: Html, **attributes: str) -> Html:
    """Return an element; `kind` stands for the attribute `class`."""
    given = "".join(
        f' {"class" if key == "kind" else key.replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{''.join(inside)}</{name}>")


def joined(parts: Iterable[Html]) -> Html:
    """Return parts one after the other."""
    return Html("".join(parts))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table; numbers stand on the right, markup is taken as it is."""
    body = joined(tag("tr", *(_cell(value) for value in row)) for row in rows)
    return tag("table", tag("tr", *(tag("th", text(name)) for name in head)), body)


def fold(summary: Html, *inside: Html) -> Html:
    """Return what opens at a click."""
    return tag("details", tag("summary", summary), *inside)


def diff(patch: str) -> Html:
    """Return a diff with its lines coloured."""
    kinds = {"+": "add", "-": "del"}
    lines = (
        tag("span", text(line), kind=kinds[line[0]]) if line[:1] in kinds else text(line)
        for line in patch.split("\n")
    )
    return tag("pre", Html("\n".join(lines)))


def page(title: str, *inside: Html) -> str:
    """Return a whole document, complete in itself."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<meta name='viewport' content='width=device-width'><title>{text(title)}</title>"
        f"<style>{STYLE}</style></head><body>{''.join(inside)}</body></html>\n"
    )


def _cell(value: object) -> Html:
    if isinstance(value, int | float):
        return tag("td", text(f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"), kind="n")
    return tag("td", value[0] if isinstance(value, tuple) else text(value))
