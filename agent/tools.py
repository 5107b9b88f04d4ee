"""The tools of one trajectory: each call becomes an observation, whatever happens inside the sandbox."""

from __future__ import annotations

import posixpath
import signal

from agent import arguments as shapes
from agent.edit_tool import create_file, replace_passage
from agent.excerpts import cut_middle
from agent.messages import ToolCall
from agent.observed import observed
from agent.search_tool import search
from agent.trajectory import Observation
from agent.view_tool import view
from agent.write_test_tool import write_test
from sandbox.base import ExecResult, Sandbox, Status
from sandbox.session import Session

OBSERVATION = 16_000
"""Characters of a command's output that a model sees."""


class Toolbox:
    """The tools over one sandbox, and the test files written with them.

    Attributes:
        written_tests: paths relative to the repository of the files `write_test` wrote, in order.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._session = Session(sandbox)
        self.written_tests: list[str] = []

    async def perform(self, call: ToolCall, *, seconds: float) -> Observation:
        """Perform one call within the time that is left.

        Raises:
            SandboxGoneError: the sandbox is gone; every other failure is an observation.
        """
        return await observed(call, lambda: self._run(call, seconds))

    async def _run(self, call: ToolCall, seconds: float) -> tuple[str, str]:
        match shapes.read_arguments(call):
            case shapes.BashArguments(command=command, timeout=timeout):
                result = await self._session.run(command, timeout=max(1.0, min(timeout, seconds)))
                return render_result(result), "timed_out" if result.status is Status.TIMED_OUT else "ok"
            case shapes.ViewArguments(path=path, start=start, end=end):
                return await view(self._sandbox, path, start, end), "ok"
            case shapes.EditArguments(path=path, old="", new=new):
                return await create_file(self._sandbox, path, new), "ok"
            case shapes.EditArguments(path=path, old=old, new=new):
                return await replace_passage(self._sandbox, path, old, new), "ok"
            case shapes.SearchArguments(query=query, path=path):
                return await search(self._sandbox, query, path), "ok"
            case shapes.WriteTestArguments(path=path, content=content):
                return await self._write_test(path, content), "ok"
            case shapes.SubmitArguments():
                return "Submitted.", "ok"
            case _:
                return "Ended.", "ok"

    async def _write_test(self, path: str, content: str) -> str:
        answer = await write_test(self._sandbox, path, content, self.written_tests)
        relative = posixpath.relpath(posixpath.join(self._sandbox.workdir, path), self._sandbox.workdir)
        if relative not in self.written_tests:
            self.written_tests.append(relative)
        return answer


def render_result(result: ExecResult) -> str:
    """Return what a model sees of a command: its output, head and tail kept, and how it ended."""
    output = cut_middle(result.text, OBSERVATION)
    if output and not output.endswith("\n"):
        output += "\n"
    return output + _ending(result)


def _ending(result: ExecResult) -> str:
    match result.status:
        case Status.TIMED_OUT:
            return f"[timed out after {result.seconds:.0f} s; all its processes were ended]"
        case Status.OUT_OF_MEMORY:
            return "[ended: the sandbox's memory was used up]\n" + f"[exit code {result.exit_code}]"
        case Status.OUT_OF_DISK:
            return "[ended: it had written more than the sandbox may; remove what is not needed]"
        case Status.KILLED:
            number = abs(result.exit_code)
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            return f"[ended by {name}: its own, or a limit of the sandbox]\n[exit code {result.exit_code}]"
        case Status.NOT_FOUND:
            return "[program not found]\n[exit code 127]"
        case _:
            return f"[exit code {result.exit_code}]"
