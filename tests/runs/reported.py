"""A report of a run, and how it is rendered."""

from __future__ import annotations

import io

from rich.console import Console

from agent.messages import Usage
from envs.outcomes import Outcome
from runs.decision import Column, Decision, Line
from runs.display.result import render
from runs.report import Diversity, Report, SampleLine

PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-[red]x[/]\n+y\n"


def report(winner="c1", columns=2, **changes):
    passed, failed = (Outcome.PASSED,) * columns, (Outcome.FAILED,) * columns
    decision = Decision(
        rule="vote",
        reason="1 of 1 votes" if winner else "abstains: no candidate passes",
        winner=winner,
        patch=PATCH if winner else "",
        probability=None,
        columns=tuple(
            Column(
                test=f"t{number}",
                target=f"tests/test_{'long' * 20}.py::test_{number}",
                base=Outcome.FAILED if number else Outcome.PASSED,
                speaks=bool(number),
                authors=("sample 0", "sample 2"),
            )
            for number in range(columns)
        ),
        lines=(
            Line(candidate="c1", origin="sample 0", cluster="k1", outcomes=passed, votes=1, changed_lines=2),
            Line(candidate="c2", origin="sample 2", cluster="k1", outcomes=passed, votes=1, changed_lines=2),
            Line(candidate="c3", origin="sample 1", cluster="k2", outcomes=failed, rejected="fails 1 of 1"),
            Line(candidate="c4", origin="[bold]file.diff", cluster="", rejected="its diff is empty"),
        ),
        guards=3,
    )
    fields = {
        "instance_id": "pkg__1-1",
        "problem_statement": "# A title with [markup]\n\ntext",
        "model": "builtin/repair",
        "decision": decision,
        "grade": None,
        "samples": (SampleLine(sample=0, exit_reason="submitted", message="", seconds=1, turns=4),),
        "diversity": Diversity(trajectories=3, clusters=2, per_trajectory=0.667),
        "usage": Usage(),
        "cost": 0.0,
        "seconds": 12.0,
    }
    return Report(**(fields | changes))


def rendered(shown, tmp_path, encoding="utf-8", width=80):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    render(shown, tmp_path, Console(file=stream, width=width, highlight=False))
    stream.flush()
    return raw.getvalue().decode(encoding)
