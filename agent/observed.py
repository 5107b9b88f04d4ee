"""An action's answer or its failure as an observation: nothing but a dead sandbox comes out as an error."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from agent.arguments import ArgumentsError
from agent.messages import ToolCall
from agent.tool_error import ToolError
from agent.trajectory import Observation
from sandbox.base import SandboxError, SandboxGoneError


async def observed(call: ToolCall, act: Callable[[], Awaitable[tuple[str, str]]]) -> Observation:
    """Return what an action returned (text and status), or what kept it from being done.

    Raises:
        SandboxGoneError: the sandbox is gone.
    """
    started = time.monotonic()
    try:
        text, status = await act()
    except ArgumentsError as error:
        text, status = str(error), "format_error"
    except ToolError as error:
        text, status = str(error), "error"
    except SandboxGoneError:
        raise
    except (SandboxError, OSError, ValueError) as error:  # NUL or half characters in a name, for instance
        text, status = f"The sandbox could not do that: {error}", "error"
    return Observation.model_validate(
        {"call_id": call.id, "text": text, "status": status, "seconds": time.monotonic() - started}
    )
