"""What the laboratory measures: evidence from files and from run folders, and whatever says who was right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runs.failures import UsageError
from runs.graded import Graded, graded_in
from runs.journal import Journal
from runs.paid import Paid, paid_in
from runs.predictions import read_predictions
from selection.evidence import Evidence
from selection.evidence_file import read_evidence
from selection.lab.labelled import Label, Labelled
from selection.records import ended

SUFFIXES = (".jsonl", ".jsonl.gz")
EVIDENCE = "evidence.jsonl.gz"
"""The file beside a journal with all that was known when the rule decided."""


@dataclass(slots=True)
class Gathered:
    """What was found: evidence by task, verdicts by task and patch, what tasks paid for, and notices."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], bool] = field(default_factory=dict)
    paid: dict[str, Paid] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def labels(self) -> Mapping[str, Label]:
        """Return a label for each candidate whose patch was graded, or that of one of the same program."""
        found: dict[str, Label] = {}
        for one in self.evidence.values():
            known = {
                candidate.id: resolved
                for candidate in one.candidates
                if (resolved := self.verdicts.get((one.task, ended(candidate.patch)))) is not None
            }
            for group in one.clusters.members.values():
                graded = [known[id_] for id_ in group if id_ in known]
                if graded:
                    inferred = Label(resolved=graded[0], verdict_quality="inferred")
                    found |= dict.fromkeys(group, inferred)
            found |= {id_: Label(resolved=right, verdict_quality="graded") for id_, right in known.items()}
        return found

    def with_costs(self, issues: Iterable[Labelled]) -> list[Labelled]:
        """Return issues with what their candidates, readers, testers and context cost."""
        return [self._priced(one) for one in issues]

    def _priced(self, one: Labelled) -> Labelled:
        task = one.evidence.task
        return (
            _priced(one, self.paid[task], len(self.evidence[task].candidates)) if task in self.paid else one
        )


def _priced(one: Labelled, paid: Paid, judged: int) -> Labelled:
    """Return an issue with what was paid, of readers the part for its candidates among those judged.

    A trajectory of which a reply has no price has none.
    """
    ids = {candidate.origin: candidate.id for candidate in one.evidence.candidates}
    samples = {origin: dollars for origin, dollars in paid.samples.items() if origin not in paid.unpriced}
    return replace(
        one,
        costs={ids[origin]: dollars for origin, dollars in samples.items() if origin in ids},
        testers={origin: dollars for origin, dollars in samples.items() if origin not in ids},
        judging={reader: dollars * len(one.resolved) / judged for reader, dollars in paid.readers.items()},
        context=paid.context,
    )


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
        found.paid[evidence.task] = paid = paid_in(journal.events)
        if paid.unpriced:
            whose = ", ".join(sorted(name or "readers" for name in paid.unpriced))
            found.notices.append(f"{folder}: the price of replies is not known: {whose}")


def _take_evaluation(folder: Path, found: Gathered) -> None:
    """Take the grades of an evaluation, by the patches of the predictions that it graded."""
    import json

    order = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    grades: Mapping[str, Graded] = graded_in(folder)
    for one in read_predictions(order["predictions"], list(grades), ()) if grades else ():
        grade = grades[one.instance_id]
        if grade.status.is_verdict:
            found.verdicts[one.instance_id, one.model_patch] = grade.status.value == "resolved"
