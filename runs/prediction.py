"""A prediction in the format SWE-bench's harness reads."""

from __future__ import annotations

import json

from runs.report import Report


def prediction_line(report: Report) -> str:
    """Return one JSON line; an abstention predicts the empty patch."""
    return prediction(report.instance_id, report.model, report.patch)


def prediction(instance_id: str, maker: str, patch: str) -> str:
    """Return one JSON line; `maker` is the model, or the rule that chose."""
    named = {"instance_id": instance_id, "model_name_or_path": f"mangabey/{maker}", "model_patch": patch}
    return json.dumps(named) + "\n"
