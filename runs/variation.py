"""How the trajectories of one issue are made to differ, and how that is told."""

from __future__ import annotations

import random
import re

from agent.messages import Value
from runs.crews import Seat

RANKED = re.compile(r"\S+:\d+-\d+ \w+ \S+")
"""A line of the context that ranks a definition: `path:start-end kind qualified.name`."""


class Variation(Value):
    """What sets a trajectory apart from the others, as its event in the journal says it.

    `context` says which part of the lower-ranked lines it was shown, empty for all of them, and `seed_test`
    whose tests it started from, `first_phase` what it began with where that is not the usual one.
    """

    kind: str
    round: int
    model: str
    temperature: float
    context: str = ""
    seed_test: str = ""
    first_phase: str = ""


def varied(context: str, seat: Seat, seed: int) -> tuple[str, str]:
    """Return the context that a trajectory is shown, and in words what was left out.

    Of the ranked lines the upper half stays, and of the lower half a share that is drawn by seed and sample,
    in order. A crew's first trajectory is shown all, like every crew whose share is 1: theirs stays
    byte-identical, so that its prefix is cached.
    """
    share = seat.crew.context_share
    lines = context.split("\n")
    ranked = [number for number, line in enumerate(lines) if RANKED.fullmatch(line)]
    lower = ranked[(len(ranked) + 1) // 2 :]
    if share == 1.0 or seat.index == 0 or not lower:
        return context, ""
    dice = random.Random(f"{seed}:{seat.sample}:context")
    kept = set(dice.sample(lower, round(share * len(lower))))
    dropped = set(lower) - kept
    text = "\n".join(line for number, line in enumerate(lines) if number not in dropped)
    return text, f"{len(kept)} of {len(lower)} lower-ranked lines"
