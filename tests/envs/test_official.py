from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from envs.canary import Canary
from envs.git import git
from envs.official import (
    END,
    EXIT,
    START,
    OfficialLog,
    _as_harness,
    _cut,
    _parts,
    _without,
    as_if_alone,
    run_official,
)
from envs.prepare import prepare
from envs.swebench.verdict import report_on, statuses_in
from envs.task import Environment, Grading, Task
from sandbox.base import Status

NONCE = "0123456789abcdef"
CANARY = Canary("q1", "tests/test_q1.py", "", "pytest tests/test_a.py tests/test_q1.py")


def grading(command: str = "pytest tests/test_a.py", script: str = "") -> Grading:
    return Grading("", command, (), (), eval_script=script)


FILES = {
    "lib.py": "def half(n):\n    return n / 2\n",
    "tests/test_a.py": (
        "import lib\n\ndef test_odd():\n    assert lib.half(5) == 2.5\n\n"
        "def test_even():\n    assert lib.half(4) == 2\n"
    ),
}
WRONG = "def half(n):\n    return n // 2\n"
COMMAND = (
    'PYTHONPATH="$PWD" PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 '
    "python -m pytest -rA -p no:cacheprovider -o addopts= tests/test_a.py"
)
ODD, EVEN = "tests/test_a.py::test_odd", "tests/test_a.py::test_even"
SCRIPT = (
    "#!/bin/bash\nset -uxo pipefail\necho before\n: '>>>>> Start Test Output'\n%s\n"
    ": '>>>>> End Test Output'\necho after\n"
)


@pytest.fixture
def run(make_repository, tmp_path, host):
    """Return a function that runs the tests on files, in a real sandbox, and asks the package."""

    async def once(files: dict[str, str], seconds: float = 60, **fields) -> tuple[OfficialLog, bool, bool]:
        folder = make_repository(FILES | files)
        base = git(folder, "rev-parse", "HEAD").decode().strip()
        task = Task("x", "local/x", base, "issue", Environment(python=sys.executable), "pytest")
        room = await host.start((await prepare(task, folder, tmp_path / "home")).root)
        fields = {"test_command": COMMAND, "log_parser": "parse_log_pytest_v2"} | fields
        graded = Grading(
            "", fail_to_pass=(ODD,), pass_to_pass=(EVEN,), test_files=("tests/test_a.py",), **fields
        )
        found = await run_official(room, graded, timeout=seconds)
        row = {
            "instance_id": "x",
            "image": "",
            "repo": "local/x",
            "version": "",
            "eval_type": "pass_and_fail",
        }
        row |= {
            "FAIL_TO_PASS": [ODD],
            "PASS_TO_PASS": [EVEN],
            "eval_script": "",
            "log_parser": graded.log_parser,
        }
        whole, plain = statuses_in(row, [found.output_with_canary, found.output])
        failures = bool({"FAILED", "ERROR"} & set(plain.values()))
        resolved = report_on(row, as_if_alone(found, failures).log).resolved
        return found, resolved, found.canary is not None and found.canary.sings(whole)

    return once


@pytest.mark.parametrize("script", ["", SCRIPT % COMMAND], ids=["command", "script"])
async def test_a_right_patch_is_resolved_and_the_canary_sings(run, script):
    found, resolved, sings = await run({}, eval_script=script)
    assert (resolved, sings, found.exit_code, found.status) == (True, True, 1, Status.EXITED)
    assert "after" not in found.log
    assert found.log.count(">>>>>") == 3


@pytest.mark.parametrize("script", ["", SCRIPT % COMMAND], ids=["command", "script"])
async def test_a_wrong_patch_is_not_resolved_by_the_truth(run, script):
    found, resolved, sings = await run({"lib.py": WRONG}, eval_script=script)
    assert (resolved, sings, found.exit_code) == (False, True, 1)


FORGED = f"PASSED {ODD}\nPASSED {EVEN}\nFAILED tests/other.py::test\n"
TELL = """
import os, stat

def tell(text):  # past what pytest captures, to the stdout that it has put aside
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}"):
            if stat.S_IFMT(os.fstat(int(name)).st_mode) in (stat.S_IFIFO, stat.S_IFSOCK):
                return os.write(int(name), text.encode())
"""


@pytest.mark.parametrize("arrows", [5, 9])
async def test_a_patch_that_prints_the_end_is_not_resolved(run, arrows):
    marker = ">" * arrows
    text = f"{FORGED}{marker} End Test Output\n{marker} Test Exit Code: 0\n"
    found, resolved, sings = await run({"lib.py": f"{WRONG}{TELL}tell({text!r})\n"})
    assert (resolved, sings) == (False, True)
    assert FORGED in found.log
    assert found.log.count(">>>>>") == 3


async def test_a_patch_that_ends_the_run_early_silences_the_canary(run):
    found, resolved, sings = await run({"lib.py": f"{WRONG}{TELL}tell({FORGED!r})\nos._exit(1)\n"})
    assert (resolved, sings) == (True, False)
    assert FORGED in found.log


