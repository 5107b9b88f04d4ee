"""What models say of an issue's candidates: verdicts, comparisons and tests, gathered side by side.

No reader can end the stage: a reply that makes no sense, a call that is lost and an error of a reader
itself each become an unscored verdict or a comparison without a pick, which says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from agent.budget import RunEndedError
from agent.context.asking import Asker
from agent.context.tokens import counter_of
from agent.models.base import Probing
from envs.task import PublicTask
from sandbox.base import Sandbox, SandboxError
from selection.candidate import Candidate, TestFile
from selection.cells import CellStore, MemoryCells
from selection.clusters import content_order
from selection.differences import asked, inputs
from selection.duel import Duel, Trials
from selection.duel.match import JUDGE as DUEL
from selection.evidence import Comparison, Evidence
from selection.groups import JUDGE as TRAE
from selection.groups import Groups
from selection.rules import Finalists
from selection.rules.tallies import heard
from selection.settings import SelectionSettings
from selection.together import together
from selection.verdict import Verdict
from selection.verifiers.digest import Step
from selection.verifiers.material import Material
from selection.verifiers.surroundings import base_texts
from selection.verifiers.verify import Verifier
from selection.votes import count_votes

T = TypeVar("T")

REPLIED = 9_000
"""Tokens of the window that are left for a reply."""
LISTED = 12
"""Programs that are compared at most, the most promising."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Models by role: `verify` scores candidates one by one, `select` compares; None for nobody."""

    verify: Asker | None = None
    select: Asker | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What readers may use beside the evidence.

    `base` is the untouched repository, None where nothing can be run or read. `steps`, what authors did, are
    by candidate id. `cells` keeps what trials showed, `place` names the base's image, tree and limits.
    `seconds` is the time of one run of a test file. `system` is the text of a trained judge. `finalists`
    names whom the rule wants in a duel, None for the best ranked.
    """

    task: PublicTask | None = None
    base: Sandbox | None = None
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    cells: CellStore = field(default_factory=MemoryCells)
    place: str = ""
    seconds: float = 100.0
    parallel: int = 2
    system: str = ""
    finalists: Finalists | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was said: the evidence with it, tests for the matrix, and what went wrong, in words."""

    evidence: Evidence
    tests: tuple[TestFile, ...] = ()
    trouble: tuple[str, ...] = ()


async def read(
    evidence: Evidence, readers: Readers, settings: SelectionSettings, given: Surroundings
) -> Reading:
    """Return the evidence with what readers say of it.

    Each program is read once and its verdict is that of every candidate that makes it, but for the digest,
    which is each author's own. Nothing depends on the order in which replies come.

    Args:
        evidence: what tests say.
        readers: the models.
        settings: who speaks.
        given: what they may use.

    Raises:
        RunEndedError: a model's run has ended, maybe within a group.
    """
    stage = _Stage(evidence, readers, settings, given)
    material = await stage.material(settings.differences)
    tests: list[TestFile] = []
    if settings.differences:
        tests += await stage.separating(material)
    async with asyncio.TaskGroup() as group:
        verdicts = group.create_task(stage.verdicts(material))
        votes = group.create_task(stage.votes(material))
        duels = group.create_task(stage.duels(material))
    fought, written = duels.result()
    tests += written
    found = replace(
        evidence,
        verdicts=(*evidence.verdicts, *verdicts.result()),
        comparisons=(*evidence.comparisons, *votes.result(), *fought),
    )
    distinct = {(file.path, file.content): file for file in tests}
    return Reading(
        found, tuple(distinct[key] for key in sorted(distinct)), tuple(dict.fromkeys(stage.trouble))
    )


