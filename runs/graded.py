"""One instance's grade on disk: `grade.json`, from which a run goes on, and the log beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from agent.messages import Value
from envs.cache import content_key
from envs.grade import Grade, GradeStatus
from envs.outcomes import Outcome
from runs.evaluation_order import Order
from runs.folder import write_text

FILE, LOG = "grade.json", "test_output.txt"
_LONGEST = 200
_LACKING = re.compile(r"\bNo module named ")
_MARKER = ">>>>>"
"""Begins the lines that the official harness adds to a log."""


class Graded(Value):
    """What one prediction came to, and under which conditions.

    `key` stands for the patch, the task and the options. `image` is the name of the instance's image,
    `image_digest` the digest by which it can be had again, or the id of one that was made here. `failure` is
    what the `swebench` package takes for a fault of the environment in the log, and `failure_tier` how sure
    it is. See `envs.grade.Grade` for the rest.
    """

    instance_id: str
    model: str
    key: str
    status: GradeStatus
    message: str = ""
    fail_to_pass: Mapping[str, Outcome] = {}
    pass_to_pass: Mapping[str, Outcome] = {}
    rule: str = ""
    set_aside: tuple[str, ...] = ()
    command: str = ""
    image: str = ""
    image_digest: str = ""
    versions: Mapping[str, str] = {}
    seconds: float = 0.0
    runs: int = 0
    failure: str = ""
    failure_tier: str = ""

    @property
    def final(self) -> bool:
        """Whether it need not be graded again: the tests have run, and said what they had to say."""
        return self.status.is_verdict or self.status is GradeStatus.FLAKY


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a grade was made with: see `Graded`."""

    image: str = ""
    image_digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def key_of(patch: str, fingerprint: str, order: Order) -> str:
    """Return what stands for a patch, a task and the options that a verdict depends on."""
    conditions = json.dumps(order.conditions(), sort_keys=True)
    return content_key("grade 1", patch, fingerprint, conditions)


def graded(grade: Grade, model: str, key: str, seconds: float, made_with: Surroundings) -> Graded:
    """Return what is kept of a grade; `seconds` is the instance's wall time."""
    from envs.swebench.failures import failure_in

    failure, tier = failure_in(grade.log) if not grade.resolved else ("", "")
    return Graded(
        instance_id=grade.instance_id,
        model=model,
        key=key,
        status=grade.status,
        message=grade.message or why_broken(grade),
        fail_to_pass=dict(grade.fail_to_pass),
        pass_to_pass=dict(grade.pass_to_pass),
        rule=grade.rule,
        set_aside=grade.set_aside,
        command=grade.command,
        image=made_with.image,
        image_digest=made_with.image_digest or grade.image,
        versions={**grade.versions, **made_with.versions},
        seconds=round(seconds, 3),
        runs=grade.runs,
        failure=failure,
        failure_tier=tier,
    )


def why_broken(grade: Grade) -> str:
    """Return why nothing ran in a broken environment, as far as its log tells; empty in any other."""
    if grade.status is not GradeStatus.ENVIRONMENT_BROKEN:
        return ""
    lines = [line.strip() for line in grade.output.splitlines() if not line.startswith(_MARKER)]
    last = next((line for line in reversed(lines) if line), "")[:_LONGEST]
    hint = "; add its package to the row's `requirements`" if _LACKING.search(last) else ""
    return f"no test runs there, with the patch or without it: {last or 'the log is empty'}{hint}"


def place_of(folder: Path, instance_id: str) -> Path:
    """Return where an instance's grade and log lie."""
    return folder / instance_id.replace("/", "__")


def write_graded(folder: Path, one: Graded, log: str) -> None:
    """Write the log and then the grade, which is whole once it is there, whenever the process is killed.

    A final grade that is there, of whatever patch, is not given up for one that says nothing.

    Raises:
        OSError: they cannot be written.
    """
    place = place_of(folder, one.instance_id)
    known = _read(place)
    if known is not None and known.final and not one.final:
        return
    place.mkdir(parents=True, exist_ok=True)
    for torn in place.glob(".part-*"):
        torn.unlink(missing_ok=True)
    write_text(place / LOG, log)
    write_text(place / FILE, json.dumps(one.model_dump(mode="json"), indent=1) + "\n")


def read_graded(folder: Path, instance_id: str, key: str) -> Graded | None:
    """Return the final grade that is there for a key; None where there is none, or it is damaged."""
    found = _read(place_of(folder, instance_id))
    return found if found is not None and found.key == key and found.final else None


def graded_in(folder: Path) -> dict[str, Graded]:
    """Return the grades that an evaluation's folder holds, by instance."""
    found = (_read(place.parent) for place in sorted(folder.glob(f"*/{FILE}")))
    return {one.instance_id: one for one in found if one is not None}


def _read(place: Path) -> Graded | None:
    try:
        return Graded.model_validate_json((place / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
