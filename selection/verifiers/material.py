"""What a reader may be shown of one issue's candidates, gathered once for all readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.context.tokens import Count, guessed
from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.faults import faults
from selection.verifiers.digest import Step, digest
from selection.verifiers.executed import executed
from selection.verifiers.fitting import Section
from selection.verifiers.surroundings import surrounding

OBSERVED, TESTS, CODE, PATCH, ISSUE = range(5)
"""In what order sections are cut: what was observed first; the patch when nothing of those is left."""


@dataclass(frozen=True, slots=True)
class Material:
    """The evidence, the base's files, what authors did, and on which inputs programs differ.

    `steps` are by candidate id; `inputs` are readable lines by cluster key. `tokens` is the room of
    one prompt, by `count`.
    """

    evidence: Evidence
    texts: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 32_000
    count: Count = guessed

    def issue(self) -> Section:
        """Return the issue as a section."""
        return Section("issue", self.evidence.problem_statement, ISSUE, least=6_000)

    def code(self, candidates: Sequence[Candidate]) -> Section:
        """Return the code around what several candidates change, as it is on the base."""
        return Section("code", surrounding([one.patch for one in candidates], self.texts), CODE)

    def patch(self, candidate: Candidate, name: str = "patch") -> Section:
        """Return a candidate's patch; it is cut when nothing else is left."""
        return Section(name, candidate.patch, PATCH, least=len(candidate.patch))

    def executed(self, candidate: Candidate, name: str = "executed") -> Section:
        """Return what tests did with a candidate, in words."""
        found = faults(candidate.patch, self.texts)
        text = "\n".join([*found, executed(self.evidence, candidate.id).results]).strip("\n")
        return Section(name, text, TESTS, least=1_500)

    def faults(self, candidate: Candidate) -> Section:
        """Return what is wrong with a candidate for all to see; that takes no run."""
        return Section("executed", "\n".join(faults(candidate.patch, self.texts)), TESTS)

    def tests(self, candidate: Candidate) -> Section:
        """Return the tests whose outcome a candidate changes."""
        return Section("tests", executed(self.evidence, candidate.id).tests, TESTS)

    def differing(self, candidate: Candidate, name: str = "inputs") -> Section:
        """Return on which inputs a candidate's program differs from the base or from others."""
        cluster = self.evidence.clusters.key_of(candidate.id)
        return Section(name, self.inputs.get(cluster, ""), OBSERVED)

    def digest(self, candidate: Candidate) -> Section:
        """Return what a candidate's author did."""
        steps = self.steps.get(candidate.id, ())
        return Section("digest", digest(steps, candidate.exit_reason), OBSERVED)
