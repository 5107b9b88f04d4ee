"""One candidate read by itself in one view: a verdict with a score, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.context.asking import Asker
from agent.excerpts import first_line
from agent.messages import Message, Reply, Sampling
from selection.candidate import Candidate
from selection.settings import SelectionSettings, View
from selection.together import together
from selection.verdict import Verdict
from selection.verifiers import prompts
from selection.verifiers.digest import Step
from selection.verifiers.fitting import Fitted, Section, fit
from selection.verifiers.judgement import TAG, judgement_messages
from selection.verifiers.material import OBSERVED, Material
from selection.verifiers.scores import LABELS, Score, label_logit, mean_score, share_logit

AROUND = 1_200
"""Tokens of a prompt beside its sections: instructions, marks, the question."""
LABEL_REPLY, REASONED_REPLY = 8, 4_096
"""Tokens of a reply that is a label, and of one that thinks before it."""
WARM = 0.7
"""Temperature of repeated samples."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Reads candidates in one view; `system` is the judge's text that a trained model knows, or empty."""

    asker: Asker
    material: Material
    settings: SelectionSettings
    view: View
    system: str = ""

    @property
    def judge(self) -> str:
        """The name on its verdicts."""
        return f"verifier:{self.view}"

    async def verdict(self, candidate: Candidate) -> Verdict:
        """Return what it says of a candidate; a score of None says that it could not tell."""
        sections = self._sections(candidate)
        if missing := self._missing(sections):
            return self.unscored(candidate, missing)
        fitted = fit([self.material.issue(), *sections], self.material.tokens - AROUND, self.material.count)
        if self.asker.model.capabilities.can("labels"):
            score, how = await self._by_labels(candidate, fitted), "label log-probabilities"
            if score is not None:
                return self._scored(candidate, score, how, fitted)
        if self.settings.format == "judgement":
            why = self.asker.trouble or "its model tells no log-probabilities of labels"
            return self.unscored(candidate, why)
        return await self._by_samples(candidate, fitted)

    def unscored(self, candidate: Candidate, why: str) -> Verdict:
        """Return the verdict of a reader that could not tell."""
        return Verdict(self.judge, candidate.id, None, f"unscored: {why}")

    async def _by_labels(self, candidate: Candidate, fitted: Fitted) -> Score | None:
        """Return the score of the label tokens, which each sample is asked for in the other order."""
        sampling = Sampling(max_tokens=LABEL_REPLY, labels=LABELS)
        replies = await self._replies(
            candidate,
            [self._asked(candidate, fitted, n, words=False) for n in range(self._turns())],
            sampling,
        )
        logits = [label_logit(reply, TAG) for reply in replies]
        return mean_score([logit for logit in logits if logit is not None])

    async def _by_samples(self, candidate: Candidate, fitted: Fitted) -> Verdict:
        """Return the verdict of readings that think first: the share of YES among the readable ones."""
        number = self.settings.samples
        warm = WARM if number > 1 else 0.0
        sampling = Sampling(temperature=warm, max_tokens=REASONED_REPLY)
        asked = [self._asked(candidate, fitted, n, words=True) for n in range(number)]
        replies = await self._replies(candidate, asked, sampling)
        read = [(reply, prompts.read_verdict(reply.text)) for reply in replies]
        yes, no = sum(said is True for _, said in read), sum(said is False for _, said in read)
        logit = share_logit(yes, no)
        if logit is None:
            last = f"the last line of its reply is no verdict: {_last(replies)}" if replies else ""
            return self.unscored(candidate, last or self.asker.trouble or "no reply")
        reasons = [first_line(reply.text, 300) for reply, said in read if said is (yes >= no)]
        how = f"{yes} of {yes + no} readings say YES"
        if yes + no < number:
            how += f", {number - yes - no} cannot be read"
        return self._scored(
            candidate, Score(logit, 0.0, yes + no), how, fitted, reasons[0] if reasons else ""
        )

    async def _replies(
        self, candidate: Candidate, asked: Sequence[tuple[Message, ...]], sampling: Sampling
    ) -> list[Reply]:
        """Return the replies that came, in the order asked; each request carries its candidate."""
        about = f"{self.judge}/{candidate.id}"
        found = await together(
            self.asker.reply(one, sampling.model_copy(update={"sample": n}), f"{about}/{n}")
            for n, one in enumerate(asked)
        )
        return [reply for reply in found if reply is not None]

    def _turns(self) -> int:
        """Return how many label readings differ: a trained verifier has one question only."""
        return 1 if self.settings.format == "judgement" else min(2, self.settings.samples)

    def _asked(
        self, candidate: Candidate, fitted: Fitted, sample: int, *, words: bool
    ) -> tuple[Message, ...]:
        texts = fitted.texts
        if self.settings.format == "judgement":
            steps = self._steps(candidate, texts)
            return judgement_messages(self.system, texts["issue"], steps, texts["patch"])
        question = prompts.REASONED if words else prompts.ONE_WORD
        return prompts.messages(texts["issue"], texts, prompts.question(question, sample))

    def _steps(self, candidate: Candidate, texts: dict[str, str]) -> list[Step]:
        """Return the steps as they were cut to fit."""
        number = len(self.material.steps.get(candidate.id, ()))
        return [Step(texts[f"action {n}"], texts[f"observation {n}"]) for n in range(number)]

    def _sections(self, candidate: Candidate) -> list[Section]:
        material = self.material
        patch = material.patch(candidate)
        if self.settings.format == "judgement":
            steps = material.steps.get(candidate.id, ())
            seen = [Section(f"observation {n}", one.observation, OBSERVED) for n, one in enumerate(steps)]
            acts = [Section(f"action {n}", one.action, OBSERVED + 1) for n, one in enumerate(steps)]
            return [patch, *seen, *acts]
        if self.view == "patch":
            return [material.code([candidate]), patch, material.faults(candidate)]
        if self.view == "evidence":
            seen = [material.executed(candidate), material.tests(candidate), material.differing(candidate)]
            return [material.code([candidate]), patch, *seen]
        return [patch, material.digest(candidate)]

    def _missing(self, sections: Sequence[Section]) -> str:
        """Return why a view has nothing to read, empty where it has."""
        texts = {section.name: section.text for section in sections}
        if not texts["patch"].strip():
            return "the patch is empty"
        if self.view == "evidence" and not any(texts.get(name) for name in ("executed", "inputs")):
            return "nothing was run with it"
        if self.view == "digest" and not (texts.get("digest") or texts.get("action 0")):
            return "its trajectory is not known"
        return ""

    def _scored(
        self, candidate: Candidate, score: Score, how: str, fitted: Fitted, said: str = ""
    ) -> Verdict:
        words = [f"{score.probability:.0%} by {how}" if "log" in how else how]
        if score.readings > 1 and score.spread:
            words.append(f"logit {score.logit:+.2f} +- {score.spread:.2f} over {score.readings} readings")
        words += [f"cut {one}" for one in fitted.cut]
        words += [said] if said else []
        return Verdict(self.judge, candidate.id, score.probability, "; ".join(words))


def _last(replies: Sequence[Reply]) -> str:
    lines = [line for line in replies[0].text.strip().splitlines() if line.strip()]
    return repr(lines[-1][:80]) if lines else "it is empty"
