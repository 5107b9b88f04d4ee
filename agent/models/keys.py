"""Where keys come from, and how they are kept out of everything that is written or shown.

A key is a value of the environment whose name says so (`OPENAI_API_KEY`, `HF_TOKEN`), or of the key file:
lines `NAME=value`, `#` for comments. The environment wins over the file.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.models.errors import ModelError

KEYS = "MANGABEY_KEYS"
"""The variable that names the key file."""

_SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET)$", re.IGNORECASE)
_SHORTEST = 12
"""A shorter value of the environment is a placeholder (`EMPTY`), and taking it out would maim plain text."""
_SHORTEST_IN_FILE = 6
_NAME = re.compile(r"[A-Za-z_]\w*")
_HEADER = re.compile(
    r"""(?ix)
    (?P<before> \b(?:proxy-)?authorization | \b(?:x-)?(?:goog-)?api-?key )
    (?P<between> \\?["']? \s* [:=] \s* \\?["']? (?:(?:bearer|basic|token|key)\s+)? )
    (?=[^\s"',;\\}\])]*\d) [^\s"',;\\}\])]{8,}
    """
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}")

_filed: dict[str, str] = {}
"""What the key file gave this process."""


class KeyFileError(ModelError):
    """The key file cannot be used; the message says what to do and holds nothing of the file."""


def key_file() -> Path:
    """Return the key file's path: `MANGABEY_KEYS`, else `keys` in the platform's configuration folder."""
    if named := os.environ.get(KEYS):
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("mangabey", appauthor=False) / "keys"


def load_keys() -> None:
    """Give the key file's keys to this process, as if its environment had held them.

    Raises:
        KeyFileError: the file is open to other users, cannot be read, or is no list of `NAME=value`.
    """
    path = key_file()
    try:
        text = _private_text(path)
    except FileNotFoundError:
        if os.environ.get(KEYS):
            raise KeyFileError(f"{KEYS} names {path}, and there is no such file") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise KeyFileError(f"the key file {path} cannot be read: {reason}") from None
    for name, value in _read_lines(text, path).items():
        _filed[name] = value
        os.environ.setdefault(name, value)


def known_keys() -> dict[str, str]:
    """Return the names of all keys this process knows, by value."""
    found = {
        value: name
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and _SECRET_NAME.search(name) and not re.search(r"\s", value)
    }
    filed = {value: name for name, value in _filed.items() if len(value) >= _SHORTEST_IN_FILE}
    return {value: name for value, name in (found | filed).items() if not value.startswith(("/", "~"))}


def without_keys(text: str) -> str:
    """Return a text without the keys this process knows; nothing else in it is touched."""
    for value, name in sorted(known_keys().items(), key=lambda pair: -len(pair[0])):
        for written in _ways_to_write(value):
            if written in text:
                text = text.replace(written, f"[{name}]")
    return text


def redacted(text: str) -> str:
    """Return a message for people without keys, nor what stands where requests carry one.

    Unlike `without_keys` it is not for code: a patch may hold an `Authorization` header that is no secret.
    """
    text = _HEADER.sub(r"\g<before>\g<between>[key]", without_keys(text))
    return _BEARER.sub(r"\1[key]", text)


def data_without_keys(value: Any) -> Any:
    """Return JSON-like data without known keys in any of its texts; the very same value where it has none."""
    keys = known_keys()
    dumped = json.dumps(value, ensure_ascii=False, default=str) if keys else ""
    if any(written in dumped for key in keys for written in _ways_to_write(key)):
        return _cleaned(value)
    return value


def guard_logs() -> None:
    """Keep keys out of whatever this process logs from now on, tracebacks included."""
    make = logging.getLogRecordFactory()
    if getattr(make, "guards", False):
        return

    def guarded(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        try:
            record.msg, record.args = redacted(record.getMessage()), ()
        except (TypeError, ValueError):
            record.msg, record.args = "(a log line that cannot be formatted)", ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info))).rstrip("\n")
        return record

    guarded.guards = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(guarded)


def _private_text(path: Path) -> str:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyFileError(
                f"the key file {path} is open to other users (mode {mode:03o}): chmod 600 {path}"
            )
        return file.read().decode("utf-8")


def _read_lines(text: str, path: Path) -> dict[str, str]:
    keys: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if not equals or not value or not _NAME.fullmatch(name):
            raise KeyFileError(f"the key file {path}, line {number}, is not NAME=value")
        keys[name] = value
    return keys


def _ways_to_write(key: str) -> tuple[str, ...]:
    """Return a key as it stands in plain text, in an address, and in JSON."""
    return tuple(dict.fromkeys((key, quote(key, safe=""), json.dumps(key)[1:-1])))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_keys(value)
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
