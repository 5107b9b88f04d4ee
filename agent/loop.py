"""The tool loop: a model and a sandbox, turn by turn, until the model ends it or the budget does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent import prompts
from agent.arguments import specifications
from agent.budget import Budget, Spent, exceeded, remaining, spent
from agent.endings import ENDINGS, Ending, ending_of, ends, repeats
from agent.messages import Attempt, Message, Reply, Sampling
from agent.models.base import Model
from agent.models.errors import ContextOverflowError, ModelError
from agent.speech import Dialect, Heard, Speech, fitting_dialect, speech_in
from agent.tape import Tape, request_key
from agent.tools import Toolbox
from agent.trajectory import ExitReason, Observation, Trajectory, Turn
from envs.task import PublicTask
from sandbox.base import Sandbox, SandboxError

REPEATED = 3
"""The same call so many times in a row is said to the model."""
GRACE = 30.0
"""Seconds the actions of a turn may go on behind the end of the time, to end what they started."""
LAST_DIFF = 60.0
"""Seconds for taking the diff when everything else is over."""

CHANGES = ("edit", "write_test")
"""Tools after which the diff is kept, in case the sandbox dies later."""


class _ModelFailedError(Exception):
    """The model gave no reply; carries the ending this makes."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


@dataclass(slots=True)
class _Run:
    """One trajectory in the making."""

    sandbox: Sandbox
    model: Model
    speech: Speech
    tape: Tape
    budget: Budget
    sampling: Sampling
    on_turn: Callable[[int, Turn], None] | None
    toolbox: Toolbox
    messages: list[Message]
    turns: list[Turn] = field(default_factory=list)
    diff: str = ""


async def run_agent(
    task: PublicTask,
    sandbox: Sandbox,
    model: Model,
    *,
    context: str,
    tape: Tape,
    budget: Budget,
    sampling: Sampling,
    dialect: Dialect | None = None,
    on_turn: Callable[[int, Turn], None] | None = None,
) -> Trajectory:
    """Let a model work on an issue in a sandbox, and return what it did.

    A failing model, a dead sandbox, the end of the time and a cancellation raise nothing: they end the
    trajectory with their reason and the diff made so far. Only what `tape` and `on_turn` raise comes out.

    Args:
        task: what the model may know.
        sandbox: a room of its own with the repository in it; it stays open.
        model: the backend.
        context: lines for `<context>`, see `agent.context.gather`.
        tape: the record to resume from and to write to.
        budget: what may be used, replies on the tape included.
        sampling: how replies are drawn; its `sample` numbers the trajectory.
        dialect: how tools are called; None for what the model's capabilities suggest. A trajectory on the
            tape goes on in the dialect it began in.
        on_turn: called after each turn with its number and the turn.
    """
    started = time.monotonic()
    tools = specifications()
    speech = speech_in(dialect or fitting_dialect(model.capabilities), tools)
    opening = f"{prompts.first_message(task, context)}\n{remaining(budget, spent(()))}"
    messages = [Message(role="system", content=speech.system()), Message(role="user", content=opening)]
    run = _Run(sandbox, model, speech, tape, budget, sampling, on_turn, Toolbox(sandbox), messages)
    ending, tests = await _uninterrupted(run, await _until_ended(run))
    used = _used(run)
    return Trajectory(
        sample=sampling.sample,
        model=next((turn.reply.model for turn in run.turns if turn.reply.model), model.name),
        exit_reason=ending.reason,
        diff=run.diff,
        test_paths=tests,
        turns=tuple(run.turns),
        usage=used.usage,
        cost=used.dollars,
        seconds=time.monotonic() - started,
        message=ending.message,
    )


async def _until_ended(run: _Run) -> Ending:
    """Take turns until one ends the trajectory: first those on the tape, then new ones."""
    try:
        async with asyncio.timeout(run.budget.seconds) as deadline:
            while recorded := run.tape.reply(len(run.turns)):
                if ending := await _turn(run, recorded, deadline):
                    return ending
            left = run.budget.seconds - _used(run).seconds
            deadline.reschedule(asyncio.get_running_loop().time() + left)
            while not (over := exceeded(run.budget, _used(run))):
                if ending := await _turn(run, await _ask(run), deadline):
                    return ending
            return Ending(*over)
    except asyncio.CancelledError:
        return Ending(ExitReason.CANCELLED, "cancelled")
    except TimeoutError:
        if not deadline.expired():
            raise
        return _time_is_up(run)
    except SandboxError as error:
        return Ending(ExitReason.SANDBOX_ERROR, _line(error))
    except _ModelFailedError as error:
        return error.ending


def _used(run: _Run) -> Spent:
    """Return what the trajectory has used, calls that failed before the next turn's included."""
    return spent(run.turns, _failed(run, len(run.turns) + 1))


def _failed(run: _Run, turns: int) -> list[Attempt]:
    return [attempt for turn in range(turns) for attempt in run.tape.failed(turn)]


def _time_is_up(run: _Run) -> Ending:
    return Ending(ExitReason.TIME_LIMIT, f"all {run.budget.seconds:.0f} s are used")


