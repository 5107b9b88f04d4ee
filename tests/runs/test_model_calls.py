"""Model calls of whole runs, over real HTTP: failures, resuming, keys, mixtures and roles."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runs.journal import Journal
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, environment

KEY = "sk-planted-0123456789abcdef"
BACKEND = '''"""A backend that asks a server over HTTP, and knows what its failures mean."""

import asyncio
import json
import os
import urllib.error
import urllib.request

from agent import Capabilities, Reply
from agent.models.errors import AuthenticationError, RateLimitedError, ServerFailedError
from agent.messages import Attempt, Usage


class Remote:
    name = "remote"
    tools = True

    async def probe(self):
        return Capabilities(tools=self.tools)

    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        asked = {"sample": sampling.sample, "turn": turn, "session": sampling.session, "tools": len(tools)}
        status, answer, headers = await asyncio.to_thread(self.post, asked)
        if status == 200:
            return Reply.model_validate_json(answer)
        kind = {401: AuthenticationError, 429: RateLimitedError}.get(status, ServerFailedError)
        after = headers.get("retry-after")
        raise kind(
            f"{status}: {answer}",
            retry_after=float(after) if after else None,
            usage=Usage(input=3),
            cost=0.125,
        )

    def post(self, asked):
        request = urllib.request.Request(os.environ["STUB"], json.dumps(asked).encode())
        request.add_header("authorization", f"Bearer {os.environ['REMOTE_API_KEY']}")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers


class Other(Remote):
    name = "other"
    tools = False
'''
TEST = "from tiny import last\n\n\ndef test_empty():\n    assert last([]) is None\n"
SOLVING = [
    ("write_test", {"path": "tests/test_empty.py", "content": TEST}),
    (
        "edit",
        {
            "path": "tiny.py",
            "old": "    return items[-1]\n",
            "new": "    return items[-1] if items else None\n",
        },
    ),
    ("submit", {"message": "done"}),
]
LOOKING = [
    ("view", {"path": "tiny.py"}),
    ("search", {"query": "last"}),
    ("give_up", {"reason": "that is all that was to be tried"}),
]
"""Without a patch nothing is tested, which takes most of a run's time."""
GAVE_UP = 1


class Stub(ThreadingHTTPServer):
    """Answers each turn; `fails` holds what it says first: status, words, headers, by turn."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.fails = {}
        self.form = "native"
        self.steps = LOOKING

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def paid(self):
        return [(one["sample"], one["turn"]) for one in self.asked if one["paid"]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        waiting = self.server.fails.get(asked.get("turn", 0), [])
        status, body, headers = waiting.pop(0) if waiting else (200, self.reply(asked), {})
        self.server.asked.append(asked | {"paid": status == 200})
        body = body.replace("KEY", self.headers.get("authorization", "").removeprefix("Bearer "))
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def reply(self, asked):
        name, arguments = self.server.steps[asked["turn"]]
        call = {"id": f"c{asked['turn']}", "name": name, "arguments": arguments}
        if self.server.form == "lost":
            words = json.dumps({"name": name, "arguments": arguments})
            return json.dumps({"text": f"<tool_call>{words}</tool_call>", "cost": 0.25})
        return json.dumps({"text": "seen KEY", "tool_calls": [call], "model": "remote-1", "cost": 0.25})

    def log_message(self, *arguments):
        pass


@pytest.fixture
def stub():
    with Stub() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def remote(tmp_path):
    path = tmp_path / "remote.py"
    path.write_text(BACKEND)
    return f"{path}:Remote"


def order(checkout, model, out, samples=1):
    return [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", model, "--samples", samples),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", out, "--json"),
    ]


def events(out, kind):
    with Journal(next(path.parent for path in out.rglob("journal.jsonl"))) as journal:
        return [event.data for event in journal.of(kind)]


def written(out):
    """What a run's journal holds by now."""
    return "".join(path.read_text() for path in out.rglob("journal.jsonl"))


