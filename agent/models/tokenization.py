"""Tokenizers that lie on this machine already; nothing is ever fetched."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_ENCODINGS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""Under the digest of these addresses tiktoken keeps its files."""


def tokenizer_of(model: str) -> Callable[[str], int] | None:
    """Return a counter of tokens for the model of a backend's name, None where no tokenizer is at hand.

    Looked for: a folder of the model with a `tokenizer.json`, the Hugging Face cache, tiktoken's cache.
    """
    if find_spec("tokenizers") is not None:
        for path in _tokenizer_files(model):
            if path.is_file() and (counter := _from_file(path)):
                return counter
    return _tiktoken(model.rpartition("/")[2]) if find_spec("tiktoken") is not None else None


def _tokenizer_files(model: str) -> Iterator[Path]:
    """Yield where a tokenizer may lie, for each part of a name such as `vllm/org/name`."""
    cache = Path(
        os.environ.get("HF_HUB_CACHE")
        or Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "hub"
    )
    rest = model
    while rest:
        if rest.startswith(("/", "~", ".")):
            yield Path(rest).expanduser() / "tokenizer.json"
        else:
            snapshots = cache / f"models--{rest.replace('/', '--')}" / "snapshots"
            yield from sorted(snapshots.glob("*/tokenizer.json"))
        rest = rest.partition("/")[2]


def _from_file(path: Path) -> Callable[[str], int] | None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises bare Exception for a file it cannot read
        return None
    tokenizer.no_truncation()
    return lambda text: len(tokenizer.encode(_encodable(text), add_special_tokens=False).ids)


def _tiktoken(model: str) -> Callable[[str], int] | None:
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    cache = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(cache) if cache else Path(tempfile.gettempdir()) / "data-gym-cache"
    digest = hashlib.sha1(_ENCODINGS.format(name).encode(), usedforsecurity=False).hexdigest()
    if not (folder / digest).is_file():
        return None
    encoding: Any = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode(_encodable(text), disallowed_special=()))


def _encodable(text: str) -> str:
    """Return a text without halves of characters, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")
