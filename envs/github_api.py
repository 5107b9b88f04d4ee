"""An issue and its comments, through GitHub's REST API."""

from __future__ import annotations

import datetime
import http.client
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import IO, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from envs.github_env import API, HOST, TOKEN, api_address, split_repo, token
from envs.task import TaskError

MOST_COMMENTS = 200
"""As many comments of an issue are read, the oldest first."""

_LARGEST_ANSWER = 8 << 20
_TIMEOUT = 30.0
_PAUSES = (1.0, 3.0)
_PER_PAGE, _MOST_PAGES = 100, 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as its repository shows it; `comments` are pairs of author and text."""

    title: str
    body: str
    comments: tuple[tuple[str, str], ...]
    html_url: str
    is_pull_request: bool = False


class _User(BaseModel):
    login: str


class _Issue(BaseModel):
    title: str
    body: str | None = None
    html_url: str
    pull_request: object = None


class _Comment(BaseModel):
    user: _User | None = None
    body: str | None = None


class _Refusal(BaseModel):
    message: str


def fetch_issue(owner: str, name: str, number: int, *, comments: bool, host: str = HOST) -> Issue:
    """Return an issue; one that has moved is followed within the same host.

    Args:
        owner: the repository's owner.
        name: the repository's name.
        number: the issue's number.
        comments: whether its comments, 200 at most, are read too.
        host: whose issue it is; another host than github.com needs MANGABEY_GITHUB_API.

    Raises:
        TaskError: there is no such issue, it is a pull request, or the API cannot be asked.
    """
    split_repo(f"{owner}/{name}")
    what = f"{owner}/{name}#{number}"
    address = f"{api_address(host)}/repos/{owner}/{name}/issues/{number}"
    data, _ = _get(address, what)
    answer = _parsed(TypeAdapter(_Issue), data, what)
    said = _comments(f"{address}/comments", what) if comments and answer.pull_request is None else ()
    issue = Issue(answer.title, answer.body or "", said, answer.html_url, answer.pull_request is not None)
    if issue.is_pull_request:
        raise TaskError(f"{what} is a pull request; give the issue that it resolves")
    return issue


def _comments(address: str, what: str) -> tuple[tuple[str, str], ...]:
    found: list[_Comment] = []
    shape: TypeAdapter[list[_Comment]] = TypeAdapter(list[_Comment])
    for page in range(1, _MOST_PAGES + 1):
        data, headers = _get(f"{address}?per_page={_PER_PAGE}&page={page}", what)
        said = _parsed(shape, data, what)
        found += said
        if len(found) >= MOST_COMMENTS or 'rel="next"' not in headers.get("Link", ""):
            break
    return tuple((one.user.login if one.user else "ghost", one.body or "") for one in found[:MOST_COMMENTS])


def _parsed(shape: TypeAdapter[T], data: bytes, what: str) -> T:
    try:
        return shape.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        why = _one_line(f"{place}: {first['msg']}" if place else first["msg"])
        raise TaskError(
            f"the answer for {what} is not what GitHub's API gives ({why}); check {API}"
        ) from error


def _get(url: str, what: str) -> tuple[bytes, Message]:
    """Return the body and the headers of an answer; what may pass by itself is tried three times."""
    for pause in (*_PAUSES, None):
        try:
            return _ask(url, what)
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500 or pause is None:
                    raise _refusal(error, what) from error
        except (OSError, http.client.HTTPException) as error:
            if pause is None or not _may_pass(error):
                raise TaskError(_unreachable(url, error)) from error
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _ask(url: str, what: str) -> tuple[bytes, Message]:
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": "mangabey",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    if secret := token():
        headers["Authorization"] = f"Bearer {secret}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - api_address lets only http(s) pass
    with urllib.request.build_opener(_SameHost).open(request, timeout=_TIMEOUT) as response:
        data: bytes = response.read(_LARGEST_ANSWER + 1)
        if len(data) > _LARGEST_ANSWER:
            raise TaskError(f"the answer for {what} is over {_LARGEST_ANSWER >> 20} MiB and is not read")
        if response.length:
            raise http.client.IncompleteRead(data, response.length)
        return data, response.headers


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows an issue that has moved, but takes the token to no other place."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request to go on with."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            fp.close()
            raise TaskError(f"{old.netloc} sends on to {_one_line(new.netloc)}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _refusal(error: urllib.error.HTTPError, what: str) -> TaskError:
    """Return what an answer that is none means, in one line."""
    headers = error.headers
    said = _message(error)
    hint = f"the {TOKEN} may not read it" if token() else f"it is private; set {TOKEN}"
    if error.code == 404:
        return TaskError(f"there is no issue {what}, or {hint}")
    if error.code == 410:
        return TaskError(f"the issue {what} was deleted, or its repository has no issues")
    if error.code == 401:
        return TaskError(f"GitHub refuses the {TOKEN} ({said}); set a valid one or unset it")
    limited = headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers or "rate limit" in said
    if error.code == 429 or (error.code == 403 and limited):
        more = "" if token() else f", or set {TOKEN} for a higher limit"
        return TaskError(f"GitHub's rate limit is used up; try again {_reset(headers)}{more}")
    if error.code == 403:
        return TaskError(f"GitHub does not give {what} ({said}); set a {TOKEN} that may read it")
    return TaskError(f"GitHub's API answers {error.code} for {what} ({said}); try again later or check {API}")


def _reset(headers: Message) -> str:
    """Return when a rate limit ends, as far as the headers say."""
    try:
        if seconds := headers.get("Retry-After"):
            return f"in {int(seconds)} seconds"
        moment = datetime.datetime.fromtimestamp(int(headers.get("X-RateLimit-Reset", "")), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return "later"
    return f"after {moment:%Y-%m-%d %H:%M:%S} UTC"


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return _one_line(_Refusal.model_validate_json(error.read(1 << 16)).message)
    except (ValueError, OSError, http.client.HTTPException):
        return _one_line(str(error.reason)) or "no reason given"


def _may_pass(error: Exception) -> bool:
    """Return whether a connection broke off, which the next one need not."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(cause, ConnectionResetError | http.client.IncompleteRead | BrokenPipeError)


def _unreachable(url: str, error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    timed_out = isinstance(cause, TimeoutError | socket.timeout)
    why = f"no answer within {_TIMEOUT:.0f} seconds" if timed_out else _one_line(str(cause)) or repr(cause)
    return f"{urlsplit(url).netloc} cannot be asked ({why}); check the network, or give the issue as a text"


def _one_line(text: str) -> str:
    """Return what a server says so that it can be shown: one line, short, no control characters."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:200]
