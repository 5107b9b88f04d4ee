from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from envs import mirrors, remotes
from envs.git import git
from envs.history import seal_history
from envs.mirrors import default_commit, mirror_of, named_commit, repository_with
from envs.task import TaskError

ABSENT = "1234567890" * 4


def head(folder: Path, name: str = "HEAD") -> str:
    return git(folder, "rev-parse", name).decode().strip()


def one_line(function, *arguments) -> str:
    with pytest.raises(TaskError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture(autouse=True)
def upstream(make_repository, tmp_path, monkeypatch) -> Path:
    """The repository o/r in a folder that stands for GitHub."""
    for name in ("GITHUB_TOKEN", "MANGABEY_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("MANGABEY_GITHUB", str(tmp_path / "web"))
    (tmp_path / "web" / "o").mkdir(parents=True)
    return make_repository({"a.py": "1\n"}, "web/o/r")


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def given(tmp_path, monkeypatch) -> Path:
    """An empty folder of mirrors of the user's."""
    folder = tmp_path / "mirrors"
    folder.mkdir()
    monkeypatch.setenv("MANGABEY_MIRRORS", str(folder))
    return folder


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_a_bare_clone_is_made_once(upstream, home, monkeypatch, form):
    monkeypatch.setenv("MANGABEY_GITHUB", form.format(upstream.parent.parent))
    mirror = mirror_of("o/r", home)
    assert mirror == home / "mirrors" / "o__r.git"
    assert git(mirror, "rev-parse", "--is-bare-repository") == b"true\n"
    assert head(mirror) == head(upstream)
    shutil.rmtree(upstream)
    assert mirror_of("o/r", home) == mirror
    assert repository_with("o/r", head(mirror), home) == mirror


def test_a_clone_that_fails_leaves_nothing(home, upstream):
    assert "there is no repository o/other" in one_line(mirror_of, "o/other", home)
    assert [path for path in (home / "mirrors").iterdir() if path.is_dir()] == []
    shutil.copytree(upstream, upstream.parent / "other")
    assert mirror_of("o/other", home).is_dir()


@pytest.mark.parametrize(
    "repo",
    [
        "../x/y", "..", "x/..", "x/.", "./x", "/x/y", "x", "x/y/z", "x/", "/x", "-x/y", "a b/c", "x/y\n",
        "x/y?z", "x/%2e", "a__b/c", "a_/b", "x/y.git", "", "é/x", "x/--a=b c", "x/" + "y" * 101,
    ],
)  # fmt: skip
def test_names_that_no_repository_has(repo, home, given):
    assert "write OWNER/NAME" in one_line(mirror_of, repo, home)
    assert "write OWNER/NAME" in one_line(repository_with, repo, ABSENT, home)
    assert "write OWNER/NAME" in one_line(default_commit, repo, home)
    assert not home.exists()


@pytest.mark.parametrize("repo", ["o/.github", "my_corp/r", "O-1/R.x_-", "o/_r"])
def test_unusual_names(repo, home, upstream):
    place = upstream.parent.parent / repo
    place.parent.mkdir(exist_ok=True)
    shutil.copytree(upstream, place)
    assert head(mirror_of(repo, home)) == head(upstream)


@pytest.mark.parametrize("layout", ["o+r/repo", "o__r.git", "o/r.git", "o/r"])
@pytest.mark.parametrize("bare", [True, False])
def test_the_users_mirrors_come_first_and_are_only_read(layout, bare, given, upstream, home, commit):
    place = given / layout
    place.parent.mkdir(parents=True, exist_ok=True)
    git(given, "clone", "--quiet", *(["--bare"] if bare else []), str(upstream), str(place))
    before = {path: path.stat().st_mtime_ns for path in given.rglob("*")}
    assert mirror_of("o/r", home) == place
    assert default_commit("o/r", home) == head(upstream)
    assert repository_with("o/r", head(upstream), home) == place
    assert named_commit("o/r", "main", home) == head(upstream)
    assert not home.exists()
    late = head(commit(upstream, {"a.py": "2\n"}))
    assert repository_with("o/r", late, home) == home / "mirrors" / "o__r.git"
    assert {path: path.stat().st_mtime_ns for path in given.rglob("*")} == before


def test_what_is_no_repository_is_no_mirror(given, home, upstream, monkeypatch):
    git(given, "init", "--quiet")
    (given / "o" / "r").mkdir(parents=True)
    (given / "o" / "r.git").mkdir()
    (given / "o" / "r.git" / "HEAD").write_text("x")
    (given / "o" / "r.git" / "objects").mkdir()
    (given / "r.git").symlink_to(upstream)
    assert mirror_of("o/r", home).is_relative_to(home)
    monkeypatch.setenv("MANGABEY_MIRRORS", str(given / "nowhere"))
    assert "does not exist" in one_line(mirror_of, "o/r", home)


def test_the_default_branch_of_a_clone_is_that_of_its_origin(given, home, upstream, commit):
    git(given, "clone", "--quiet", str(upstream), str(given / "o__r.git"))
    git(given / "o__r.git", "checkout", "--quiet", "-b", "mine")
    commit(given / "o__r.git", {"a.py": "mine\n"})
    assert default_commit("o/r", home) == head(upstream)


def test_a_shallow_mirror_is_used_as_far_as_it_goes(given, home, upstream, commit, tmp_path):
    first = head(upstream)
    last = head(commit(upstream, {"a.py": "2\n"}))
    url = f"file://{upstream}"
    git(given, "clone", "--quiet", "--bare", "--depth=1", url, str(given / "o__r.git"))
    assert repository_with("o/r", last, home) == given / "o__r.git"
    seal_history(given / "o__r.git", last, tmp_path / "git", tmp_path / "tree")
    assert repository_with("o/r", first, home).is_relative_to(home)


def test_a_shallow_upstream_can_be_followed(home, upstream, commit):
    commit(upstream, {"a.py": "2\n"})
    shallow = upstream.parent / "shallow"
    git(upstream, "clone", "--quiet", "--depth=1", f"file://{upstream}", str(shallow))
    mirror_of("o/shallow", home)
    late = head(commit(shallow, {"a.py": "3\n"}))
    assert default_commit("o/shallow", home) == late


def test_what_appears_upstream_later_is_fetched(home, upstream, commit):
    git(upstream, "branch", "old")
    assert default_commit("o/r", home) == head(upstream)
    git(upstream, "branch", "--delete", "old")
    git(upstream, "checkout", "--quiet", "-b", "old/deeper")
    late = head(commit(upstream, {"a.py": "2\n"}))
    mirror = repository_with("o/r", late, home)
    assert mirror == home / "mirrors" / "o__r.git"
    assert default_commit("o/r", home) == late
    git(upstream, "checkout", "--quiet", "--detach")
    detached = head(commit(upstream, {"a.py": "3\n"}))
    assert default_commit("o/r", home) == detached
    assert not (mirror / "FETCH_HEAD").exists()


def test_a_commit_that_no_branch_reaches_is_fetched_by_its_id(home, upstream, commit):
    git(upstream, "config", "uploadpack.allowAnySHA1InWant", "true")
    mirror_of("o/r", home)
    lost = head(commit(upstream, {"a.py": "pull request\n"}))
    git(upstream, "reset", "--quiet", "--hard", "HEAD~1")
    mirror = repository_with("o/r", lost, home)
    assert git(mirror, "show", f"{lost}:a.py") == b"pull request\n"


def test_a_commit_that_cannot_be_had_is_one_line(home, upstream, monkeypatch):
    said = one_line(repository_with, "o/r", ABSENT, home)
    assert ABSENT in said
    assert "o/r" in said
    assert "MANGABEY_MIRRORS" in said
    assert "full commit id" in one_line(repository_with, "o/r", "abc", home)
    assert "full commit id" in one_line(repository_with, "o/r", "--all", home)
    shutil.rmtree(upstream)
    assert "there is no repository o/r" in one_line(repository_with, "o/r", ABSENT, home)
    monkeypatch.setenv("MANGABEY_GITHUB", "http://127.0.0.1:1")
    assert "check the network" in one_line(repository_with, "o/r", ABSENT, home)


def test_a_repository_without_a_commit_has_no_default(home, upstream):
    git(upstream.parent, "init", "--quiet", "empty")
    assert "has no commit" in one_line(default_commit, "o/empty", home)


def test_names_of_commits(home, upstream, commit):
    first = head(upstream)
    git(upstream, "tag", "--annotate", "-m", "x", "v1")
    git(upstream, "branch", "cafe", first)
    last = head(commit(upstream, {"a.py": "2\n"}))
    git(upstream, "branch", "feature/é")
    for name in ("v1", first, first.upper(), first[:8], "cafe"):
        assert named_commit("o/r", name, home) == first
    for name in ("main", "feature/é", last[:12]):
        assert named_commit("o/r", name, home) == last
    moved = head(commit(upstream, {"a.py": "3\n"}))
    assert named_commit("o/r", "main", home) == moved
    for name in ("nope", "", "main~1", "--all", "v1^{tree}", "../x", "main:a.py", "1234567", "a b", "@"):
        assert "has no branch, tag or commit" in one_line(named_commit, "o/r", name, home)


def test_concurrent_callers_share_one_clone_and_one_fetch(home, upstream, commit, monkeypatch):
    clones, fetches, lock = [], [], threading.Lock()

    def counting(real, calls):
        def call(*arguments):
            with lock:
                calls.append(arguments)
            return real(*arguments)

        return call

    monkeypatch.setattr(mirrors, "clone", counting(remotes.clone, clones))
    monkeypatch.setattr(mirrors, "fetch_all", counting(remotes.fetch_all, fetches))
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: mirror_of("o/r", home), range(8)))) == 1
        late = head(commit(upstream, {"a.py": "2\n"}))
        assert len(set(pool.map(lambda _: repository_with("o/r", late, home), range(8)))) == 1
    assert (len(clones), len(fetches)) == (1, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_repositories_of_another_user_can_be_read(home, upstream, given, monkeypatch):
    git(given, "clone", "--quiet", "--bare", str(upstream), str(given / "o__r.git"))
    subprocess.run(["chown", "-R", "12345", upstream, given], check=True)
    assert mirror_of("o/r", home) == given / "o__r.git"
    monkeypatch.delenv("MANGABEY_MIRRORS")
    assert default_commit("o/r", home) == head(upstream)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ssh://git@github.com", "http(s) or file URL"),
        ("/nowhere/at/all", "a folder that exists"),
        ("https://me:pw@github.com", "leave it out"),
    ],
)
def test_addresses_that_are_none(address, says, home, monkeypatch):
    monkeypatch.setenv("MANGABEY_GITHUB", address)
    said = one_line(mirror_of, "o/r", home)
    assert says in said
    assert "pw" not in said


