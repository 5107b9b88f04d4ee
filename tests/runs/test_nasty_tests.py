"""Generated tests that hang, shout, fork or want the network: the run ends, and they decide nothing."""

from __future__ import annotations

import json

from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE

BACKEND = '''"""Every sample fixes the bug; each but the first brings a test of another bad kind."""

from agent import Capabilities, Reply, ToolCall

GOOD = "from tiny import last\\n\\n\\ndef test_empty():\\n    assert last([]) is None\\n"
HANGS = "def test_hang():\\n    while True:\\n        pass\\n"
SHOUTS = """import os\\n\\n\\ndef test_shout():
    line = b"x" * 1048576
    for _ in range(2000):
        os.write(1, line)
    assert False
"""
FORKS = """import os, time\\n\\n\\ndef test_fork():
    while True:
        try:
            if not os.fork():
                time.sleep(60)
                os._exit(0)
        except OSError:
            raise AssertionError("no more processes") from None
"""
ONLINE = """import socket\\n\\n\\ndef test_online():
    socket.create_connection(("192.0.2.1", 80), timeout=3)
"""


class Actor:
    name = "actor"
    capabilities = Capabilities(tools=True)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        test = [GOOD, HANGS, SHOUTS, FORKS, ONLINE][sampling.sample]
        fix = "    return items[-1] if items else None\\n"
        name, arguments = [
            ("write_test", {"path": f"tests/test_new_{sampling.sample}.py", "content": test}),
            ("edit", {"path": "tiny.py", "old": "    return items[-1]\\n", "new": fix}),
            ("submit", {}),
        ][turn]
        return Reply(tool_calls=(ToolCall(id=f"c{turn}", name=name, arguments=arguments),))
'''


def test_nasty_tests_end_and_decide_nothing(mangabey, checkout, tmp_path):
    backend = tmp_path / "nasty.py"
    backend.write_text(BACKEND)
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", f"{backend}:Actor", "--samples", 5),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run", "--json"),
        *("--test-seconds", 6),
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    decision = json.loads(done.stdout)["decision"]
    assert "items[-1] if items else None" in decision["patch"]
    winner = next(line for line in decision["lines"] if line["candidate"] == decision["winner"])
    outcomes = {
        column["target"].rpartition("/")[2]: (column["base"], outcome)
        for column, outcome in zip(decision["columns"], winner["outcomes"], strict=True)
    }
    assert outcomes["test_new_0.py::test_empty"] == ("failed", "passed")
    assert outcomes["test_new_4.py::test_online"] == ("failed", "failed")
    assert all(after != "passed" for name, (_, after) in outcomes.items() if "test_new_0" not in name)
    assert winner["votes"] == 1
