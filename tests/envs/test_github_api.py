from __future__ import annotations

import socket
import time

import pytest

from envs import github_api
from envs.github_api import fetch_issue
from envs.task import TaskError

PATH = "/repos/o/r/issues/7"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(github_api, "_PAUSES", (0.0, 0.0))


def refused(*, comments: bool = False) -> str:
    with pytest.raises(TaskError) as error:
        fetch_issue("o", "r", 7, comments=comments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_issue_is_read(api):
    api.issue()
    issue = fetch_issue("o", "r", 7, comments=False)
    assert (issue.title, issue.body, issue.comments) == ("It fails", "Badly.", ())
    assert issue.html_url == "https://github.com/o/r/issues/7"
    assert not issue.is_pull_request
    assert api.asked == [(PATH, None)]


def test_an_issue_without_a_body_has_an_empty_one(api):
    api.issue(body=None)
    assert fetch_issue("o", "r", 7, comments=False).body == ""


def comments_of(count: int, page: int = 1, more: bool = False):
    link = {"Link": f'<http://elsewhere.invalid/{page + 1}>; rel="next"'} if more else {}
    said = [{"user": {"login": f"u{number}"}, "body": f"text {number}"} for number in range(count)]
    return f"{PATH}/comments?per_page=100&page={page}", (200, link, said)


def test_comments_are_read_page_by_page(api):
    api.issue()
    api.set(*comments_of(100, 1, more=True))
    api.set(*comments_of(3, 2))
    issue = fetch_issue("o", "r", 7, comments=True)
    assert len(issue.comments) == 103
    assert issue.comments[102] == ("u2", "text 2")


def test_no_more_than_200_comments_are_read(api):
    api.issue()
    for page in (1, 2, 3):
        api.set(*comments_of(100, page, more=True))
    assert len(fetch_issue("o", "r", 7, comments=True).comments) == 200
    assert len(api.asked) == 3


def test_a_comment_of_a_deleted_user_is_a_ghosts(api):
    api.issue()
    api.set(comments_of(0)[0], (200, {}, [{"user": None, "body": None}]))
    assert fetch_issue("o", "r", 7, comments=True).comments == (("ghost", ""),)


def test_the_token_is_sent(api, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", " secret\n")
    api.issue()
    fetch_issue("o", "r", 7, comments=False)
    assert api.asked == [(PATH, "Bearer secret")]


def test_a_token_that_cannot_be_one_is_not_shown(api, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret\nX-Header: 1")
    assert "GITHUB_TOKEN" in refused()
    assert "secret" not in refused()
    assert api.asked == []


def test_a_pull_request_is_refused(api):
    api.issue(pull_request={"url": "x"})
    assert "is a pull request" in refused(comments=True)
    assert len(api.asked) == 1


def test_an_issue_that_is_not_there_or_private(api, monkeypatch):
    assert "there is no issue o/r#7, or it is private; set GITHUB_TOKEN" in refused()
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    assert "the GITHUB_TOKEN may not read it" in refused()
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (401, {}, "refuses the GITHUB_TOKEN (why"),
        (410, {}, "was deleted"),
        (403, {}, "does not give o/r#7 (why"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}, "after 1970-01-01 00:00:00 UTC"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, "try again later"),
        (429, {"Retry-After": "30"}, "try again in 30 seconds, or set GITHUB_TOKEN"),
        (429, {}, "try again later"),
        (451, {}, "answers 451"),
    ],
)
def test_refusals_are_one_line(api, status, headers, says):
    api.set(PATH, (status, headers, {"message": "why\n\x1b[31mnot?"}))
    assert says in refused()
    assert "\x1b" not in refused()


def test_refusals_without_a_reason(api):
    api.set(PATH, (403, {}, b"\xff<html>"))
    assert "Forbidden" in refused()


def test_what_passes_by_itself_is_tried_again(api):
    api.issue()
    good = api.answers[PATH][0]
    for fault in ((502, {}, b"bad gateway"), None, (200, {"Content-Length": "9999"}, b"{}")):
        api.asked.clear()
        api.set(PATH, fault, fault, good)
        assert fetch_issue("o", "r", 7, comments=False).title == "It fails"
        assert len(api.asked) == 3


def test_what_does_not_pass_is_told_after_three_tries(api):
    api.set(PATH, (503, {}, {"message": "unicorn"}))
    assert "answers 503 for o/r#7 (unicorn)" in refused()
    assert len(api.asked) == 3
    api.set(PATH, None)
    assert "check the network" in refused()
    assert len(api.asked) == 6


def test_no_network(api, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("MANGABEY_GITHUB_API", f"http://127.0.0.1:{port}")
    assert "check the network" in refused()


def test_no_answer_in_time(api, monkeypatch):
    monkeypatch.setattr(github_api, "_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MANGABEY_GITHUB_API", f"http://127.0.0.1:{server.getsockname()[1]}")
        start = time.monotonic()
        assert "no answer within" in refused()
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        [],
        {"title": 1, "html_url": ""},
        {"body": "x"},
        b'{"title": "\\ud800", "html_url": ""}',
        b'{"title": "\xff", "html_url": ""}',
    ],
)
def test_an_answer_of_another_shape(api, body):
    api.set(PATH, (200, {}, body))
    assert "is not what GitHub's API gives" in refused()
    assert len(api.asked) == 1


def test_comments_of_another_shape(api):
    api.issue()
    api.set(comments_of(0)[0], (200, {}, {"message": "x"}))
    assert "is not what GitHub's API gives" in refused(comments=True)


def test_a_large_answer_is_not_read(api, monkeypatch):
    monkeypatch.setattr(github_api, "_LARGEST_ANSWER", 1 << 20)
    api.issue(body="x" * (1 << 20))
    assert "over 1 MiB" in refused()


def test_a_moved_issue_is_followed_on_the_same_host_only(api, make_api, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    api.issue(9, "new/place")
    api.set(PATH, (301, {"Location": f"{api.address}/repos/new/place/issues/9"}, {}))
    assert fetch_issue("o", "r", 7, comments=False).html_url == "https://github.com/new/place/issues/9"
    other = make_api()
    other.issue()
    api.set(PATH, (302, {"Location": f"{other.address}{PATH}"}, {}))
    assert "which is not followed" in refused()
    assert other.asked == []
    api.set(PATH, (301, {"Location": PATH}, {}))
    assert "\n" not in refused()


@pytest.mark.parametrize(
    ("address", "says"),
    [("file:///etc", "http"), ("http://me:pw@127.0.0.1", "leave it out"), ("http://[x", "is no URL")],
)
def test_addresses_that_cannot_be_asked(api, monkeypatch, address, says):
    monkeypatch.setenv("MANGABEY_GITHUB_API", address)
    assert says in refused()
    assert "pw" not in refused()


def test_another_host_needs_its_api_named(api, monkeypatch):
    monkeypatch.delenv("MANGABEY_GITHUB_API")
    with pytest.raises(TaskError, match=r"set MANGABEY_GITHUB_API to the REST API of git\.example"):
        fetch_issue("o", "r", 7, comments=False, host="git.example")


def test_names_that_cannot_be(api):
    with pytest.raises(TaskError, match="names no repository"):
        fetch_issue("..", "r", 7, comments=False)
    assert api.asked == []