def leaks(out, *done):
    """Where the key is found in what a run left and printed."""
    found = [path for path in out.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    return found + [text for one in done for text in (one.stdout, one.stderr) if KEY in text]


def test_a_server_that_fails_twice_is_asked_again_and_charged(mangabey, checkout, remote, stub, tmp_path):
    out = tmp_path / "run"
    stub.steps = SOLVING
    stub.fails[1] = [(503, "overloaded KEY", {}), (429, "slow down", {"retry-after": "0.2"})]
    done = mangabey(*order(checkout, remote, out), timeout=170, STUB=stub.address, REMOTE_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["cost"] == pytest.approx(3 * 0.25 + 2 * 0.125)
    assert report["usage"]["input"] == 6
    replies = [event["reply"] for event in events(out, "reply")]
    assert [len(reply["attempts"]) for reply in replies] == [0, 2, 0]
    first, second = replies[1]["attempts"]
    assert (first["error"], first["message"]) == ("ServerFailedError", "503: overloaded [REMOTE_API_KEY]")
    assert second["waited"] >= 0.2
    assert {one["session"] for one in stub.asked} == {report["instance_id"]}
    assert [event["dialect"] for event in events(out, "dialect")] == ["native"]
    assert leaks(out, done) == []


def test_a_run_killed_between_attempts_pays_nothing_twice(mangabey, checkout, remote, stub, tmp_path):
    out = tmp_path / "run"
    stub.fails[1] = [(503, "overloaded", {"retry-after": "100"})]
    child = subprocess.Popen(
        [sys.executable, "-m", "mangabey", *map(str, order(checkout, remote, out))],
        env=environment(tmp_path, STUB=stub.address, REMOTE_API_KEY=KEY),
        cwd=tmp_path / "work",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while '"kind":"attempt"' not in written(out) and time.monotonic() < until:
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert [(one["turn"], one["paid"]) for one in stub.asked] == [(0, True), (1, False)]
    (attempt,) = events(out, "attempt")
    assert (attempt["turn"], attempt["attempt"]["message"]) == (1, "503: overloaded")
    done = mangabey("solve", "--resume", out, "--json", STUB=stub.address, REMOTE_API_KEY=KEY)
    assert done.returncode == GAVE_UP, done.stderr
    assert stub.paid() == [(0, 0), (0, 1), (0, 2)]
    assert json.loads(done.stdout)["cost"] == pytest.approx(3 * 0.25 + 0.125)


def test_a_call_that_fails_in_the_end_is_in_the_journal_and_charged(
    mangabey, checkout, remote, stub, tmp_path
):
    out = tmp_path / "run"
    stub.fails[1] = [(503, "overloaded", {}), (503, "still", {})]
    env = {"STUB": stub.address, "REMOTE_API_KEY": KEY}
    failed = mangabey(*order(checkout, remote, out), "--attempts", 2, **env)
    assert failed.returncode == 1
    assert "still (sent 2 times)" in failed.stderr
    (failure,) = events(out, "failure")
    assert (failure["turn"], [one["message"] for one in failure["attempts"]]) == (
        1,
        ["503: overloaded", "503: still"],
    )
    done = mangabey("solve", "--resume", out, "--json", **env)
    assert done.returncode == GAVE_UP, done.stderr
    assert stub.paid() == [(0, 0), (0, 1), (0, 2)]
    assert json.loads(done.stdout)["cost"] == pytest.approx(3 * 0.25 + 2 * 0.125)


def test_a_key_in_a_servers_words_reaches_nothing_a_run_leaves(mangabey, checkout, remote, stub, tmp_path):
    out = tmp_path / "run"
    stub.fails[0] = [(401, "bad key KEY, sent as Authorization: Bearer KEY", {})]
    failed = mangabey(*order(checkout, remote, out), STUB=stub.address, REMOTE_API_KEY=KEY)
    assert failed.returncode == 1
    assert "bad key [REMOTE_API_KEY]" in failed.stderr
    assert len(stub.asked) == 1
    done = mangabey("solve", "--resume", out, "--json", STUB=stub.address, REMOTE_API_KEY=KEY)
    assert done.returncode == GAVE_UP, done.stderr
    assert "seen [REMOTE_API_KEY]" in events(out, "reply")[0]["reply"]["text"]
    assert leaks(out, failed, done) == []


def test_a_key_of_the_key_file_is_used_and_kept_secret(mangabey, checkout, remote, stub, tmp_path):
    out, path = tmp_path / "run", tmp_path / "keys"
    path.write_text(f"REMOTE_API_KEY={KEY}\n")
    env = {"STUB": stub.address, "MANGABEY_KEYS": path}
    path.chmod(0o644)
    refused = mangabey(*order(checkout, remote, out), **env)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"mangabey: the key file {path} is open to other users")
    path.chmod(0o600)
    done = mangabey(*order(checkout, remote, out), **env)
    assert done.returncode == GAVE_UP, done.stderr
    assert leaks(out, done, refused) == []


def test_a_resumed_run_speaks_the_dialect_it_began_in(mangabey, checkout, remote, stub, tmp_path):
    out, env = tmp_path / "run", {"STUB": stub.address, "REMOTE_API_KEY": KEY}
    stub.fails[1] = [(401, "no", {})]
    assert mangabey(*order(checkout, remote, out), **env).returncode == 1
    path = tmp_path / "remote.py"
    path.write_text(path.read_text().replace("tools = True", "tools = False"))
    done = mangabey("solve", "--resume", out, "--json", **env)
    assert done.returncode == GAVE_UP, done.stderr
    assert {one["tools"] > 0 for one in stub.asked} == {True}
    assert len(events(out, "dialect")) == 1


def test_calls_that_the_server_lost_are_made(mangabey, checkout, remote, stub, tmp_path):
    stub.form = "lost"
    done = mangabey(*order(checkout, remote, tmp_path / "run"), STUB=stub.address, REMOTE_API_KEY=KEY)
    assert done.returncode == GAVE_UP, done.stderr
    assert stub.paid() == [(0, 0), (0, 1), (0, 2)]


def test_mixtures_and_roles_are_resolved_and_recorded(mangabey, checkout, remote, stub, tmp_path):
    out = tmp_path / "run"
    path = remote.removesuffix(":Remote")
    model = f"builtin/repair,edit=1*{remote} + 1*{path}:Other,verify=builtin/repair"
    stub.form = "lost"
    done = mangabey(*order(checkout, model, out), STUB=stub.address, REMOTE_API_KEY=KEY)
    assert [event["dialect"] for event in events(out, "dialect")] == ["text"], done.stderr
    recipe = json.loads((out / "run.json").read_text())["recipe"]
    assert recipe["model"] == "builtin/repair"
    assert recipe["models"] == {"edit": f"1*{remote} + 1*{path}:Other", "verify": "builtin/repair"}
    assert {event["reply"]["model"] for event in events(out, "reply")} <= {"remote", "other"}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("edti=builtin/repair", "did you mean edit? (roles: context, test, edit, verify, select)"),
        ("a,b", "one serves all roles"),
        ("edit=", "gives the role edit no model"),
        ("verify=builtin/repiar", "builtin/repair"),
        ("0.5*builtin/repair + 0.5*", "is no mixture"),
    ],
)
def test_what_is_wrong_with_models_is_said(mangabey, checkout, tmp_path, model, said):
    done = mangabey(*order(checkout, model, tmp_path / "run"))
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
