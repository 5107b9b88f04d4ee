"""Trae's selector: small groups in rotating order, votes, and a final between their winners.

Trae Agent (2025) shows all candidates at once, counts an early majority with the wrong n, and never
compares the winners of groups. Here groups have two or three programs, each vote shows them in another
order, a group ends when its majority cannot be overturned by the votes that are left, and winners meet
until one remains.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.context.asking import Asker
from agent.excerpts import first_line
from agent.messages import Message, Sampling
from selection.candidate import Candidate
from selection.evidence import Comparison
from selection.side_by_side import fitted, letters, rendered
from selection.together import together
from selection.verifiers.material import Material
from selection.verifiers.prompts import issue_block

JUDGE = "trae"
REPLY = 4_096
WARM = 0.7
"""Temperature of all votes but the first."""

SYSTEM = """\
You choose between patches for one issue of a code repository. A patch is right if, with it applied, the
software does what the issue asks for, in every case that the issue means and not only in its example, and
everything that worked before still works. Hidden tests, written by the maintainers for this issue, will
decide. It may be that several are right, or none.

How to choose:
- Work out from the issue what must happen, then where the patches do different things: find an input, a type
  or a caller for which they part, and say what is right there.
- Two patches that do the same where it matters are equally good: take the simpler one, unless it leaves out
  a twin of the changed code or a case that the issue means.
- Prefer the cause over the symptom, and no change over one that breaks what users rely on. Order, length,
  comments and style say nothing.
- Changes of packaging, pins, test configuration and documentation say nothing, unless the issue is about
  them.
- Tests that attempts wrote may be wrong; a failure counts if what the test demands is what the issue asks
  for.
"""
QUESTION = """\
Which candidate is most likely right? Think it through in at most 300 words. Then end with a line of its own
that holds nothing but the letter of your choice: {letters}.
"""


@dataclass(frozen=True, slots=True)
class Votes:
    """A group's comparisons, and who won it."""

    comparisons: tuple[Comparison, ...]
    winner: Candidate


@dataclass(frozen=True, slots=True)
class Groups:
    """Votes of a model over groups of `size`, at most `votes` in each."""

    asker: Asker
    material: Material
    size: int = 3
    votes: int = 5

    async def compare(self, candidates: Sequence[Candidate]) -> tuple[Comparison, ...]:
        """Return every vote of every round; fewer than two candidates have none.

        Args:
            candidates: of different programs, the most promising first; between equals the earlier one wins.
        """
        left, found, number = list(candidates), list[Comparison](), 0
        while len(left) > 1:
            groups = list(_dealt(left, max(2, self.size)))
            number += 1
            ended = await together(self._vote(group) for group in groups)
            found += [replace(vote, round=number) for one in ended for vote in one.comparisons]
            winners = {one.winner.id for one in ended}
            left = [one for one in left if one.id in winners]
        return tuple(found)

    async def _vote(self, group: Sequence[Candidate]) -> Votes:
        """Return a group's votes: as many at one time as it takes for a majority, then one by one."""
        if len(group) == 1:
            return Votes((), group[0])
        cast: list[Comparison] = []
        while len(cast) < self.votes and not decided(_tally(cast), self.votes - len(cast)):
            wave = range(len(cast), max(self.votes // 2 + 1, len(cast) + 1))
            cast += await together(self._ballot(group, number) for number in wave)
        tally = _tally(cast)
        return Votes(tuple(cast), max(group, key=lambda one: (tally[one.id], -group.index(one))))

    async def _ballot(self, group: Sequence[Candidate], number: int) -> Comparison:
        """Ask once, the group in this vote's order; the request carries the ids it is about."""
        shown = order(group, number)
        ids = tuple(one.id for one in shown)
        body = fitted(self.material, shown)
        names = letters(len(shown))
        question = QUESTION.format(letters=", ".join(names[:-1]) + f" or {names[-1]}")
        content = "\n\n".join([issue_block(body.texts["issue"]), rendered(body.texts, len(shown)), question])
        asked = (Message(role="system", content=SYSTEM), Message(role="user", content=content))
        sampling = Sampling(temperature=WARM if number else 0.0, max_tokens=REPLY, sample=number)
        reply = await self.asker.reply(asked, sampling, f"{JUDGE}/{'+'.join(ids)}/{number}")
        if reply is None:
            return Comparison(JUDGE, ids, "", f"no reply: {self.asker.trouble}")
        letter = read_choice(reply.text, names)
        if letter is None:
            return Comparison(JUDGE, ids, "", "the last line of the reply names no candidate")
        return Comparison(JUDGE, ids, ids[names.index(letter)], first_line(reply.text, 300))


def decided(tally: Counter[str], left: int) -> bool:
    """Whether no other can reach the leader with the votes that are left."""
    best = [count for _, count in tally.most_common(2)]
    return bool(best) and best[0] > (best[1] if len(best) > 1 else 0) + left


def order(group: Sequence[Candidate], number: int) -> tuple[Candidate, ...]:
    """Return a group in the order of a vote: forward, backward, then the same begun one further."""
    start = (number // 2) % len(group)
    turned = (*group[start:], *group[:start])
    return turned[::-1] if number % 2 else turned


def read_choice(text: str, names: Sequence[str]) -> str | None:
    """Return the letter on the last line of a reply, None where that line holds anything else."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    last = lines[-1].strip().strip("*_`. ") if lines else ""
    found = re.fullmatch(r"(?:candidate\s+)?([A-Za-z])", last, re.IGNORECASE)
    letter = found[1].upper() if found else ""
    return letter if letter and letter in names else None


def _tally(cast: Sequence[Comparison]) -> Counter[str]:
    return Counter(one.picked for one in cast if one.picked)


def _dealt(candidates: Sequence[Candidate], size: int) -> Iterator[tuple[Candidate, ...]]:
    """Yield groups of at most `size`, among which the best are dealt out."""
    number = -(-len(candidates) // size)
    for first in range(number):
        yield tuple(candidates[first::number])
