"""A backend to check by its name, and what can be done wrong with it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from agent.conformance.subject import Fault, Subject, subject_of
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Model
from agent.models.closing import closing
from agent.models.registry import load_model
from sandbox.plugins import parted

WRONG_KEY = "sk-no-such-key-of-a-check"
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def subject_named(name: str, *, obeys: bool = True) -> Subject:
    """Return the backend called `name` as something to check.

    Args:
        name: as `load_model` takes it.
        obeys: whether the model does what it is asked; random weights do not.

    Raises:
        UnknownModelError: there is no such backend.
        ModelUnavailableError: it cannot be used now.
    """
    subject = subject_of(load_model(name))
    faulty: dict[Fault, Callable[[], Model]] = {}
    if "/" in name and parted(name) is None:
        faulty["wrong_name"] = lambda: load_model(f"{name}-no-such-model")
    keys = {variable: value for variable, value in os.environ.items() if variable.endswith("_KEY") and value}
    if keys:
        faulty["wrong_key"] = lambda: _Locked(name, subject.model, keys)
    secrets = [value for variable, value in os.environ.items() if variable.endswith(_SECRET) and value]
    if secrets:
        secrets.append(WRONG_KEY)
    return replace(subject, obeys=subject.obeys and obeys, faulty=faulty, secrets=tuple(secrets))


class _Locked:
    """A backend to which the environment gives wrong keys."""

    def __init__(self, name: str, like: Model, keys: Mapping[str, str]) -> None:
        self.name, self.capabilities = name, like.capabilities
        self._keys = keys

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        with _environment(dict.fromkeys(self._keys, WRONG_KEY)):
            async with closing(load_model(self.name)) as model:
                return await model.generate(messages, tools, sampling)


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {variable: os.environ[variable] for variable in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.update(before)
