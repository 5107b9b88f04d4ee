"""The verdict of the `swebench` package on a log."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.task import TaskError

_LONGEST = 200
_HOME = Path(__file__).parent.parent.parent
_START = "import sys; sys.path.insert(0, {home!r}); from envs.swebench.worker import main; main()"


@dataclass(frozen=True, slots=True)
class Report:
    """What the package says of one log.

    `ran` is false where it finds no results in it, or does not believe them; `reason` then names a fault of
    the environment where it sees one. `passed` are the official tests that it counts as passed, or, of
    PASS_TO_PASS, as kept.
    """

    resolved: bool
    ran: bool
    reason: str
    version: str
    passed: frozenset[str]


def report_on(instance: Mapping[str, Any], log: str) -> Report:
    """Return the package's report on a whole log, with the harness's markers; blocks, in any thread.

    Args:
        instance: a row in the schema of swebench 5.
        log: the log.

    Raises:
        TaskError: the package is not installed, or cannot read the log.
    """
    prediction = {"instance_id": instance["instance_id"], "model_name_or_path": "patch", "model_patch": "x"}
    answer = _ask({"instance": instance, "prediction": prediction, "log": log})
    return Report(**answer | {"passed": frozenset(answer["passed"])})


def statuses_in(instance: Mapping[str, Any], outputs: Sequence[str]) -> list[Mapping[str, str]]:
    """Return the results by test that the package's parser reads in each of several outputs of tests.

    Raises:
        TaskError: the package is not installed, or has no such parser.
    """
    return list(_ask({"instance": instance, "outputs": outputs})["statuses"])


def _ask(request: Mapping[str, Any]) -> dict[str, Any]:
    answer = _worker().ask(request)
    if "error" in answer:
        name = request["instance"]["instance_id"]
        raise TaskError(f"{name}: the log cannot be graded: {answer['error']}", log=answer.get("said", ""))
    return answer


class _Worker:
    """The process, started when first asked and again where it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.mkdtemp(prefix="mangabey-swebench-")
        self._said = Path(self._folder, "stderr").open("ab+")  # noqa: SIM115 (closed with the process)
        atexit.register(self.close)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            try:
                return self._answer(request)
            except TaskError:
                raise
            except (OSError, ValueError):
                self._end()
            try:
                return self._answer(request)
            except (OSError, ValueError) as error:
                self._end()
                said = self._heard()
                last = (said.strip().splitlines() or ["is there enough memory?"])[-1].strip()
                message = f"the swebench package's process ended twice: {last[:_LONGEST]}"
                raise TaskError(message, log=said) from error

    def _heard(self) -> str:
        """Return what the process has written to stderr since the last request."""
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._said.truncate(0)
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = dict(json.loads(self._process.stdout.readline()))
        return answer | {"said": self._heard()} if "error" in answer else answer

    def _start(self) -> subprocess.Popen[str]:
        from importlib.util import find_spec

        if find_spec("swebench") is None:
            raise TaskError(
                "grading the SWE-bench family needs its package: pip install 'mangabey[swebench]'"
            )
        # a folder of its own, for the package reads a file .env where it is started
        return subprocess.Popen(
            [
                sys.executable,
                "-X",
                "utf8",
                "-c",
                _START.format(home=str(_HOME)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            cwd=self._folder,
        )

    def close(self) -> None:
        """End the process and forget its folder."""
        with self._lock:
            self._end()
            self._said.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not written yet
                        pipe.close()
            self._process.wait()
            self._process = None


@functools.cache
def _worker() -> _Worker:
    return _Worker()
