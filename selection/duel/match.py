"""The selection machine of CodeMonkeys (Ehrlich et al. 2025, section 4.3), turn by turn.

There an unknown id, or none at the end, silently means candidate 0, and the order of candidates is fixed.
Here a reply that cannot be taken is answered with the reason, a duel without a choice picks nobody, and
every duel is fought in both orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.context.asking import Asker
from agent.excerpts import first_line
from agent.messages import Message, Sampling
from selection.candidate import Candidate, TestFile
from selection.conversation import bounded
from selection.duel.prompts import Choice, answer, opening, read_move, refusal, results
from selection.duel.trials import Trials
from selection.evidence import Comparison
from selection.side_by_side import fitted, letters
from selection.together import together
from selection.verifiers.material import Material
from selection.written import UnusableError, Written

JUDGE = "duel"
REPLY = 8_192
"""Tokens of one reply."""
SHARE = 3
"""One part in so many of the window is kept for what tests print."""


@dataclass(frozen=True, slots=True)
class Match:
    """How a duel ended: its comparison, and the tests that were written and ran."""

    comparison: Comparison
    tests: tuple[TestFile, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """Duels of one issue; `runner` is the command that tests run with."""

    asker: Asker
    material: Material
    trials: Trials
    runner: str
    turns: int = 8

    async def fight(self, candidates: Sequence[Candidate]) -> tuple[Match, ...]:
        """Return the duel of two or more candidates in the given order and in the reverse one."""
        if len(candidates) < 2:
            return ()
        orders = (tuple(candidates), tuple(reversed(candidates)))
        return tuple(await together(self._fight(shown) for shown in orders))

    async def _fight(self, shown: Sequence[Candidate]) -> Match:
        """Lead one duel; whatever happens in it ends it without a choice and never as an error."""
        ids, names = tuple(one.id for one in shown), letters(len(shown))
        about = f"{JUDGE}/{'+'.join(ids)}"
        reserved = self.material.tokens // SHARE
        told = list(opening(fitted(self.material, shown, reserved=reserved).texts, len(shown), self.runner))
        room = max(600, reserved * 3 // (self.turns * (len(shown) + 1)))
        ran: dict[TestFile, Message] = {}
        why = f"no choice in {self.turns} replies"
        for turn in range(self.turns):
            prompt = bounded(told, self.material.tokens, self.material.count)
            reply = await self.asker.reply(prompt, Sampling(max_tokens=REPLY), f"{about}/{turn}")
            if reply is None:
                why = f"no reply: {self.asker.trouble}"
                break
            last = turn == self.turns - 2
            told.append(Message(role="assistant", content=reply.text or "(nothing)"))
            try:
                move = read_move(reply.text, names, may_choose=bool(ran))
                if isinstance(move, Choice):
                    words = f"tests: {len(ran)}; {first_line(reply.text, 300)}"
                    return Match(Comparison(JUDGE, ids, ids[names.index(move.letter)], words), tuple(ran))
                file = await self._new(move, ran, prompt)
            except UnusableError as error:
                told.append(refusal(str(error), last=last))
                continue
            shown_by = await self.trials.on(file, ["", *(one.patch for one in shown)])
            told.append(answer(results(shown_by, room), names, last=last))
            if not all(trial.trouble for trial in shown_by):  # one patch may not apply
                ran[file] = told[-1]
        return Match(Comparison(JUDGE, ids, "", why), tuple(ran))

    async def _new(
        self, written: Written, ran: Mapping[TestFile, Message], prompt: Sequence[Message]
    ) -> TestFile:
        """Return a written test as a file, also one that ran before if its results were left out since.

        Raises:
            UnusableError: its results stand in the prompt, or it would hide a file of the repository.
        """
        file = await self.trials.new_file(written, JUDGE)
        if file in ran and ran[file] in prompt:
            raise UnusableError("this very test was run before; its results stand above")
        return file
