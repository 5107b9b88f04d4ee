"""What the environment says about GitHub: where it is, who asks, and which names there can be."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from envs.task import TaskError

WEB, API, TOKEN = "MANGABEY_GITHUB", "MANGABEY_GITHUB_API", "GITHUB_TOKEN"
HOST = "github.com"

# an owner has no double underscore and none at its end, so that owner__name can be read in one way only
OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]|_(?=[A-Za-z0-9-])){0,99}"
NAME = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]{1,100}(?<!\.git)"

_REPO = re.compile(f"({OWNER})/({NAME})")


def split_repo(repo: str) -> tuple[str, str]:
    """Return owner and name of a repository; what passes is safe in a path and in a URL.

    Raises:
        TaskError: it is not `owner/name`.
    """
    match = _REPO.fullmatch(repo)
    if match is None:
        raise TaskError(f"{repo!r} names no repository of GitHub; write OWNER/NAME")
    return match[1], match[2]


def web_address() -> str:
    """Return where repositories are cloned from: an http(s) or file URL, or a folder.

    Raises:
        TaskError: MANGABEY_GITHUB is none of them.
    """
    given = os.environ.get(WEB, "").rstrip("/") or f"https://{HOST}"
    if is_http(given) or given.startswith("file://"):
        return _without_password(WEB, given)
    if "://" in given or not Path(given).expanduser().is_dir():
        raise TaskError(f"{WEB} is {given!r}; write an http(s) or file URL, or a folder that exists")
    return str(Path(given).expanduser().resolve())


def web_host() -> str:
    """Return the host whose issue URLs are ours besides github.com."""
    given = os.environ.get(WEB, "")
    return given.split("/")[2].lower() if is_http(given) else HOST


def api_address(host: str = HOST) -> str:
    """Return where the REST API of a host is.

    Raises:
        TaskError: MANGABEY_GITHUB_API is no http(s) URL, or it is not set and the host is not github.com.
    """
    given = os.environ.get(API, "").rstrip("/")
    if not given and host != HOST:
        raise TaskError(f"set {API} to the REST API of {host}, such as https://{host}/api/v3")
    given = given or f"https://api.{HOST}"
    if not is_http(given):
        raise TaskError(f"{API} is {given!r}; write an http(s) URL")
    return _without_password(API, given)


def token() -> str:
    """Return the token that the user has set, or nothing.

    Raises:
        TaskError: it cannot be one; the message does not show it.
    """
    given = os.environ.get(TOKEN, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", given):
        raise TaskError(f"{TOKEN} holds spaces or other characters that no token has; set it anew")
    return given


def is_http(address: str) -> bool:
    """Return whether an address is an http(s) URL."""
    return address.startswith(("https://", "http://"))


def _without_password(variable: str, address: str) -> str:
    try:
        place = urlsplit(address).netloc
    except ValueError as error:
        raise TaskError(f"{variable} is no URL: {error}") from error
    if "@" in place:
        raise TaskError(f"{variable} holds a user name or password; leave it out and set {TOKEN}")
    return address