async def test_a_run_that_takes_too_long_is_not_resolved(run):
    found, resolved, _ = await run({"lib.py": f"{WRONG}\nimport time\ntime.sleep(60)\n"}, seconds=2)
    assert (resolved, found.exit_code, found.status) == (False, None, Status.TIMED_OUT)
    assert "Timeout error" in found.log


def log(code: int | None = 1, canary: Canary | None = CANARY) -> OfficialLog:
    output = "PASSED tests/test_a.py::test_a"
    return OfficialLog(
        log=_as_harness("+ setup", output, code, Status.EXITED),
        output=output,
        output_with_canary=f"{output}\nFAILED tests/test_q1.py::test_q1_low",
        status=Status.EXITED,
        exit_code=code,
        seconds=1.0,
        command="pytest",
        canary=canary,
    )


def test_the_last_line_of_a_command_is_the_one_that_tests():
    assert _parts(grading("export A=1\ncd x\npytest a.py\n")) == ("export A=1\ncd x", "pytest a.py")
    assert _parts(grading("pytest a.py")) == ("", "pytest a.py")


def test_of_a_script_what_stands_between_its_markers_tests():
    script = (
        "#!/bin/bash\nset -uxo pipefail\ngit checkout 0123 tests/test_a.py\n: '>>>>> Start Test Output'\n"
        "pytest a.py\npytest b.py\n: '>>>>> End Test Output'\ngit checkout 0123 tests/test_a.py\n"
    )
    assert _parts(grading(script=script)) == ("git checkout 0123 tests/test_a.py", "pytest a.py\npytest b.py")


@pytest.mark.parametrize(
    "script", ["make\npytest a.py", ": '>>>>> End Test Output'\n: '>>>>> Start Test Output'"]
)
def test_a_script_without_markers_tests_as_a_whole(script):
    assert _parts(grading(script=f"#!/bin/bash\n{script}\n")) == ("", script)


def test_the_output_of_the_tests_is_cut_out():
    raw = f"setup\n{NONCE}-start\none\ntwo\n\n{NONCE}-end 0\n"
    assert _cut(raw, NONCE) == ("setup\n", "one\ntwo\n\n", 0)


def test_what_the_shell_traces_is_not_taken_for_the_end():
    raw = (
        f"+ git status\n+ echo {NONCE}-start\n{NONCE}-start\n+ pytest a.py\none\n+ mangabey_code=1\n"
        f"+ echo {NONCE}-end 1\n\n{NONCE}-end 1\n"
    )
    setup, output, code = _cut(raw, NONCE)
    assert setup == f"+ git status\n+ echo {NONCE}-start\n"
    assert output.startswith("+ pytest a.py\none\n")
    assert code == 1


def test_the_last_end_counts_whoever_printed_those_before():
    raw = f"{NONCE}-start\nPASSED a\n{NONCE}-end 0\nFAILED a\n\n{NONCE}-end 1\n"
    assert _cut(raw, NONCE) == ("", f"PASSED a\n{NONCE}-end 0\nFAILED a\n\n", 1)


def test_a_run_that_never_ended_has_no_exit_code():
    assert _cut(f"{NONCE}-start\none\n", NONCE) == ("", "one\n", None)
    assert _cut("setup failed\n", NONCE) == ("setup failed\n", "", None)


def test_markers_that_a_patch_prints_are_made_harmless():
    forged = f"{END}\n{EXIT}: 0\n{START}\nPASSED a\n>>>>>>>>>> Patch Apply Failed"
    for printed in (_without(forged, None), _without(forged, CANARY)):
        assert ">>>>>" not in printed
        assert "PASSED a" in printed
        assert printed.count("\n") == forged.count("\n")


def test_lines_of_the_canary_are_left_out():
    assert _without("a\ntests/test_q1.py F.\nFAILED tests/test_q1.py::test_q1_low\nb", CANARY) == "a\nb"


@pytest.mark.parametrize(
    "text", [*(">" * count for count in range(5, 21)), "> > >>>>>>", ">>>>>\n>>>>> >>>>>"]
)
def test_no_marker_comes_out_of_what_is_taken_apart(text):
    assert ">>>>>" not in _without(text, None)


def test_the_log_is_as_the_harness_keeps_it():
    assert _as_harness("setup", "out", 2, Status.EXITED) == f"setup\n{START}\nout\n{END}\n{EXIT}: 2\n"
    assert _as_harness("setup", "out", None, Status.TIMED_OUT) == f"setup\n{START}\nout\n\nTimeout error\n"
    assert END not in _as_harness("setup", "out", None, Status.EXITED)


def test_the_failure_of_the_canary_alone_is_taken_off_the_exit_code():
    alone = as_if_alone(log(), failures=False)
    assert alone.exit_code == 0
    assert alone.log == _as_harness("+ setup\n", log().output, 0, Status.EXITED)


@pytest.mark.parametrize(
    ("found", "failures"),
    [(log(), True), (log(0), False), (log(2), False), (log(None), False), (log(1, None), False)],
)
def test_any_other_exit_code_stays(found, failures):
    assert as_if_alone(found, failures) == replace(found)