@pytest.fixture
def web(serving, upstream, monkeypatch):
    """Git's own HTTP server for the upstream, which asks for the token `s3cret`; yields what it was sent."""
    sent: list[str | None] = []
    expected = "Basic " + base64.b64encode(b"x-access-token:s3cret").decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            sent.append(self.headers["Authorization"])
            if self.headers["Authorization"] != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            environment = os.environ | {
                "GIT_PROJECT_ROOT": str(upstream.parent.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers["Content-Type"] or "",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
                "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
            }
            command = ["git", "http-backend"]
            done = subprocess.run(command, env=environment, input=body, capture_output=True, check=True)
            head, _, data = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in (fields | {"Content-Length": str(len(data))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments):
            pass

    with serving(Handler) as address:
        monkeypatch.setenv("MANGABEY_GITHUB", address)
        yield sent


@pytest.fixture
def spied(tmp_path, monkeypatch) -> Path:
    """A git before the real one that notes every command line it gets."""
    log, folder = tmp_path / "argv", tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$0 $@" >> "{log}"\nexec "{shutil.which("git")}" "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_the_token_reaches_the_server_and_nothing_else(web, spied, home, upstream, commit, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret\n")
    monkeypatch.setenv("GIT_ASKPASS", "/bin/false")
    mirror = mirror_of("o/r", home)
    late = head(commit(upstream, {"a.py": "2\n"}))
    assert repository_with("o/r", late, home) == mirror
    assert default_commit("o/r", home) == late
    assert any(web)
    assert "clone" in spied.read_text()
    assert "s3cret" not in spied.read_text()
    for path in home.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes()


def test_a_repository_that_asks_who_you_are(web, home, monkeypatch):
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    said = one_line(mirror_of, "o/r", home)
    assert "there is no repository o/r" in said
    assert "it is private; set GITHUB_TOKEN" in said
    monkeypatch.setenv("GITHUB_TOKEN", "wr0ng")
    said = one_line(mirror_of, "o/r", home)
    assert "refuses the GITHUB_TOKEN for o/r" in said
    assert "wr0ng" not in said
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    assert "there is no repository o/other" in one_line(mirror_of, "o/other", home)


def test_a_redirect_to_another_host_does_not_get_the_token(web, serving, home, monkeypatch):
    target = os.environ["MANGABEY_GITHUB"]
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", target + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    with serving(Handler) as address:
        monkeypatch.setenv("MANGABEY_GITHUB", address)
        assert "there is no repository o/r" in one_line(mirror_of, "o/r", home)
    assert asked
    assert web
    assert not any(web)


def test_proxies_and_certificates_pass(spied, home, monkeypatch, tmp_path):
    seen = tmp_path / "seen"
    script = (spied.parent / "bin" / "git").read_text().replace("exec", f'env > "{seen}"\nexec')
    (spied.parent / "bin" / "git").write_text(script)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates")
    monkeypatch.setenv("GIT_DIR", "/wrong")
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    mirror_of("o/r", home)
    lines = seen.read_text().splitlines()
    assert "https_proxy=http://127.0.0.1:1" in lines
    assert "GIT_SSL_CAINFO=/certificates" in lines
    assert "GIT_DIR=/wrong" not in lines
    monkeypatch.setenv("GIT_SSL_CAINFO", "/better")
    git(home, "version")
    assert "GIT_SSL_CAINFO=/better" in seen.read_text().splitlines()
