"""The conversation of a trajectory: a model and a sandbox, turn by turn, through one phase or several."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from agent import prompts
from agent.arguments import specifications
from agent.assignment import Assignment
from agent.budget import Answered, Call, Spent, SpentError, exceeded, remaining, spent
from agent.clock import Clock
from agent.condense import Window, size_of
from agent.endings import Ending, alternations, is_unreadable, repeats, unreadable
from agent.messages import Attempt, Message, Reply, ToolCall, ToolSpec, Usage
from agent.models.attempts import heard_by
from agent.models.errors import ContextOverflowError, ModelError
from agent.phase import Phase
from agent.precaution import Precaution
from agent.replay import Replay
from agent.speech import Heard, Speech, fitting_dialect, speech_in
from agent.tape import request_key
from agent.trajectory import ExitReason, Observation, Turn
from agent.waiting import stopped_by
from sandbox.base import SandboxError

REPEATED = 3
"""The same call, or the same two in turn, so many times in a row is said to the model."""
OVERFLOW = ContextOverflowError.__name__
GRACE = 30.0
"""Seconds the actions of a turn may go on behind the end of the time, to end what they started."""


class OverError(Exception):
    """The trajectory is over, not by the model's choice; carries the ending."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


class TurnsOverError(OverError):
    """A phase has taken all its turns; the trajectory may go on with another phase."""


@dataclass(slots=True)
class _Stretch:
    """A phase in the making."""

    phase: Phase
    speech: Speech
    messages: list[Message]
    first: int
    window: Window


