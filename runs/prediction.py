"""A prediction in the format SWE-bench's harness reads."""

from __future__ import annotations

import json

from runs.report import Report


def prediction_line(report: Report) -> str:
    """Return one JSON line; an abstention predicts the empty patch."""
    return (
        json.dumps(
            {
                "instance_id": report.instance_id,
                "model_name_or_path": f"mangabey/{report.model}",
                "model_patch": report.patch,
            }
        )
        + "\n"
    )
