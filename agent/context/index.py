"""The outlines of a repository's files, each made once for its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from agent.context.cache import Cache
from agent.context.outline import VERSION, Outline, outline_source, outline_test, read_outline
from agent.context.suites import find_tests

_SCRIPTS = (".js", ".mjs", ".cjs")
_MINIFIED = 400
"""Characters of a mean line from which on a script was not written by hand ..."""
_LARGE = 20_000
"""... if it has as many characters in all."""

_COPIED = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|vendor|third_party)/|-\d+(?:\.\d+)+(?:\.min)?\.js$"
)


def index(sources: Mapping[str, str], home: Path | None = None) -> tuple[list[Outline], list[Outline]]:
    """Return the outlines of a repository's source files, and those of its test files, in order of paths.

    Args:
        sources: the files by path; copied and minified ones are left out.
        home: the folder of caches, in which outlines are kept for the next issue; None for nowhere.
    """
    tests = find_tests(sources)
    texts = {path: text for path, text in sorted(sources.items()) if is_own(path, text)}
    keys = {_key(path, text, path in tests): path for path, text in texts.items()}
    cache = None if home is None else Cache(home / "index" / f"outlines-{VERSION}.sqlite")
    kept = {} if cache is None else cache.get(keys)
    outlines: dict[str, Outline] = {}
    made: dict[bytes, bytes] = {}
    for key, path in keys.items():
        outline = _kept(path, kept.get(key))
        if outline is None:
            outline = (outline_test if path in tests else outline_source)(path, texts[path])
            if cache is not None:
                made[key] = outline.to_json()
        outlines[path] = outline
    if cache is not None:
        cache.put(made, used=keys.keys() - made.keys())
    return (
        [outline for path, outline in outlines.items() if path not in tests],
        [outline for path, outline in outlines.items() if path in tests],
    )


def is_own(path: str, text: str) -> bool:
    """Whether a file was written for the repository: no library that was copied in, and no packed script."""
    return _COPIED.search(path) is None and not (path.endswith(_SCRIPTS) and is_minified(text))


def is_minified(text: str) -> bool:
    """Whether a text was packed by a program, with hardly a line break."""
    return len(text) > _LARGE and len(text) > _MINIFIED * (text.count("\n") + 1)


def _kept(path: str, data: bytes | None) -> Outline | None:
    if data is None:
        return None
    try:
        return read_outline(path, data)
    except ValueError:
        return None


def _key(path: str, text: str, test: bool) -> bytes:
    digest = hashlib.sha256(f"{VERSION}\0{test}\0{path}\0".encode("utf-8", "surrogateescape"))
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()