class Talk:
    """A trajectory in the making: its turns so far, over all phases.

    Attributes:
        given: the assignment.
        turns: replies and what their actions returned.
        diff: the last one that was kept.
        clock: the time; it runs from the first thing that is not on the tape.
    """

    def __init__(self, given: Assignment) -> None:
        self.given = given
        self.turns: list[Turn] = []
        self.diff = ""
        self.clock = Clock(given.budget.seconds)
        self._precaution = Precaution()
        self._replay = Replay(given.tape)
        self._spent = spent(())
        self._phases: list[Phase] = []

    async def through(self, phase: Phase) -> ToolCall:
        """Take turns until the model ends the phase, and return the call that ended it.

        Turns on the tape come first: their replies are taken, their actions performed again, and the
        conversation goes on with the recorded observations. What differs is left on the tape.

        Raises:
            TurnsOverError: the phase has taken all its turns.
            OverError: a budget, the model's failure or its format ended the whole trajectory.
            SandboxGoneError: the sandbox is gone.
            DivergedError: the sandbox is not what the model knows.
        """
        self._phases.append(phase)
        stretch = self._begin(phase)
        while True:
            if self._turns_left(stretch) == 0:
                raise TurnsOverError(
                    Ending(ExitReason.STEP_LIMIT, f"all {phase.turns} turns of the phase are used")
                )
            for _ in filter(_is_overflow, self.given.tape.failed(len(self.turns))):
                stretch.window.shrink(stretch.messages)
            reply = await self._recorded(stretch) or await self._next(stretch)
            if call := await self._turn(stretch, reply):
                return call

    def used(self) -> Spent:
        """Return what the trajectory has used, calls that failed before the next turn's included."""
        return self._spent + spent((), self.given.tape.failed(len(self.turns)))

    def is_last_step(self) -> bool:
        """Whether no reply follows the one that is acted on now."""
        return len(self.turns) + 1 >= self.given.budget.steps

    def time_is_up(self) -> Ending:
        """Return the ending of a trajectory that has used its time."""
        return Ending(ExitReason.TIME_LIMIT, f"all {self.given.budget.seconds:.0f} s are used")

    def written_tests(self) -> tuple[str, ...]:
        """Return the paths of the test files that all phases wrote, each once, in order."""
        return tuple(dict.fromkeys(path for phase in self._phases for path in phase.bench.written_tests))

    def _begin(self, phase: Phase) -> _Stretch:
        dialect = self.given.dialect or fitting_dialect(self.given.model.capabilities)
        speech = speech_in(dialect, specifications(phase.tools), phase.system, phase.reminder)
        left = remaining(self.given.budget, self._spent, (phase.turns, phase.turns) if phase.turns else None)
        opening = f"{phase.opening}\n{left}"
        messages = [Message(role="system", content=speech.system()), Message(role="user", content=opening)]
        length = self.given.model.capabilities.context_length or self.given.window
        window = Window.of(length, self.given.sampling.max_tokens, speech.offered)
        return _Stretch(phase, speech, messages, len(self.turns), window)

    def _turns_left(self, stretch: _Stretch) -> int | None:
        """Return how many turns a phase may still take; replies without a readable call are steps only."""
        phase, taken = stretch.phase, self.turns[stretch.first :]
        if phase.turns is None:
            return None
        left = phase.turns - sum(not is_unreadable(turn) for turn in taken)
        return left if phase.steps is None else min(left, phase.steps - len(taken))

    async def _recorded(self, stretch: _Stretch) -> Reply | None:
        """Return the reply on the tape, its request compared with the one that would be sent now."""
        number = len(self.turns)
        reply = self.given.tape.reply(number)
        if reply is not None:
            sent = stretch.window.fit(stretch.messages)
            await self._replay.ask(number, sent, stretch.speech.offered, self.given.sampling)
        return reply

    async def _next(self, stretch: _Stretch) -> Reply:
        """Return a new reply, within the budget.

        Raises:
            OverError: the budget is used up, or there is no reply.
        """
        self.clock.start(self.used().seconds)
        if over := exceeded(self.given.budget, self.used()):
            raise OverError(Ending(*over))
        if self.clock.is_up():
            raise OverError(self.time_is_up())
        return await self._ask(stretch)

    async def _ask(self, stretch: _Stretch) -> Reply:
        """Return the model's reply, on the tape already; what is too long is sent once more, condensed.

        Raises:
            OverError: there is none.
        """
        try:
            return await self._send(stretch)
        except OverError as over:
            overflow = over.ending.reason is ExitReason.CONTEXT_LIMIT
            if not overflow or not stretch.window.shrink(stretch.messages):
                raise
        return await self._send(stretch)

    async def _send(self, stretch: _Stretch) -> Reply:
        given, number, offered = self.given, len(self.turns), stretch.speech.offered
        started = time.monotonic()
        messages = stretch.window.fit(stretch.messages)
        key = request_key(messages, offered, given.sampling)
        async with self._reserved(messages, offered) as answered:
            try:
                hear = heard_by(lambda attempt: given.tape.keep_attempt(number, attempt, key))
                with hear, stopped_by(self.clock.standing_still):
                    reply = await given.model.generate(messages, offered, given.sampling)
            except Exception as error:
                # a backend may be anybody's code, and what was won must not be lost with it
                overflow = isinstance(error, ContextOverflowError)
                attempts = error.attempts if isinstance(error, ModelError) else ()
                if overflow and not attempts:  # refused unsent; a resumed run must know of it all the same
                    attempts = (Attempt(error=OVERFLOW, message=line_of(error), seconds=0.0),)
                await given.tape.keep_failure(number, attempts, line_of(error), key)
                reason = ExitReason.CONTEXT_LIMIT if overflow else ExitReason.MODEL_ERROR
                raise OverError(Ending(reason, line_of(error))) from error
            if not reply.seconds:
                reply = reply.model_copy(update={"seconds": time.monotonic() - started})
            await given.tape.keep_reply(number, reply, key)
            answered(reply.cost, reply.usage)
        return reply

    @contextlib.asynccontextmanager
    async def _reserved(
        self, messages: Sequence[Message], offered: Sequence[ToolSpec]
    ) -> AsyncIterator[Answered]:
        """Set aside what a call may cost until its reply is recorded; gives what is told its cost.

        Raises:
            OverError: all trajectories together have used too much for it.
        """
        given = self.given
        if given.budget.common is None:
            yield _nobody
            return
        longest = given.sampling.max_tokens * given.sampling.n
        call = Call(given.model.name, size_of(messages, offered), longest)
        async with contextlib.AsyncExitStack() as held:
            try:
                with stopped_by(self.clock.standing_still):
                    answered = await held.enter_async_context(given.budget.common.reserved(call))
            except SpentError as error:
                raise OverError(Ending(error.reason, error.words)) from error
            yield answered

    async def _turn(self, stretch: _Stretch, reply: Reply) -> ToolCall | None:
        """Act on a reply and add both to the conversation; the call that ended the phase when one did."""
        number = len(self.turns)
        heard = stretch.speech.hear(reply, number)
        if not heard.reply.tool_calls and self.given.tape.observation(number, 0) is None:
            trouble = Observation(call_id="", text=heard.problem, status="format_error")
            await self.given.tape.keep_observation(number, 0, trouble)
        observations: list[Observation] = []
        with self.clock.grace(GRACE):
            try:
                await self._act(stretch.phase, number, heard, observations)
            finally:
                self.turns.append(Turn(reply=heard.reply, observations=tuple(observations)))
                self._spent += spent(self.turns[-1:], self.given.tape.failed(number))
        if self.given.on_turn is not None:
            self.given.on_turn(number, self.turns[-1])
        for call, seen in zip(heard.reply.tool_calls, observations, strict=False):
            if _ends(stretch.phase, call, seen):
                return call
        if ending := unreadable(self.turns[stretch.first :]):
            raise OverError(ending)
        if self.clock.is_up():
            raise OverError(self.time_is_up())
        note = self._note(stretch)
        stretch.messages += [stretch.speech.said(heard), *stretch.speech.answer(heard, observations, note)]
        return None

    async def _act(self, phase: Phase, number: int, heard: Heard, observations: list[Observation]) -> None:
        """Perform the actions of a reply in order, up to the one that ends the phase.

        Args:
            phase: the phase.
            number: the turn's number.
            heard: the reply.
            observations: receives what each action returned.
        """
        for index, call in enumerate(heard.reply.tool_calls):
            recorded = self.given.tape.observation(number, index)
            refusal = _refusal(phase, call, observations)
            if recorded is None:
                done = Turn(reply=heard.reply, observations=tuple(observations))
                self.clock.start((self._spent + spent([done], self.given.tape.failed(number))).seconds)
                seen = refusal or await phase.bench.perform(call, seconds=self.clock.left())
                await self.given.tape.keep_observation(number, index, seen)
            else:
                seen = recorded
                if refusal is None:
                    found = await phase.bench.perform_again(call, recorded, seconds=self.clock.left())
                    await self._replay.take(number, found)
            observations.append(seen)
            if _ends(phase, call, observations[-1]):
                break
            if refusal is None and self._is_diff_due(phase, number, index, call) and await self._keep_diff():
                files = self._replay.keep_files if recorded is None else self._replay.compare_files
                await files(number, index, call, self.diff)

    def _is_diff_due(self, phase: Phase, number: int, index: int, call: ToolCall) -> bool:
        if call.name in phase.changes or self._replay.left_files(number, index):
            return True
        return call.name in phase.may_change and self._precaution.is_due()

    async def _keep_diff(self) -> bool:
        """Take the diff, and return whether that worked; a dead sandbox shows itself in the next action."""
        with contextlib.suppress(SandboxError), self._precaution.measured():
            self.diff = await self.given.sandbox.diff()
            return True
        return False

    def _note(self, stretch: _Stretch) -> str:
        """Return the last line of the next message: what is left, behind a word on repeated calls."""
        times = repeats(self.turns[stretch.first :])
        again = [prompts.AGAIN.format(times=times)] if times >= REPEATED else []
        if (rounds := alternations(self.turns[stretch.first :])) >= REPEATED:
            again = [prompts.ALTERNATING.format(times=rounds)]
        # without what failed at the next turn: a resumed run says again what was said before that
        left = self._turns_left(stretch)
        turns = None if left is None or stretch.phase.turns is None else (left, stretch.phase.turns)
        return "\n".join([*again, remaining(self.given.budget, self._spent, turns)])


def line_of(error: Exception) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _nobody(dollars: float | None, usage: Usage) -> None:
    """Learn nothing."""


def _is_overflow(attempt: Attempt) -> bool:
    return attempt.error == OVERFLOW


def _ends(phase: Phase, call: ToolCall, seen: Observation) -> bool:
    return call.name in phase.endings and seen.status == "ok"


def _refusal(phase: Phase, call: ToolCall, before: list[Observation]) -> Observation | None:
    """Return what is said to a call that is not performed, None where it is."""
    if phase.single and before:
        return Observation(call_id=call.id, text=prompts.ONE_ACTION, status="format_error")
    if call.name in phase.endings and any(seen.status in ("error", "format_error") for seen in before):
        text = f"Not done: an action before this {call.name} failed. Look at it first."
        return Observation(call_id=call.id, text=text, status="error")
    return None
