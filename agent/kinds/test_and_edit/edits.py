"""The edits of one trajectory: several replacements are made together or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.kinds.test_and_edit.blocks import Block
from agent.kinds.test_and_edit.moves import Move
from agent.kinds.test_and_edit.protected import Protection, protection_of
from agent.kinds.test_and_edit.replacing import replace_lines
from agent.tool_error import ToolError, inside, kind_of, read_file
from sandbox.base import Sandbox, SandboxError, SandboxGoneError

_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
NOTHING_DONE = "Nothing was changed: blocks apply all or none. Send all of them again, these corrected."
SHOWN = 2500
"""Characters of one problem that are told."""


class Edits:
    """What was changed against the base, and how to get back to it.

    The sandbox is only written to, never run in: but for these edits and the test its files are the base's.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._base: dict[str, bytes | None] = {}
        self._modes: dict[str, str] = {}
        self._protection: Protection | None = None

    async def apply(
        self, blocks: Sequence[Block], onto: str, test: str, moves: Sequence[Move] = ()
    ) -> tuple[str, ...]:
        """Make all changes and return the paths they changed.

        Args:
            blocks: the replacements, in order.
            onto: `current` or `base`.
            test: path of the own test, which is no part of the edits.
            moves: files that are deleted or renamed before that.

        Raises:
            ToolError: nothing was changed; names every change that cannot be made, and why.
        """
        planned = await self._planned(blocks, onto, test, moves)
        before = {path: await self._now(path) for path in self._base.keys() | planned.keys()}
        for path in planned:
            self._base.setdefault(path, before[path])
        target = dict(self._base) if onto == "base" else {}
        target |= planned
        try:
            await self._put(target)
        except SandboxGoneError:
            raise
        except SandboxError as error:
            await self._put({path: before[path] for path in target})
            raise ToolError(f"Nothing was changed: {error}") from error
        return tuple(planned)

    def changed(self) -> tuple[str, ...]:
        """Return the paths that were edited, those that were put back too."""
        return tuple(sorted(self._base))

    async def _planned(
        self, blocks: Sequence[Block], onto: str, test: str, moves: Sequence[Move]
    ) -> Mapping[str, bytes | None]:
        files: dict[str, bytes | None] = {}
        problems: list[str] = []
        for move in moves:
            try:
                files |= await self._moved(move, onto, test, files)
            except ToolError as error:
                problems.append(f"`files`, {move.old[:200]}: {str(error)[:SHOWN]}")
        for number, block in enumerate(blocks, 1):
            try:
                path = self._place(block.path, test)
                now = files[path] if path in files else await self._before(path, onto)
                after = _replaced(now, block, path, created=path in files)
                await self._check(path, after)
                files[path] = after
            except ToolError as error:
                problems.append(f"Block {number} ({block.path[:200]}): {str(error)[:SHOWN]}")
        if problems:
            raise ToolError("\n\n".join([NOTHING_DONE, *problems]))
        return files

    async def _moved(
        self, move: Move, onto: str, test: str, files: Mapping[str, bytes | None]
    ) -> Mapping[str, bytes | None]:
        """Return the files that a deletion or a renaming changes.

        Raises:
            ToolError: there is nothing to move, something is in its way, or it may not be moved.
        """
        old = self._place(move.old, test)
        data = files[old] if old in files else await self._before(old, onto)
        if data is None:
            raise ToolError("there is no such file.")
        await self._check(old, b"")
        if old not in self._modes:
            found = await self._sandbox.exec(["stat", "-c", "%a", "--", old], timeout=30)
            self._modes[old] = found.text.strip() if found.ok else "644"
        if move.new is None:
            return {old: None}
        new = self._place(move.new, test)
        if (files[new] if new in files else await self._before(new, onto)) is not None:
            raise ToolError(f"{new} exists already.")
        await self._check(new, data)
        self._modes[new] = self._modes[old]
        return {old: None, new: data}

    def _place(self, path: str, test: str) -> str:
        place = inside(self._sandbox, path)
        if place == test:
            raise ToolError("it is your test: write it again with `write_test`.")
        return place

    async def _before(self, path: str, onto: str) -> bytes | None:
        """Return a file that a block is applied to, None where there is none."""
        if onto == "base" and path in self._base:
            return self._base[path]
        return await self._now(path)

    async def _now(self, path: str) -> bytes | None:
        kind = await kind_of(self._sandbox, path)
        if kind and kind != "regular file":
            raise ToolError(f"{path} is a {kind}." if kind != "directory" else f"{path} is a folder.")
        return await read_file(self._sandbox, path) if kind else None

    async def _check(self, path: str, after: bytes) -> None:
        if self._protection is None:
            self._protection = await protection_of(self._sandbox)
        base = self._base[path] if path in self._base else await self._now(path)
        if reason := self._protection.why_refused(path, base, after):
            raise ToolError(f"refused: {reason}.")

    async def _put(self, files: Mapping[str, bytes | None]) -> None:
        for path, data in files.items():
            if data is None:
                await self._sandbox.exec(["rm", "-f", "--", path], timeout=30)
            else:
                await self._sandbox.write(path, data)
                if path in self._modes:
                    await self._sandbox.exec(["chmod", self._modes[path], "--", path], timeout=30)


def _replaced(now: bytes | None, block: Block, path: str, *, created: bool) -> bytes:
    """Return a file's bytes after one block.

    Raises:
        ToolError: the block cannot be applied.
    """
    if not any(block.old) and len(block.old) < 2:
        if now:
            which = "an earlier block creates it" if created else "it exists already"
            raise ToolError(f"{which}: an empty SEARCH only creates files; give the lines to replace.")
        return _encoded("\n".join(block.new) + "\n" if block.new else "", "utf-8")
    if now is None:
        raise ToolError("there is no such file; an empty SEARCH would create it.")
    if b"\0" in now:
        raise ToolError("it is a binary file; only text can be edited.")
    text, encoding = _decoded(now)
    return _encoded(replace_lines(text, block.old, block.new, path), encoding)


def _decoded(data: bytes) -> tuple[str, str]:
    """Return a file's text and its encoding: the one it declares, UTF-8, or else Latin-1, which fits all."""
    declared = (
        found[1].decode("ascii") for line in data.split(b"\n", 2)[:2] if (found := _CODING.match(line))
    )
    for encoding in (*declared, "utf-8"):
        try:
            text = data.decode(encoding)
            if text.encode(encoding) == data:
                return text, encoding
        except (LookupError, UnicodeError):
            continue
    return data.decode("latin-1"), "latin-1"


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        raise ToolError(f"the file is in {encoding}, which has no {letter!r}.") from None
