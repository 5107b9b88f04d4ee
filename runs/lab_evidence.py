"""What the laboratory measures: evidence from files and from run folders, and whatever says who was right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.messages import Reply
from runs.failures import UsageError
from runs.graded import Graded, graded_in
from runs.journal import Journal
from runs.predictions import read_predictions
from runs.recorded import recorded
from selection.evidence import Evidence
from selection.evidence_file import read_evidence
from selection.lab.labelled import Label, Labelled
from selection.records import ended

SUFFIXES = (".jsonl", ".jsonl.gz")
EVIDENCE = "evidence.jsonl.gz"
"""The file beside a journal with all that was known when the rule decided."""


@dataclass(slots=True)
class Gathered:
    """What was found: evidence by task, verdicts by task and patch, dollars by candidate id, and notices."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], bool] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def labels(self) -> Mapping[str, Label]:
        """Return a label for each candidate whose patch was graded."""
        found = {}
        for one in self.evidence.values():
            for candidate in one.candidates:
                resolved = self.verdicts.get((one.task, ended(candidate.patch)))
                if resolved is not None:
                    found[candidate.id] = Label(resolved=resolved, verdict_quality="graded")
        return found

    def with_costs(self, issues: Iterable[Labelled]) -> list[Labelled]:
        """Return issues with what their candidates cost."""
        return [
            replace(one, costs={id_: self.costs[id_] for id_ in one.ids if id_ in self.costs})
            for one in issues
        ]


def gather(paths: Sequence[Path]) -> Gathered:
    """Return what files of evidence, folders of them, and folders of runs and evaluations hold.

    Of two records of one task the later path's counts.

    Raises:
        UsageError: a path holds nothing of this kind.
        EvidenceError: a file of evidence is damaged.
        JournalError: a journal is damaged, or its run goes on.
    """
    found = Gathered()
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no {path}; name files of evidence, or folders of runs")
        if path.is_file():
            _take_file(path, found)
        else:
            _take_folder(path, found)
    if not found.evidence:
        raise UsageError("there is no evidence in what was named; see `mangabey lab --help`")
    return found


def _take_file(path: Path, found: Gathered) -> None:
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path}: evidence is read from .jsonl and .jsonl.gz files, and from run folders")
    found.evidence |= {one.task: one for one in read_evidence(path)}


def _take_folder(path: Path, found: Gathered) -> None:
    if (path / "evaluation.json").is_file():
        _take_evaluation(path, found)
        return
    journals = sorted(path.glob("*/journal.jsonl")) or sorted(path.glob("journal.jsonl"))
    files = [] if (path / "run.json").exists() else sorted(path.glob("*.jsonl.gz"))
    for file in files:
        _take_file(file, found)
    for journal in journals if not files else ():
        _take_journal(journal.parent, found)
    if not files and not journals:
        raise UsageError(f"{path} holds neither evidence (*.jsonl.gz) nor the journals of a run")


def _take_journal(folder: Path, found: Gathered) -> None:
    """Take what a run knew when it decided, every grade, and what each trajectory cost."""
    with Journal(folder) as journal:
        kept = folder / EVIDENCE
        if not kept.is_file():
            found.notices.append(
                f"{folder} has not come to a decision, or was written before evidence was kept"
            )
            return
        (evidence,) = read_evidence(kept)
        found.evidence[evidence.task] = evidence
        decision, grade = journal.last("decision"), journal.last("grade")
        if decision and grade:
            found.verdicts[evidence.task, ended(decision["patch"])] = grade["status"] == "resolved"
        for event in journal.of("benchmark grade"):
            found.verdicts[evidence.task, ended(event.data["patch"])] = bool(event.data["resolved"])
        samples = {f"sample {number}" for number in recorded(journal)}
        spent: dict[str, float] = {}
        for event in journal.of("reply"):
            name = f"sample {event.data.get('sample')}"
            spent[name] = spent.get(name, 0.0) + (Reply.model_validate(event.data["reply"]).cost or 0.0)
        found.costs |= {
            one.id: spent[one.origin]
            for one in evidence.candidates
            if one.origin in samples and one.origin in spent
        }


def _take_evaluation(folder: Path, found: Gathered) -> None:
    """Take the grades of an evaluation, by the patches of the predictions that it graded."""
    import json

    order = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    grades: Mapping[str, Graded] = graded_in(folder)
    for one in read_predictions(order["predictions"], list(grades), ()) if grades else ():
        grade = grades[one.instance_id]
        if grade.status.is_verdict:
            found.verdicts[one.instance_id, one.model_patch] = grade.status.value == "resolved"
