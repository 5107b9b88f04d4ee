"""What the laboratory measures: evidence from files and from run folders, and whatever says who was right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from envs.grade import GradeStatus
from runs.evaluation_order import FILE as ORDER
from runs.evaluation_order import read_order
from runs.failures import UsageError
from runs.graded import graded_in
from runs.grading import recorded_verdict
from runs.journal import Journal, JournalError
from runs.paid import Paid, paid_in
from runs.predictions import WORDS, predictions_in
from runs.taking_up import standing
from selection.evidence import Evidence
from selection.evidence_file import EvidenceError, read_evidence
from selection.lab.labelled import Label, Labelled
from selection.records import ended

SUFFIXES = (".jsonl", ".jsonl.gz")
JOURNAL = "journal.jsonl"
EVIDENCE = "evidence.jsonl.gz"
"""The file beside a journal with all that was known when the rule decided."""


@dataclass(slots=True)
class Gathered:
    """What was found: evidence by task, verdicts by task and patch, what tasks paid for, and notices."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], bool] = field(default_factory=dict)
    paid: dict[str, Paid] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    _places: dict[str, list[Path]] = field(default_factory=dict)

    def put(self, one: Evidence, place: Path, paid: Paid | None = None) -> None:
        """Take an issue's evidence, instead of what an earlier place holds of it."""
        self.evidence[one.task] = one
        self.paid[one.task] = paid or Paid()
        self._places.setdefault(one.task, []).append(place)

    def labels_of(self, one: Evidence) -> Mapping[str, Label]:
        """Return a label for each candidate of an issue whose patch was graded, or one of the same program.

        Where grades of one program disagree, they say nothing of its other candidates.
        """
        known = {
            candidate.id: resolved
            for candidate in one.candidates
            if (resolved := self.verdicts.get((one.task, ended(candidate.patch)))) is not None
        }
        found: dict[str, Label] = {}
        for group in one.clusters.members.values():
            graded = {known[id_] for id_ in group if id_ in known}
            if len(graded) == 1:
                inferred = Label(resolved=graded.pop(), verdict_quality="inferred")
                found |= dict.fromkeys(group, inferred)
        return found | {id_: Label(resolved=right, verdict_quality="graded") for id_, right in known.items()}

    def notes(self) -> list[str]:
        """Return what a reader of the figures must know of the places that they are from."""
        found = list(self.notices)
        again = {task: places for task, places in self._places.items() if len(places) > 1}
        for task, places in list(again.items())[:1]:
            told = f"{len(again)} issues are recorded more than once, and the last record counts alone"
            found.append(f"{told}: {task} that of {places[-1]}, not of {places[-2]}")
        unpriced = {task: paid.unpriced for task, paid in self.paid.items() if paid.unpriced}
        for task, names in list(unpriced.items())[:1]:
            whose = ", ".join(sorted(name or "readers" for name in names))
            found.append(f"no price is known of replies in {len(unpriced)} issues: in {task} of {whose}")
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

    Of two records of one task the later path's counts, and a note says so.

    Raises:
        UsageError: a path holds nothing of this kind, or an evaluation is damaged.
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
    for one in read_evidence(path):
        found.put(one, path)


def _take_folder(path: Path, found: Gathered) -> None:
    if (path / JOURNAL).is_file():
        _take_journal(path, found)
        return
    if (path / ORDER).is_file():
        _take_evaluation(path, found)
        return
    journals = sorted(path.glob(f"*/{JOURNAL}"))
    files = [] if (path / "run.json").exists() else sorted(path.glob("*.jsonl.gz"))
    for file in files:
        _take_file(file, found)
    for journal in journals if not files else ():
        _take_journal(journal.parent, found)
    if not files and not journals:
        raise UsageError(f"{path} holds neither evidence (*.jsonl.gz) nor the journals of a run")


def _take_journal(folder: Path, found: Gathered) -> None:
    """Take what a run knew when it decided, every grade, and what it paid for."""
    with Journal(folder) as journal:
        kept = folder / EVIDENCE
        if not kept.is_file():
            found.notices.append(
                f"{folder} has not come to a decision, or was written before evidence was kept"
            )
            return
        records = list(read_evidence(kept))
        if len(records) != 1:
            raise EvidenceError(f"{kept} holds {len(records)} issues instead of one; leave the folder out")
        try:
            found.put(records[0], folder, paid_in(journal.events))
            found.verdicts |= {(records[0].task, patch): right for patch, right in _grades(journal)}
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(f"{folder}: an event is damaged ({error}); leave the folder out") from error


def _grades(journal: Journal) -> Iterator[tuple[str, bool]]:
    """Yield the graded patches, and whether each is right; a grade that says nothing of a patch is none."""
    decision, grade = standing(journal, "decision"), recorded_verdict(journal)
    if decision and grade:
        yield ended(decision["patch"]), grade.resolved
    for event in journal.of("benchmark grade"):
        yield ended(event.data["patch"]), bool(event.data["resolved"])


def _take_evaluation(folder: Path, found: Gathered) -> None:
    """Take the grades of an evaluation, by the patches of the predictions that it graded."""
    order, grades = read_order(folder), graded_in(folder)
    if order.predictions in WORDS:
        return
    for one in predictions_in(Path(order.predictions)) if grades else ():
        grade = grades.get(one.instance_id)
        if grade is not None and grade.status.is_verdict:
            found.verdicts[one.instance_id, one.model_patch] = grade.status is GradeStatus.RESOLVED