async def _ask(run: _Run) -> Reply:
    """Return the model's reply, on the tape already.

    Raises:
        _ModelFailedError: there is none.
    """
    started = time.monotonic()
    key = request_key(run.messages, run.speech.offered, run.sampling)
    try:
        reply = await run.model.generate(tuple(run.messages), run.speech.offered, run.sampling)
    except Exception as error:
        # a backend may be anybody's code, and what was won must not be lost with it
        reason = (
            ExitReason.CONTEXT_LIMIT if isinstance(error, ContextOverflowError) else ExitReason.MODEL_ERROR
        )
        attempts = error.attempts if isinstance(error, ModelError) else ()
        await run.tape.keep_failure(len(run.turns), attempts, _line(error), key)
        raise _ModelFailedError(Ending(reason, _line(error))) from error
    if not reply.seconds:
        reply = reply.model_copy(update={"seconds": time.monotonic() - started})
    await run.tape.keep_reply(len(run.turns), reply, key)
    return reply


async def _turn(run: _Run, reply: Reply, deadline: asyncio.Timeout) -> Ending | None:
    """Act on a reply and add both to the conversation; an `Ending` when it was the last."""
    number = len(run.turns)
    heard = run.speech.hear(reply, number)
    observations: list[Observation] = []
    with _grace(deadline) as end:
        try:
            await _act(run, number, heard, observations, end)
        finally:
            run.turns.append(Turn(reply=heard.reply, observations=tuple(observations)))
    if run.on_turn is not None:
        run.on_turn(number, run.turns[-1])
    if ending := ending_of(run.turns):
        return ending
    if asyncio.get_running_loop().time() >= end:
        return _time_is_up(run)
    run.messages += [run.speech.said(heard), *run.speech.answer(heard, observations, _note(run))]
    return None


async def _act(run: _Run, number: int, heard: Heard, observations: list[Observation], end: float) -> None:
    """Perform the actions of a reply in order, up to the one that ends the trajectory.

    Args:
        run: the trajectory in the making.
        number: the turn's number.
        heard: the reply.
        observations: receives what each action returned.
        end: the loop's time at which the time is up.
    """
    for index, call in enumerate(heard.reply.tool_calls):
        failed = any(seen.status in ("error", "format_error") for seen in observations)
        recorded = run.tape.observation(number, index)
        if call.name in ENDINGS and failed:
            text = f"Not done: an action before this {call.name} failed. Look at it first."
            seen = Observation(call_id=call.id, text=text, status="error")
        else:
            seen = await run.toolbox.perform(call, seconds=end - asyncio.get_running_loop().time())
        if recorded is None:
            await run.tape.keep_observation(number, index, seen)
        observations.append(recorded or seen)
        if ends(call, observations[-1]):
            break
        if call.name in CHANGES:
            with contextlib.suppress(SandboxError):  # a dead sandbox shows itself in the next action
                run.diff = await run.sandbox.diff()


@contextlib.contextmanager
def _grace(deadline: asyncio.Timeout) -> Iterator[float]:
    """Put the end of the time off while actions are performed, and yield when it was.

    A command ends itself, with all it started, when its time is up; a cancelled one might not.
    """
    when = deadline.when()
    assert when is not None
    deadline.reschedule(when + GRACE)
    try:
        yield when
    finally:
        if not deadline.expired():
            deadline.reschedule(when)


def _note(run: _Run) -> str:
    """Return the last line of the next message: what is left, behind a word on repeated calls."""
    times = repeats(run.turns)
    again = [prompts.AGAIN.format(times=times)] if times >= REPEATED else []
    # without what failed at the next turn: a resumed run says again what was said before that
    used = spent(run.turns, _failed(run, len(run.turns)))
    return "\n".join([*again, remaining(run.budget, used)])


async def _uninterrupted(run: _Run, ending: Ending) -> tuple[Ending, tuple[str, ...]]:
    """Take the last state of the sandbox, whatever is cancelled meanwhile."""
    final = asyncio.ensure_future(_last_state(run, ending))
    while not final.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(final)
    return final.result()


async def _last_state(run: _Run, ending: Ending) -> tuple[Ending, tuple[str, ...]]:
    """Keep the diff, and return the ending and the tests that are still there.

    Where the diff cannot be taken, the one after the last `edit` or `write_test` stands.
    """
    written = tuple(run.toolbox.written_tests)
    try:
        async with asyncio.timeout(LAST_DIFF):
            run.diff = await run.sandbox.diff()
            script = 'for path; do [ -f "$path" ] && printf "%s\\0" "$path"; done; true'
            found = await run.sandbox.exec(["bash", "-c", script, "tests", *written], timeout=LAST_DIFF)
    except (SandboxError, TimeoutError) as error:
        if ending.reason in ENDINGS.values():
            ending = Ending(ExitReason.SANDBOX_ERROR, f"the last diff could not be taken: {_line(error)}")
        return ending, written
    present = found.output.decode("utf-8", "replace").split("\0")
    return ending, tuple(path for path in written if path in present)


def _line(error: Exception) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
