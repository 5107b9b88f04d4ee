"""What is checked: a backend, and what has to be known about it to check it fairly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from agent.messages import Message
from agent.models.base import Model

Fault = Literal["wrong_key", "wrong_name", "unreachable"]
"""A key that the server refuses, a model it does not have, an address at which nobody answers."""


@runtime_checkable
class Particular(Protocol):
    """A backend that answers conversations of one kind only, and shows how such a one begins."""

    def example(self) -> tuple[Message, ...]:
        """Return the first messages of a conversation that the backend answers."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A backend to check.

    Attributes:
        model: the backend.
        opening: how every conversation with it begins; empty for a backend that answers anything.
        obeys: whether it does what a message asks of it. A server with random weights does not, nor does a
            search engine; of them is checked what shows all the same.
        faulty: the same backend with something wrong, made when it is needed.
        secrets: keys that must show in no error and no reply.
    """

    model: Model
    opening: tuple[Message, ...] = ()
    obeys: bool = True
    faulty: Mapping[Fault, Callable[[], Model]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def subject_of(model: Model | Subject) -> Subject:
    """Return what is checked of a backend about which nothing else is known."""
    if isinstance(model, Subject):
        return model
    if isinstance(model, Particular):
        return Subject(model, opening=model.example(), obeys=False)
    return Subject(model)
