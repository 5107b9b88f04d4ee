"""A process of its own that asks the `swebench` package: it takes 1.2 s to load and prints to stdout.

Requests and answers are lines of JSON. Run as `python -m envs.swebench.worker`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the package prints is no answer
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line))
        # the boundary of the process: whatever fails is told, and the next is answered
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
            traceback.print_exc()
            sys.stderr.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    from swebench.harness.log_parsers import PARSER_REGISTRY

    instance = request["instance"]
    parser = PARSER_REGISTRY.get(instance["log_parser"])
    if parser is None:
        return {"error": f"the swebench package has no parser {instance['log_parser']}"}
    from swebench.harness.utils import make_test_spec

    spec = make_test_spec(instance)
    if "outputs" in request:
        return {"statuses": [parser(_lines(output), spec) for output in request["outputs"]]}
    return _report(request, spec)


def _lines(output: str) -> str:
    """Return a text as Python reads it from a file, which is how the package reads a log."""
    return output.replace("\r\n", "\n").replace("\r", "\n")


def _report(request: Mapping[str, Any], spec: Any) -> dict[str, Any]:
    """Return the package's report on a log."""
    from importlib.metadata import version

    from swebench.harness.grading import get_eval_report

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_text(request["log"], encoding="utf-8", errors="replace")
        found = get_eval_report(spec, request["prediction"], str(path), True)[spec.instance_id]
    return {
        "resolved": found["resolved"],
        "ran": found["patch_successfully_applied"],
        "reason": found.get("infra_failure_reason", ""),
        "passed": sorted(_successes(found.get("tests_status", {}))),
        "version": version("swebench"),
    }


def _successes(tests: Mapping[str, Mapping[str, list[str]]]) -> set[str]:
    return {
        test for name in ("FAIL_TO_PASS", "PASS_TO_PASS") for test in tests.get(name, {}).get("success", ())
    }


if __name__ == "__main__":
    main()
