"""Which model plays which role: `--model NAME`, or `--model NAME,edit=NAME,verify=NAME`."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Literal, get_args

from agent.models.mixture import Blend, read_blend
from runs.failures import UsageError

Role = Literal["context", "test", "edit", "verify", "select"]
ROLES: tuple[Role, ...] = get_args(Role)

MODELLESS = "builtin/"
"""What names of models begin with that are none: they read no prose, and work through a shell."""

_ASSIGNED = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)


def read_models(text: str, default: str) -> tuple[str, dict[Role, str]]:
    """Return the model of all roles that have none of their own, and those that have.

    Paths in the names are made absolute, so that a run can be resumed from anywhere.

    Raises:
        UsageError: there is no such role, or two models for one.
        UnknownModelError: a mixture is not written as one.
    """
    common: list[str] = []
    roles: dict[Role, str] = {}
    for part in text.split(","):
        assigned = _ASSIGNED.fullmatch(part)
        if assigned is None:
            common.append(part.strip())
            continue
        role = _role(assigned[1])
        if role in roles or not assigned[2]:
            raise UsageError(f"--model gives the role {role} {'twice' if role in roles else 'no model'}")
        roles[role] = absolute_model(assigned[2])
    if len(common) > 1:
        raise UsageError(
            f"--model names {' and '.join(common)}; one serves all roles, others are given as ROLE=NAME"
        )
    return absolute_model(common[0] if common else default), roles


def absolute_model(name: str) -> str:
    """Return a model's name with every path in it absolute."""
    if blend := read_blend(name):
        members = tuple((weight, absolute_model(one)) for weight, one in blend.members)
        return str(Blend(members, blend.each_turn))
    kind, slash, rest = name.partition("/")
    if kind in {"replay", "manual"} and slash and rest:
        return f"{kind}/{Path(rest).absolute()}"
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return f"{Path(path).absolute()}:{attribute}"
    return name


def _role(name: str) -> Role:
    for role in ROLES:
        if role == name:
            return role
    near = difflib.get_close_matches(name, ROLES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no role {name!r}{hint} (roles: {', '.join(ROLES)})")
