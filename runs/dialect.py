"""In which dialect a model calls tools: settled once an issue, and kept by whoever resumes the run."""

from __future__ import annotations

from typing import get_args

from agent.models.base import Model, Probing
from agent.speech import Dialect, fitting_dialect
from runs.journal import Journal

KIND = "dialect"


async def settled_dialect(model: Model, named: str, journal: Journal) -> Dialect:
    """Return the dialect that a model's replies are in; without any, the one that fits it, recorded.

    What a server could not tell at the first start is asked anew as long as nothing was said in a dialect.

    Args:
        model: the model.
        named: its name in the recipe.
        journal: the record of the issue.
    """
    recorded = journal.last(KIND, named=named)
    if recorded is not None and any(True for _ in journal.of("reply")):
        return next(kind for kind in get_args(Dialect) if kind == recorded["dialect"])
    capabilities = await model.probe() if isinstance(model, Probing) else model.capabilities
    chosen = fitting_dialect(capabilities)
    if recorded is None or recorded["dialect"] != chosen:
        facts = {"dialect": chosen, "model": model.name, "named": named}
        data = facts | {"capabilities": capabilities.model_dump()}
        await journal.append(KIND, data)
    return chosen


def recorded_length(named: str, journal: Journal) -> int | None:
    """Return the length of context that a model told at the first start, None where it told none.

    A resumed run does not ask again, and what it sends of a long conversation depends on it.
    """
    recorded = journal.last(KIND, named=named) or {}
    length = recorded.get("capabilities", {}).get("context_length")
    return int(length) if length else None