class _Stage:
    """One stage of reading in the making; `trouble` is what went wrong so far."""

    def __init__(
        self, evidence: Evidence, readers: Readers, settings: SelectionSettings, given: Surroundings
    ) -> None:
        self.trouble: list[str] = []
        self._evidence = evidence
        self._readers = readers
        self._settings = settings
        self._given = given
        self._known = {one.id: one for one in evidence.candidates}

    async def material(self, differences: bool) -> Material:
        """Return what readers are shown; what cannot be had is left out."""
        base, evidence = self._given.base, self._evidence
        patches = [one.patch for one in evidence.candidates]
        nothing: Mapping[str, str] = {}
        texts = await self._safely("reading the base", lambda: base_texts(base, patches), nothing)
        found: tuple[inputs.Difference, ...] = ()
        if differences and base is not None and len(evidence.clusters.members) > 1:
            room, given = base, self._given
            commit = given.task.base_commit if given.task else ""

            async def search() -> tuple[inputs.Difference, ...]:
                return await inputs.differing_inputs(
                    evidence, room, cells=given.cells, commit=commit, place=given.place
                )

            found = await self._safely("looking for inputs", search, found)
        return Material(
            evidence, texts, self._given.steps, inputs.lines_by_cluster(found), self._settings.tokens
        )

    async def verdicts(self, material: Material) -> list[Verdict]:
        """Return every view's verdict on every candidate that has a patch."""
        asker = self._readers.verify
        if asker is None or not self._settings.views:
            return []
        fitting = await self._for_model(material, asker)
        jobs = []
        for view in self._settings.views:
            verifier = Verifier(asker, fitting, self._settings, view, self._given.system)
            alone = view == "digest" or self._settings.format == "judgement"
            jobs += [self._verdicts_of(verifier, group) for group in self._programs(alone=alone)]
        found = await together(jobs)
        self._hear(asker)
        return [verdict for group in found for verdict in group]

    async def votes(self, material: Material) -> tuple[Comparison, ...]:
        """Return the votes of groups."""
        asker, size = self._readers.select, self._settings.groups
        ranked = self._unbroken()[:LISTED]
        if asker is None or size < 2 or len(ranked) < 2:
            return ()
        groups = Groups(asker, await self._for_model(material, asker), size, self._settings.votes)
        found = await self._safely("the vote in groups", lambda: groups.compare(ranked), None)
        if found is None:
            found = (Comparison(TRAE, tuple(one.id for one in ranked), "", self.trouble[-1]),)
        self._hear(asker)
        return found

    async def duels(self, material: Material) -> tuple[tuple[Comparison, ...], tuple[TestFile, ...]]:
        """Return the comparisons of the duel, and the tests written in it."""
        asker, given = self._readers.select, self._given
        leading = self._duellists()
        if asker is None or given.base is None or given.task is None or len(leading) < 2:
            return (), ()
        fitting = await self._for_model(material, asker)
        duel = Duel(asker, fitting, self._trials(), given.task.test_runner, self._settings.turns)
        matches = await self._safely("the duel", lambda: duel.fight(leading), None)
        self._hear(asker)
        if matches is None:
            return (Comparison(DUEL, tuple(one.id for one in leading), "", self.trouble[-1]),), ()
        tests = tuple(file for match in matches for file in match.tests)
        return tuple(match.comparison for match in matches), tests

    async def separating(self, material: Material) -> list[TestFile]:
        """Return tests that the model wrote for programs that no test tells apart."""
        asker, given = self._readers.select, self._given
        groups = asked.indistinct(self._evidence)
        if asker is None or given.base is None or given.task is None or not groups:
            return []
        separator = asked.Separator(
            asker, await self._for_model(material, asker), self._trials(), given.task.test_runner
        )
        ranked = [self._evidence.clusters.key_of(one.id) for one in self._ranked()]
        order = {key: place for place, key in enumerate(ranked)}
        files = []
        for group in groups[:2]:
            rows = sorted(group, key=lambda row: order.get(row, len(order)))[: asked.MOST]
            shown = [self._known[self._evidence.clusters.members[row][0]] for row in rows]
            ask = partial(separator.separate, shown)
            files.append(await self._safely("asking for a test", ask, None))
        self._hear(asker)
        return [file for file in files if file is not None]

    async def _verdicts_of(self, verifier: Verifier, group: Sequence[Candidate]) -> list[Verdict]:
        """Return one reading as the verdict on every candidate of a group, whatever became of it."""
        first = group[0]
        read = await self._safely(verifier.judge, lambda: verifier.verdict(first), None)
        if read is None:
            read = verifier.unscored(first, self.trouble[-1])
        if read.judge != verifier.judge or read.candidate != first.id:
            raise AssertionError("a verdict came back under another's name")
        return [replace(read, candidate=one.id) for one in group]

    def _programs(self, *, alone: bool) -> list[tuple[Candidate, ...]]:
        """Return the candidates with a patch that applies, those of one program together unless `alone`."""
        members = self._evidence.clusters.members
        groups = [
            [self._known[id_] for id_ in ids if id_ in self._known] for _, ids in sorted(members.items())
        ]
        if alone:
            return [(one,) for group in groups for one in group]
        return [tuple(group) for group in groups if group]

    def _ranked(self) -> list[Candidate]:
        """Return each program's representative: fewest regressions, most votes, most candidates, smallest."""
        votes = count_votes(self._evidence.clusters, heard(self._evidence))
        members = self._evidence.clusters.members

        def place(row: str) -> tuple[object, ...]:
            vote = votes.get(row)
            tested = (0, len(vote.regressions), -vote.count) if vote else (1, 0, 0)
            return (*tested, -len(members[row]), content_order(self._known[members[row][0]]))

        return [self._known[members[row][0]] for row in sorted(members, key=place)]

    def _duellists(self) -> list[Candidate]:
        """Return whom the duel is between: the rule's finalists where it names them, else the best ranked."""
        named = self._given.finalists
        found = self._ranked() if named is None else [self._known[id_] for id_ in named(self._evidence)]
        return found[: self._settings.duel]

    def _unbroken(self) -> list[Candidate]:
        """Return the ranked programs that break no existing test, all of them where each breaks some."""
        votes, ranked = count_votes(self._evidence.clusters, heard(self._evidence)), self._ranked()
        rows = {one.id: self._evidence.clusters.key_of(one.id) for one in ranked}
        clean = [one for one in ranked if rows[one.id] in votes and not votes[rows[one.id]].regressions]
        return clean or ranked

    def _trials(self) -> Trials:
        given = self._given
        assert given.task is not None
        assert given.base is not None
        return Trials(given.task, given.base, given.cells, given.seconds, given.parallel, given.place)

    async def _for_model(self, material: Material, asker: Asker) -> Material:
        """Return the material with the room that a model's window leaves, by its tokenizer."""
        if isinstance(asker.model, Probing):
            await self._safely("asking the model what it can do", asker.model.probe, None)
        count = await asyncio.to_thread(counter_of, asker.model.name)
        window = asker.model.capabilities.context_length
        room = self._settings.tokens if window is None else min(self._settings.tokens, window - REPLIED)
        return replace(material, tokens=max(2_000, room), count=count)

    async def _safely(self, what: str, work: Callable[[], Awaitable[T]], lost: T) -> T:
        """Return what some work gives, `lost` where it fails; its error is trouble and goes no further.

        Raises:
            RunEndedError: the run ends here, and this work is not done.
        """
        try:
            return await work()
        except RunEndedError:
            raise
        except SandboxError as error:
            self.trouble.append(f"{what}: {error}")
        except Exception as error:  # one reader's fault must not cost what the others say
            self.trouble.append(f"{what} failed: {type(error).__name__}: {error}")
        return lost

    def _hear(self, asker: Asker) -> None:
        if asker.trouble:
            self.trouble.append(asker.trouble)
