"""One command in a container: ordered, watched, and ended with everything it has started."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from sandbox.base import ExecResult, SandboxError, SandboxGoneError, Status
from sandbox.docker import containers
from sandbox.docker.gauge import LOOK_EVERY
from sandbox.docker.line import Answer, LineBrokenError
from sandbox.docker.order import NO_FOLDER, NO_PROGRAM, run_order, said
from sandbox.docker.vessel import Vessel
from sandbox.output import Output
from sandbox.run import AGENT, PATH, Run

_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL when the time is up."""
_ENDING = 15.0
"""Seconds in which the kernel must have ended everything."""
_LONGEST = 1e6
_NOT_STARTED = 127
_ENDING_SIGNALS = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 24, 25, 31})
"""Signals that end programs. A shell tells them as 128 + number; codes beside them are a program's own."""


class Command:
    """One run of an argument list."""

    def __init__(
        self,
        vessel: Vessel,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        user: str,
        stdin: bytes,
        output: int,
    ) -> None:
        if len(stdin) > vessel.shape.most_input:
            raise SandboxError(
                "the input is larger than what the sandbox may hold; give it more disk or memory"
            )
        self._vessel = vessel
        self._kept = Output(output)
        self._cwd = cwd
        self._nonce, self._token = secrets.token_hex(16), secrets.token_hex(16)
        self._order = run_order(self._nonce, self._token, argv, env=env, cwd=cwd, user=user, stdin=stdin)
        self._ended_for = Status.EXITED

    async def finish(self, seconds: float) -> ExecResult:
        """Run it to its end, or to the end of its time.

        Raises:
            SandboxGoneError: the container does not run any more.
            SandboxError: there is no such folder, or the stream broke; then the command has been ended.
        """
        began = time.monotonic()
        kills = self._vessel.kills
        try:
            answer = await self._watched(min(max(seconds, 0.0), _LONGEST))
        except LineBrokenError:
            await self._vessel.reconnect()
            raise SandboxError(
                "the connection to the container broke while a command ran in it; the command was ended"
            ) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._abandon())
            raise
        data, omitted = self._kept.take()
        spent = time.monotonic() - began
        self._vessel.look_soon()
        if answer.code == _NOT_STARTED and data == said(self._token, NO_FOLDER) and await self._no_folder():
            raise SandboxError(f"the command could not be started: {self._cwd}: there is no such folder")
        if answer.code == _NOT_STARTED and data == said(self._token, NO_PROGRAM):
            return ExecResult(Status.NOT_FOUND, 127, b"", 0, spent)
        return ExecResult(self._status(answer, kills), _code(answer.code), data, omitted, spent)

    def _status(self, answer: Answer, kills: int) -> Status:
        if self._ended_for is not Status.EXITED:
            return self._ended_for
        if answer.kills > kills and answer.code:
            return Status.OUT_OF_MEMORY
        return Status.KILLED if answer.code - 128 in _ENDING_SIGNALS else Status.EXITED

    async def _watched(self, seconds: float) -> Answer:
        vessel = self._vessel
        vessel.gauge.begin()
        await vessel.line.send(self._order)
        answering = asyncio.ensure_future(vessel.line.answer(self._nonce, self._kept.feed))
        watching = asyncio.ensure_future(self._disk_used_up())
        try:
            done, _ = await asyncio.wait(
                [answering, watching], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answering in done:
                answer = answering.result()
            else:
                self._ended_for = Status.OUT_OF_DISK if watching in done else Status.TIMED_OUT
                answer = await self._end(answering)
            if answer.left:
                answer = Answer(answer.code, (await self._kill()).kills, 0)
        finally:
            for task in (answering, watching):
                task.cancel()
            await asyncio.gather(answering, watching, return_exceptions=True)
        vessel.kills = max(vessel.kills, answer.kills)
        vessel.gauge.grow()
        return answer

    async def _end(self, answering: asyncio.Future[Answer]) -> Answer:
        """Ask everything to end, wait a little, end it."""
        await self._vessel.line.send(b"term \n")
        done, _ = await asyncio.wait([answering], timeout=_GRACE)
        if done:
            await self._kill()  # the asking may have reached what waits for the next order
            return replace(answering.result(), left=0)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        return await self._kill()

    async def _kill(self) -> Answer:
        """End everything that runs; output that is still on its way is kept."""
        try:
            async with asyncio.timeout(_ENDING):
                answer = await self._kill_once()
                while answer.left:  # the kernel takes its time
                    await asyncio.sleep(0.01)
                    answer = await self._kill_once()
        except TimeoutError:
            await self._vessel.line.close()  # whatever it still answers is nobody's output
            found = await self._vessel.engine.ask(containers.state, self._vessel.container)
            raise SandboxGoneError(
                f"the container is {found} and its processes cannot be ended; start another sandbox"
            ) from None
        return answer

    async def _kill_once(self) -> Answer:
        nonce = secrets.token_hex(16)
        mine = f"{self._nonce} ".encode()

        answered = False

        def feed(data: bytes) -> None:
            nonlocal answered
            output, mark, _ = data.partition(mine)
            if not answered:
                self._kept.feed(output)
            answered = answered or bool(mark)

        await self._vessel.line.send(f"kill {nonce}\n".encode())
        return await self._vessel.line.answer(nonce, feed)

    async def _abandon(self) -> None:
        """End a command for which nobody waits any more."""
        with suppress(SandboxError, LineBrokenError):
            await self._kill()

    async def _no_folder(self) -> bool:
        """Whether the command's folder is missing; the guest itself could have said so."""
        look = ["/bin/sh", "-c", 'cd -- "$1"', "sh", self._cwd]
        return not (await guest_run(self._vessel)(look, seconds=_ENDING, output=64)).ok

    async def _disk_used_up(self) -> None:
        """Return when the container has written more than it may, and what it has written does not shrink."""
        gauge = self._vessel.gauge
        last: tuple[float, int] | None = None
        if gauge.share <= 1:
            await asyncio.sleep(LOOK_EVERY)
        while True:
            await gauge.look()
            now = gauge.fullness
            if gauge.share > 1 and last is not None and now >= last:
                return
            last = now
            await asyncio.sleep(LOOK_EVERY)


def guest_run(vessel: Vessel) -> Run:
    """Return what runs commands of our own as the guest, with nothing of a task's environment."""

    async def run(
        argv: Sequence[str],
        *,
        seconds: float,
        output: int,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
    ) -> ExecResult:
        whole = {"PATH": PATH, "LC_ALL": "C", **(env or {})}
        command = Command(
            vessel, argv, env=whole, cwd=cwd or "/", user=user or AGENT, stdin=stdin, output=output
        )
        return await command.finish(seconds)

    return run


def _code(code: int) -> int:
    """Return a shell's exit code as the contract wants it: minus the number of the signal that ended it."""
    return 128 - code if code - 128 in _ENDING_SIGNALS else code
