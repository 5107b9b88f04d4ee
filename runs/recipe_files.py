"""Recipes as YAML: the packaged ones and a user's own, with single values changed on the command line."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from runs.failures import UsageError
from runs.recipe import CREW_KEYS, Recipe
from runs.roles import absolute_model, read_models

DEFAULT = "best-of-n"
SUFFIXES = (".yaml", ".yml")
_ROOT = resources.files("runs") / "recipes"


def packaged() -> tuple[str, ...]:
    """Return the names of the recipes that ship with Mangabey."""
    names = (one.name for one in _ROOT.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def read_recipe(name: str = DEFAULT, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe with some of its values changed.

    Paths in the names of models and images are made absolute, so that a run can be resumed from anywhere.

    Args:
        name: of a packaged recipe, or a path of a YAML file.
        changes: values by dotted key: `samples`, `crews.0.samples`, `budget.dollars`.

    Raises:
        UsageError: there is no such recipe, it cannot be read, or a key or value is wrong.
        UnknownModelError: a mixture of models is not written as one.
    """
    text, place = _text(name)
    found = _checked({"name": _stem(name)} | _mapping(text, place), place)
    data = found.model_dump()
    for key, value in (changes or {}).items():
        _put(data, key.split("."), value, key)
    return _absolute(_checked(data, f"the recipe {found.name}") if changes else found)


def ordered_recipe(
    name: str, changes: Sequence[str], options: Mapping[str, Any], models: str | None
) -> Recipe:
    """Return the recipe that a command line asks for.

    Args:
        name: of a packaged recipe, or a path of a YAML file.
        changes: texts `KEY=VALUE`.
        options: values by key, None where an option was not given.
        models: what `--model` says, see `runs.roles.read_models`; None for the recipe's own.

    Raises:
        UsageError: something of it is wrong.
        UnknownModelError: a mixture of models is not written as one.
    """
    given = {key: value for key, value in options.items() if value is not None}
    found = read_recipe(name, read_changes(changes) | given)
    if models is None:
        return found
    model, roles = read_models(models, found.model)
    return found.model_copy(update={"model": model, "models": found.models | roles})


def read_changes(texts: Sequence[str]) -> dict[str, Any]:
    """Return the values that `KEY=VALUE` texts give, by dotted key; a value is a YAML scalar or list.

    Raises:
        UsageError: one is not written so.
    """
    import yaml

    changes = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"-c {text}: write KEY=VALUE, as in -c samples=8")
        try:
            changes[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"-c {text}: the value is no YAML ({_problem(error)})") from error
    return changes


def to_yaml(recipe: Recipe) -> str:
    """Return a resolved recipe as YAML, every value written out."""
    import yaml

    data = recipe.model_dump(mode="json")
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))


def _text(name: str) -> tuple[str, str]:
    """Return a recipe's YAML and what to call the place in messages."""
    if name in packaged():
        return (_ROOT / f"{name}.yaml").read_text(encoding="utf-8"), f"the recipe {name}"
    path = Path(name).expanduser()
    if path.suffix not in SUFFIXES and not path.is_file():
        near = difflib.get_close_matches(name, packaged(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no recipe {name!r}{hint} (known: {', '.join(packaged())}, or FILE.yaml)")
    try:
        return path.read_text(encoding="utf-8"), name
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the recipe {name} cannot be read: {_words(error)}") from error


def _stem(name: str) -> str:
    return name if name in packaged() else Path(name).stem


def _mapping(text: str, place: str) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{place} is no YAML: {_problem(error)}") from error
    if data is not None and not isinstance(data, dict):
        raise UsageError(f"{place} holds no keys with values; see `mangabey recipes show single`")
    return {str(key): value for key, value in (data or {}).items()}


def _problem(error: Exception) -> str:
    """Return what a YAML parser complains of, with line and column."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}" if mark else " ".join(said.split())


def _put(data: Any, path: Sequence[str], value: Any, key: str) -> None:
    """Set one value in a recipe's data, making what was not set above it.

    Raises:
        UsageError: there is no such place.
    """
    head, rest = path[0], path[1:]
    place: Any = head
    if isinstance(data, list):
        if not head.isdecimal() or int(head) >= len(data):
            several = f"0 to {len(data) - 1}" if len(data) > 1 else "0 only"
            raise UsageError(f"-c {key}: there is no {head!r} of {len(data)}: {several}")
        place = int(head)
    if not rest:
        data[place] = value
        return
    held = data[place] if isinstance(data, list) else data.get(place)
    held = {} if held is None else list(held) if isinstance(held, tuple) else held
    if not isinstance(held, dict | list):
        raise UsageError(f"-c {key}: {head} is one value and holds no {rest[0]!r}")
    data[place] = held
    _put(held, rest, value, key)


def _checked(data: Mapping[str, Any], place: str) -> Recipe:
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"{place}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    """Return what is wrong with a recipe, the first thing in one line."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *above, last = first["loc"]
        known = _keys(above)
        near = difflib.get_close_matches(str(last), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"there is no key {where!r}{hint} (known: {', '.join(known)})"
    words = first["msg"].removeprefix("Value error, ")
    for technical, plain in (("Input should", "it should"), ("Tuple should", "it should"), ("tuple", "list")):
        words = words.replace(technical, plain)
    return f"{where}: {first['input']!r} is wrong, {words}" if where else words


def _keys(path: Sequence[int | str]) -> tuple[str, ...]:
    """Return the keys that a recipe knows at a place."""
    model: type[BaseModel] | None = Recipe
    for part in path:
        if isinstance(part, str) and model is not None:
            model = _model_in(model.model_fields[part].annotation) if part in model.model_fields else None
    own = tuple(model.model_fields) if model is not None else ()
    return (*own, *sorted(CREW_KEYS)) if model is Recipe else own


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds, alone, in a tuple or as an option."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := _model_in(one))), None)


def _absolute(recipe: Recipe) -> Recipe:
    from runs.commands.options import absolute_image

    return recipe.model_copy(
        update={
            "model": absolute_model(recipe.model),
            "models": {role: absolute_model(name) for role, name in recipe.models.items()},
            "crews": tuple(
                crew.model_copy(update={"model": absolute_model(crew.model)}) if crew.model else crew
                for crew in recipe.crews
            ),
            "image": absolute_image(recipe.image),
        }
    )


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
