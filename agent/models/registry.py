"""Find a model backend by its name; a backend is imported only when it is named."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.messages import Value
from agent.models.base import Capabilities, Model
from agent.models.errors import ModelError, ModelUnavailableError, UnknownModelError
from sandbox.plugins import MissingNameError, imported, offered, one_line, parted

GROUP = "mangabey.models"
"""Entry points of this group name factories that take the rest of the name, `""` when there is none."""
OWN = "MODULE:CLASS"


class KnownModel(Value):
    """What can be named: the name or its shape, what it is, and what it needs, empty for nothing."""

    name: str
    about: str
    needs: str


@dataclass(frozen=True, slots=True)
class _Backend:
    """A kind of backend; `make` takes the rest of the name, which `shape` shows."""

    shape: str
    about: str
    needs: str
    make: Callable[[str], Model]


def load_model(name: str) -> Model:
    """Return the backend called `name`.

    Args:
        name: `builtin/repair`, `litellm/<provider>/<model>`, `vllm/<model>` and `compatible/<model>`, both
            also with the server's address as `<model>@<URL>`, `vllm-offline/PATH`, `replay/FILE`,
            `manual/DIR`, `<plugin>/<rest>` for an entry point of the group `mangabey.models`,
            `module:Class` or `path.py:Class` for a class or factory without arguments, and
            `path.py:Class/ARGUMENT` for one that takes a text.

    Raises:
        UnknownModelError: there is no such backend; lists those known.
        ModelUnavailableError: there is, but it cannot be used now.
    """
    kind, _, rest = name.partition("/")
    if kind in _BACKENDS and (rest or kind == "builtin"):
        return _BACKENDS[kind].make(rest)
    plugins = offered(GROUP)
    for plugin, given in ((kind, rest), (name, "")):
        if plugin in plugins:
            return _checked(_made(_plugged(plugins[plugin], name), (given,), name), name)
    if own := parted(name):
        place, attribute, argument = own
        arguments = () if argument is None else (argument,)
        return _checked(_made(_own(place, attribute, name), arguments, name), name)
    raise UnknownModelError(_unknown(name))


def known_models() -> tuple[str, ...]:
    """Return the names and shapes of names that `load_model` takes, plug-ins included."""
    return tuple(model.name for model in described_models())


def described_models() -> tuple[KnownModel, ...]:
    """Return what `load_model` takes, each with what it is and what it needs; nothing is imported for it."""
    known = [KnownModel(name=one.shape, about=one.about, needs=one.needs) for one in _BACKENDS.values()]
    for name, point in sorted(offered(GROUP).items()):
        package = point.dist.name if point.dist else "an installed package"
        known.append(KnownModel(name=name, about=f"{point.value}, of {package}", needs=""))
    own = KnownModel(name=OWN, about="your own class, FILE.py:CLASS too; see docs/backends.md", needs="")
    return (*known, own)


def _builtin(rest: str) -> Model:
    if rest != "repair":
        raise UnknownModelError(_unknown(f"builtin/{rest}"))
    from agent.models.repair import RepairModel

    return RepairModel()


def _litellm(rest: str) -> Model:
    from agent.models.litellm import LiteLLMModel

    return LiteLLMModel(rest)


def _vllm(rest: str) -> Model:
    from agent.models.vllm import VllmModel

    return VllmModel(rest)


def _compatible(rest: str) -> Model:
    from agent.models.compatible import CompatibleModel

    return CompatibleModel(rest)


def _offline(rest: str) -> Model:
    from agent.models.offline import OfflineModel

    return OfflineModel(rest)


def _replay(rest: str) -> Model:
    from agent.foreign import is_foreign

    path = Path(rest).expanduser()
    if is_foreign(path):
        from agent.models.foreign_replay import ForeignReplayModel

        return ForeignReplayModel(path)
    from agent.models.replay import ReplayModel

    return ReplayModel(path)


def _manual(rest: str) -> Model:
    from agent.models.manual import ManualModel

    return ManualModel(Path(rest).expanduser())


_BACKENDS: dict[str, _Backend] = {
    "builtin": _Backend("builtin/repair", "a search engine for small bugs, no language model", "", _builtin),
    "litellm": _Backend("litellm/PROVIDER/MODEL", "every hosted provider", "extra litellm, a key", _litellm),
    "vllm": _Backend("vllm/NAME[@URL]", "vllm serve, or a router before some", "extra openai", _vllm),
    "compatible": _Backend(
        "compatible/NAME[@URL]", "any server of chat completions", "extra openai, URL", _compatible
    ),
    "vllm-offline": _Backend(
        "vllm-offline/PATH", "vLLM's engine without a server", "extra vllm, a GPU", _offline
    ),
    "replay": _Backend("replay/FILE", "a recorded run", "a journal, *.traj or *.traj.json", _replay),
    "manual": _Backend("manual/DIR", "a person, or a program that writes files", "", _manual),
}


def _plugged(plugin: Any, name: str) -> Any:
    try:
        return plugin.load()
    except Exception as error:
        raise ModelUnavailableError(
            f"the plug-in of {name!r} cannot be imported: {one_line(error)}"
        ) from error


def _own(place: str, attribute: str, name: str) -> Any:
    try:
        return imported(place, attribute)
    except MissingNameError as error:
        raise UnknownModelError(str(error)) from error
    except Exception as error:
        raise UnknownModelError(f"the model {name!r} cannot be imported: {one_line(error)}") from error


def _made(factory: Any, arguments: tuple[str, ...], name: str) -> object:
    try:
        return factory(*arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelUnavailableError(f"the model {name!r} cannot be made: {one_line(error)}") from error


def _checked(model: object, name: str) -> Model:
    """Return a backend that has what a backend has.

    Raises:
        UnknownModelError: it lacks something, or something is of another kind.
    """
    if not isinstance(model, Model):
        kind = type(model).__name__
        raise UnknownModelError(f"{name} gives a {kind}, which lacks one of: name, capabilities, generate")
    if not isinstance(model.capabilities, Capabilities):
        kind = type(model.capabilities).__name__
        raise UnknownModelError(
            f"{name}: `capabilities` is a {kind}; write `capabilities = Capabilities()`, of `agent`"
        )
    if not inspect.iscoroutinefunction(model.generate):
        raise UnknownModelError(f"{name}: `generate` is no coroutine function; write `async def generate`")
    return model


def _unknown(name: str) -> str:
    known = known_models()
    near = difflib.get_close_matches(name, known, n=1) or [
        shape
        for shape in known
        if difflib.get_close_matches(name.partition("/")[0], [shape.partition("/")[0]], n=1)
    ]
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no model {name!r}{hint} (known: {', '.join(known)})"
