"""Find a model backend by its name; a backend is imported only when it is named."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.models.base import Model
from agent.models.errors import ModelError, ModelUnavailableError, UnknownModelError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "mangabey.models"
"""Entry points of this group name factories that take the rest of the name, `""` when there is none."""


def load_model(name: str) -> Model:
    """Return the backend called `name`.

    Args:
        name: `builtin/repair`, `litellm/<provider>/<model>`, `vllm-offline/PATH`, `replay/FILE`,
            `manual/DIR`, `<plugin>/<rest>` for an entry point of the group `mangabey.models`, or
            `module:Class` or `path.py:Class` for a class or factory without arguments.

    Raises:
        UnknownModelError: there is no such backend; lists those known.
        ModelUnavailableError: there is, but it cannot be used now.
    """
    kind, _, rest = name.partition("/")
    if kind in _BACKENDS and (rest or kind == "builtin"):
        return _BACKENDS[kind](rest)
    for plugin in _plugins():
        if plugin.name in (kind, name):
            return _plugged(plugin, rest if plugin.name == kind else "", name)
    module, colon, attribute = name.rpartition(":")
    if colon and module and attribute.isidentifier():
        return _checked(_made(_imported(module, attribute, name), (), name), name)
    raise UnknownModelError(_unknown(name))


def known_models() -> tuple[str, ...]:
    """Return the names and shapes of names that `load_model` takes, plug-ins included."""
    plugins = sorted({plugin.name for plugin in _plugins()})
    shapes = ("builtin/repair", "litellm/PROVIDER/MODEL", "vllm-offline/PATH", "replay/FILE", "manual/DIR")
    return (*shapes, *plugins, "MODULE:CLASS")


def _builtin(rest: str) -> Model:
    if rest != "repair":
        raise UnknownModelError(_unknown(f"builtin/{rest}"))
    from agent.models.repair import RepairModel

    return RepairModel()


def _litellm(rest: str) -> Model:
    from agent.models.litellm import LiteLLMModel

    return LiteLLMModel(rest)


def _offline(rest: str) -> Model:
    from agent.models.offline import OfflineModel

    return OfflineModel(rest)


def _replay(rest: str) -> Model:
    from agent.models.replay import ReplayModel

    return ReplayModel(Path(rest).expanduser())


def _manual(rest: str) -> Model:
    from agent.models.manual import ManualModel

    return ManualModel(Path(rest).expanduser())


_BACKENDS: dict[str, Callable[[str], Model]] = {
    "builtin": _builtin,
    "litellm": _litellm,
    "vllm-offline": _offline,
    "replay": _replay,
    "manual": _manual,
}


def _plugins() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points

    return tuple(entry_points(group=GROUP))


def _plugged(plugin: EntryPoint, rest: str, name: str) -> Model:
    try:
        factory = plugin.load()
    except (ImportError, AttributeError) as error:
        raise ModelUnavailableError(f"the plug-in of {name!r} cannot be imported: {_line(error)}") from error
    return _checked(_made(factory, (rest,), name), name)


def _made(factory: Any, arguments: tuple[str, ...], name: str) -> object:
    try:
        return factory(*arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelUnavailableError(f"the model {name!r} cannot be made: {_line(error)}") from error


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _imported(module: str, attribute: str, name: str) -> Any:
    try:
        found = _from_file(Path(module)) if module.endswith(".py") else importlib.import_module(module)
    except (ImportError, OSError, SyntaxError) as error:
        raise UnknownModelError(f"the model {name!r} cannot be imported: {_line(error)}") from error
    if not hasattr(found, attribute):
        near = difflib.get_close_matches(attribute, dir(found), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownModelError(f"{module} has no {attribute}{hint}")
    return getattr(found, attribute)


def _from_file(path: Path) -> Any:
    path = path.expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _checked(model: object, name: str) -> Model:
    if not isinstance(model, Model):
        kind = type(model).__name__
        raise UnknownModelError(f"{name} gives a {kind}, which lacks one of: name, capabilities, generate")
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
