"""From a model's name on the command line to what the loops talk to."""

from __future__ import annotations

from collections.abc import Callable

from agent.models.base import Model
from agent.models.caller import Caller
from agent.models.keys import guard_logs, load_keys
from agent.models.mixture import Mixture, read_blend
from agent.models.pace import Pace
from agent.models.registry import load_model
from agent.models.retries import Patience


def open_model(
    name: str,
    patience: Patience | None = None,
    say: Callable[[str], None] = lambda line: None,
    pace: Callable[[str], Pace | None] = lambda name: None,
) -> Caller | Mixture:
    """Return a model, or a mixture of models, ready to be called.

    Args:
        name: a backend's name (see `load_model`) or a mixture (see `agent.models.mixture`).
        patience: what one call may take.
        say: told in one line what a person should know.
        pace: gives by a backend's name what says when requests may be sent to it.

    Raises:
        UnknownModelError: there is no such backend.
        ModelUnavailableError: there is, but it cannot be used now.
        KeyFileError: the key file is open to others, or cannot be read.
    """
    load_keys()
    guard_logs()
    blend = read_blend(name)
    if blend is None:
        return Caller(load_model(name), patience, say, pace(name))
    members: list[tuple[float, Model]] = [
        (weight, Caller(load_model(one), patience, say, pace(one))) for weight, one in blend.members
    ]
    return Mixture(name, members, each_turn=blend.each_turn)
