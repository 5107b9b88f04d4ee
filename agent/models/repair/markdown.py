"""Markdown to blocks: what is prose, what is code, and where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from markdown_it.token import Token

MAX_CHARACTERS = 100_000
"""Longer issues are cut: what matters stands near the top."""

_PROMPT = re.compile(r"^\s{0,4}>>> ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an issue.

    Attributes:
        kind: heading, running text (a row of a table too, its cells parted by tabs), item of a list, or code.
        text: the content; inline code of prose keeps one backtick on each side.
        info: what follows the fence of a code block (usually a language).
        line: first line in the issue, from 0.
    """

    kind: Literal["heading", "prose", "item", "code"]
    text: str
    info: str
    line: int


def read_blocks(text: str) -> tuple[Block, ...]:
    """Cut an issue into blocks, in order; the title (first line) is the first block."""
    from markdown_it import MarkdownIt

    text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")[:MAX_CHARACTERS]
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return ()
    title = Block("heading", lines[first].strip().lstrip("#").strip(), "", first)
    rest = "\n" * (first + 1) + "\n".join(_fence_sessions(lines[first + 1 :]))
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").parse(rest)
    return (title, *_blocks(tokens))


def _fence_sessions(lines: Sequence[str]) -> Iterator[str]:
    """Indent interactive sessions that were pasted without a fence, so that they are read as code."""
    fenced = session = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            fenced, session = not fenced, False
        elif not fenced and line.startswith(">>> "):
            session = True
        elif not line.strip():
            session = False
        yield f"    {line}" if session else line


def _blocks(tokens: Iterable[Token]) -> Iterator[Block]:
    kinds: list[Literal["heading", "prose", "item"]] = ["prose"]
    cells: list[str] | None = None
    for token in tokens:
        line = token.map[0] if token.map else 0
        if token.type in {"heading_open", "list_item_open"}:
            kinds.append("heading" if token.type == "heading_open" else "item")
        elif token.type in {"heading_close", "list_item_close"}:
            kinds.pop()
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close" and cells is not None:
            yield Block("prose", "\t".join(cells), "", line)
            cells = None
        elif token.type == "inline" and cells is not None:
            cells.append(_inline_text(token.children or []))
        elif token.type in {"fence", "code_block"}:
            yield Block("code", token.content, token.info.strip().lower(), line)
        elif token.type == "inline":
            text = _inline_text(token.children or [])
            if _PROMPT.match(token.content):
                yield Block("code", token.content + "\n", "", line)
            elif text.strip():
                yield Block(kinds[-1], text, "", line)


def _inline_text(tokens: Sequence[Token]) -> str:
    pieces: list[str] = []
    for token in tokens:
        if token.type == "code_inline":
            pieces.append(f"`{token.content.replace('`', '')}`" if token.content.strip() else "")
        elif token.type in {"softbreak", "hardbreak"}:
            pieces.append(" ")
        elif token.type == "text":
            pieces.append(token.content.replace("`", "'"))
    return "".join(pieces)
