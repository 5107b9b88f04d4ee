"""Issues with their evidence and, for measuring only, which of their candidates are right."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agent.messages import Value
from selection.evidence import Evidence

MARKS = ("equals_gold", "chosen_with_hindsight")
"""What a label can say of a candidate that no selector would meet: it distorts figures, and is left out."""


class LabError(ValueError):
    """What the laboratory was given cannot be measured; the message says why and what to do."""


class Label(Value):
    """Whether a candidate resolves its issue, and how that is known.

    `verdict_quality` is free text, such as `checked` or `authors`. The marks say that a candidate makes the
    same change as the reference fix, or was chosen by somebody who knew the verdict.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    resolved: bool
    verdict_quality: str = ""
    equals_gold: bool = False
    chosen_with_hindsight: bool = False

    def marked(self, marks: Collection[str]) -> bool:
        """Whether it carries one of some marks."""
        return any(getattr(self, mark) for mark in marks)


LABELS = TypeAdapter(dict[str, Label | bool])


@dataclass(frozen=True, slots=True)
class Labelled:
    """One issue's evidence and verdicts by candidate id; every candidate has one.

    `costs` are dollars by candidate id, where they are known. `judging` are those of each reader of these
    candidates, by its name in the evidence; empty where the record names none. `testers` are dollars by
    author of tests who brings no candidate, and `context` those of what all candidates were shown: both are
    paid once, however many candidates there are.
    """

    evidence: Evidence
    resolved: Mapping[str, bool]
    costs: Mapping[str, float] = field(default_factory=dict)
    judging: Mapping[str, float] = field(default_factory=dict)
    testers: Mapping[str, float] = field(default_factory=dict)
    context: float = 0.0

    @property
    def ids(self) -> tuple[str, ...]:
        """Its candidates, in order of their ids."""
        return tuple(sorted(self.resolved))

    @property
    def right(self) -> int:
        """How many of its candidates are right."""
        return sum(self.resolved.values())

    @property
    def mixed(self) -> bool:
        """Whether its candidates disagree: some are right and some are wrong."""
        return 0 < self.right < len(self.resolved)

    def share(self, ids: Collection[str]) -> float:
        """Return the share of some candidates that is right; 0 where there are none."""
        return sum(self.resolved[id_] for id_ in ids) / len(ids) if ids else 0.0


def read_labels(path: Path) -> Mapping[str, Label]:
    """Read a JSON object of labels by candidate id; a label is an object, or true or false alone.

    Raises:
        LabError: the file cannot be read or holds something else.
    """
    try:
        found = LABELS.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise LabError(f"{path} holds no labels: {where}{first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path} is no JSON: {error}") from error
    return {id_: Label(resolved=one) if isinstance(one, bool) else one for id_, one in found.items()}


def with_labels(
    evidence: Iterable[Evidence],
    labels: Mapping[str, Label],
    *,
    drop: Collection[str] = MARKS,
    qualities: Collection[str] = (),
) -> list[Labelled]:
    """Return the issues with a label for every candidate; one without a label, or dropped, was never made.

    Issues of which nothing is left are not in it.

    Args:
        evidence: of all issues.
        labels: by candidate id.
        drop: marks whose candidates are left out.
        qualities: verdict qualities that count; none is all.
    """
    found = []
    for one in evidence:
        resolved = {
            id_: labels[id_].resolved
            for id_ in (candidate.id for candidate in one.candidates)
            if id_ in labels
            and not labels[id_].marked(drop)
            and (not qualities or labels[id_].verdict_quality in qualities)
        }
        if resolved:
            found.append(Labelled(one.only(resolved), resolved))
    return found


def only(labelled: Labelled, ids: Collection[str]) -> Labelled:
    """Return what would be there had only these candidates been made."""
    return replace(
        labelled,
        evidence=labelled.evidence.only(ids),
        resolved={id_: labelled.resolved[id_] for id_ in ids},
        costs={id_: cost for id_, cost in labelled.costs.items() if id_ in ids},
    )
