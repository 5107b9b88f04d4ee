"""What a user can get wrong, or a machine can lack, ends in one line and the right exit code."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, commit


def one_line(done, code):
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("mangabey: ")
    assert "Traceback" not in done.stderr
    assert not done.stdout.strip()
    return lines[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["solve"], 2, "say what to solve"),
        (["solve", "--repo", "."], 2, "say what to solve"),
        (["solve", "--task", "pypi/x", "--repo", "."], 2, "brings its own repository"),
        (["solve", "--repo", ".", "--issue", "  "], 2, "the issue is empty"),
        (["solve", "--repo", ".", "--issue", "missing.md"], 2, "there is no issue file missing.md"),
        (["solve", "--repo", "nowhere", "--issue", "x"], 2, "nowhere"),
        (["solve", "--repo", ".", "--issue", "x"], 2, "git"),
        (["solve", "--task", "pypi/funcy__2.0-9"], 2, "funcy__2.0-"),
        (["solve", "--task", "nosuch/thing"], 2, "there is no source 'nosuch'"),
        (["solve", "--resume", "nowhere"], 2, "holds no run"),
        (["tasks", "show", "pypi/fancy__2.0-1"], 2, "funcy__2.0-1"),
        (["tasks", "list", "--suite", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["solve", "--repo", ".", "--issue", "long " * 200], 2, "git"),
        (["solve", "--resume", "x", "--samples", "9"], 2, "leave out --samples"),
        (["solve", "--task", "pypi/funcy__2.0-1", "--candidates", "no.diff"], 2, "no.diff"),
        (["solve", "--task", "pypi/funcy__2.0-1", "--python", "python3"], 2, "--python goes with --repo"),
        (["solve", "--repo", ".", "--issue", "x", "--sandbox", "dockr"], 2, "did you mean docker?"),
        (["solve", "--repo", ".", "--issue", "x", "-c", "budget.dollars=inf"], 2, "a finite number"),
        (["solve", "--repo", ".", "--issue", "x", "--steps", "few"], 2, "--steps"),
        (["sovle"], 2, "no such command 'sovle'"),
        (["batch"], 2, "missing option '--tasks'; see mangabey batch -h"),
    ],
)
def test_wrong_use(mangabey, arguments, code, said):
    assert said in one_line(mangabey(*arguments), code)


def test_unknown_model_names_the_near_one(mangabey, checkout, tmp_path):
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", "builtin/repiar"),
        *("--python", lean_python(), "--out", tmp_path / "run"),
    )
    assert "builtin/repair" in one_line(done, 2)


def test_an_existing_run_is_not_overwritten(mangabey, checkout, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text("{}")
    done = mangabey("solve", "--repo", checkout, "--issue", ISSUE, "--out", out)
    assert "--resume" in one_line(done, 2)


def test_a_repository_without_tests_with_odd_files(mangabey, checkout, actor, tmp_path):
    (checkout / "tests" / "test_tiny.py").unlink()
    (checkout / "blob.bin").write_bytes(bytes(range(256)) * 4096)
    (checkout / "big.txt").write_text("x" * (50 << 20))
    (checkout / "leaves").symlink_to("/etc/shadow")
    commit(checkout)
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run", "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "no existing test guards it" in report["decision"]["reason"]
    assert "items[-1] if items else None" in report["decision"]["patch"]


def test_a_dirty_checkout_is_worked_on_in_a_copy_and_said(mangabey, checkout, actor, tmp_path):
    (checkout / "tiny.py").write_text((checkout / "tiny.py").read_text() + "\n# a change not committed\n")
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run"),
    )
    assert done.returncode == 0, done.stderr
    assert "uncommitted" in done.stderr
    assert (checkout / "tiny.py").read_text().endswith("# a change not committed\n")


def test_a_torn_journal_is_mended_and_said(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    command = [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", out, "--json"),
    ]
    first = json.loads(mangabey(*command).stdout)
    journal = next(out.rglob("journal.jsonl"))
    raw = journal.read_bytes()
    keep = raw[: raw.index(b'"kind":"decision"')]
    journal.write_bytes(keep)
    done = mangabey("solve", "--resume", out, "--json")
    assert done.returncode == 0, done.stderr
    assert "torn last line" in done.stderr
    assert json.loads(done.stdout)["decision"] == first["decision"]


def test_a_full_disk_is_one_line_and_what_was_found_is_kept(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    command = [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", out, "--json"),
    ]
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import errno, os, runs.journal\n"
        "write = runs.journal.Journal._write_whole\n"
        "def full(self, line):\n"
        "    if len(self.events) >= 5:\n"
        "        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "    write(self, line)\n"
        "runs.journal.Journal._write_whole = full\n"
    )
    done = mangabey(*command, PYTHONPATH=hook)
    assert "No space left on device" in one_line(done, 1)
    assert "--resume" in done.stderr
    again = mangabey("solve", "--resume", out, "--json")
    assert again.returncode == 0, again.stderr


def test_a_model_that_always_fails_is_one_line(mangabey, checkout, tmp_path):
    backend = tmp_path / "broken.py"
    backend.write_text(
        "from agent import Capabilities\n"
        "class Broken:\n"
        "    name = 'broken'\n"
        "    capabilities = Capabilities(tools=True)\n"
        "    async def generate(self, messages, tools, sampling):\n"
        "        raise ConnectionError('nobody there')\n"
    )
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", f"{backend}:Broken", "--samples", 2),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run"),
    )
    assert "nobody there" in one_line(done, 1)


def test_a_mistake_leaves_no_run_behind(mangabey, tmp_path):
    out = tmp_path / "run"
    one_line(mangabey("solve", "--task", "pypi/funcy__2.0-9", "--out", out), 2)
    assert not out.exists()


def test_a_run_inside_the_checkout_stays_out_of_it(mangabey, checkout, actor):
    command = [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1, "--json"),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out"),
    ]
    first = mangabey(*command, checkout / "mangabey-out" / "one")
    second = mangabey(*command, checkout / "mangabey-out" / "two")
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert "uncommitted" not in second.stderr
    assert json.loads(first.stdout)["instance_id"] == json.loads(second.stdout)["instance_id"]


def test_a_resumed_run_works_on_the_state_it_began_with(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    command = [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", out, "--json"),
    ]
    first = json.loads(mangabey(*command).stdout)
    paid = (tmp_path / "calls").read_text()
    (checkout / "tiny.py").write_text("# all is different now\n")
    again = mangabey("solve", "--resume", out, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == first
    assert (tmp_path / "calls").read_text() == paid


def test_bytes_that_are_no_text_survive_to_the_report(mangabey, checkout, actor, tmp_path):
    source = checkout / "tiny.py"
    base = b"# -*- coding: latin-1 -*-\n# \xe9\n" + source.read_bytes()
    source.write_bytes(base)
    commit(checkout)
    fixed = base.replace(b"\xe9", b"\xe8").replace(
        b"return items[-1]", b"return items[-1] if items else None"
    )
    source.write_bytes(fixed)
    diff = subprocess.run(["git", "diff"], cwd=checkout, check=True, capture_output=True).stdout
    source.write_bytes(base)
    (tmp_path / "fix.diff").write_bytes(diff)
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--candidates", tmp_path / "fix.diff"),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run", "--json"),
    )
    assert done.returncode == 0, done.stderr
    patch = json.loads(done.stdout)["decision"]["patch"]
    assert patch.encode("utf-8", "surrogateescape").count(b"\xe8") == 1


def test_an_environment_that_the_repository_brings_is_not_run(mangabey, checkout, actor, tmp_path):
    trap = checkout / ".venv" / "bin" / "python"
    trap.parent.mkdir(parents=True)
    (checkout / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/trapped\n")
    trap.chmod(0o755)
    commit(checkout)
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", 1),
        *("--sandbox", "daemonless", "--out", tmp_path / "run", "--json"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path),
        timeout=170,
    )
    assert "belongs to the repository" in done.stderr
    assert not (tmp_path / "trapped").exists()
    assert done.returncode in {1, 2}, done.stderr
    assert "pytest" in one_line(done, done.returncode)
