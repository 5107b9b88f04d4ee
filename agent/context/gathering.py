"""From an issue and a repository to the context that all trajectories of the issue share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent.context.asking import Asker
from agent.context.blocks import Block, excerpt_block, whole_block
from agent.context.fusion import fused
from agent.context.model_ranking import rank_by_model
from agent.context.packing import pack
from agent.context.repository_map import draw_map
from agent.context.scan import scan
from agent.context.settings import ContextSettings
from agent.context.survey import Survey, survey
from agent.context.tokens import Count, guessed
from agent.context.value import Context
from agent.languages import SOURCES
from agent.models.counting import estimate
from agent.sources import fetch
from agent.symbols import Symbol
from envs.task import PublicTask
from sandbox.base import Sandbox

DEFINITIONS = 40
TESTS = 10
_SMALL = 150
"""Tokens below which an excerpt says nothing."""


async def gather(
    task: PublicTask,
    sandbox: Sandbox,
    settings: ContextSettings = ContextSettings(),  # noqa: B008 (frozen)
    *,
    home: Path | None = None,
    asker: Asker | None = None,
    count: Count = guessed,
) -> Context:
    """Return what the agents are shown of the repository in a sandbox.

    Args:
        task: the issue.
        sandbox: where the repository is, untouched.
        settings: what kind of context, and how large.
        home: the folder of caches, in which what was read of files is kept for the repository's next issue.
        asker: the model of the role `context`; asked only where `settings.scan` says so.
        count: counts tokens of the model that reads the context.

    Raises:
        SandboxGoneError: the sandbox is gone.
    """
    sources = await fetch(sandbox, SOURCES)
    found = await asyncio.to_thread(survey, task.problem_statement, sources, home)
    if settings.scan and asker is not None:
        found = await _scanned(found, task.problem_statement, sources, settings, asker, count)
    return await asyncio.to_thread(show, found, sources, settings, count)


async def _scanned(
    found: Survey,
    issue: str,
    sources: Mapping[str, str],
    settings: ContextSettings,
    asker: Asker,
    count: Count,
) -> Survey:
    """Return a survey in the order that the model's scan and rankings give it."""
    readings = await scan(asker, issue, sources, found.files, count)
    files = await rank_by_model(asker, issue, sources, readings, settings.rankings, count)
    return _reordered(found, files)


def _reordered(found: Survey, files: Sequence[str]) -> Survey:
    """Return a survey with another order of files, which that of the definitions follows half-way."""
    place = {path: number for number, path in enumerate(files)}
    by_file = sorted(found.definitions, key=lambda one: place[one.symbol.path])
    named = {str(one.symbol): one for one in found.definitions}
    order = fused([list(named), [str(one.symbol) for one in by_file]])
    return replace(found, files=tuple(files), definitions=tuple(named[name] for name in order))


def show(
    found: Survey, sources: Mapping[str, str], settings: ContextSettings, count: Count = guessed
) -> Context:
    """Return what was found as a context of the kind and the size that the settings ask for."""
    tests = found.tests[:TESTS]
    if settings.kind == "definitions":
        return Context(tuple(str(one.symbol) for one in found.definitions[:DEFINITIONS]), tests)
    definitions = _by_file(found)
    room = max(0, settings.tokens - count(Context(("",), tests).render()))
    if settings.kind == "map":
        return Context(draw_map(found.files, definitions, sources, room, count), tests)
    blocks = packed(found.files, definitions, sources, room, count)
    return Context(tuple(block.text for block in blocks), tests)


def packed(
    files: Sequence[str],
    definitions: Mapping[str, Sequence[Symbol]],
    sources: Mapping[str, str],
    tokens: int,
    count: Count,
) -> list[Block]:
    """Return the blocks of the files that a window of so many tokens holds; see `pack`."""

    def whole(path: str) -> Block:
        return whole_block(path, sources[path], count)

    def excerpt(path: str, room: int) -> Block | None:
        if room < _SMALL:
            return None
        return excerpt_block(path, sources[path], definitions.get(path, ()), room, count)

    blocks = pack(files, whole, excerpt, tokens, lambda path: estimate(sources[path]).least)
    while blocks and count("\n".join(block.text for block in blocks)) > tokens:
        blocks.pop()  # tokens of joined texts may be more than those of the texts
    return blocks


def _by_file(found: Survey) -> dict[str, list[Symbol]]:
    definitions: dict[str, list[Symbol]] = {}
    for one in found.definitions:
        definitions.setdefault(one.symbol.path, []).append(one.symbol)
    return definitions
