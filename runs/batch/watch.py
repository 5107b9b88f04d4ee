"""Who waits for what: read off the journal of an issue, for whoever wonders why nothing happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from runs.journal import Event, Journal
from runs.progress import Noticed, Progress, SampleBegan, SampleEnded, StageBegan
from runs.recorded import KIND as TRAJECTORY
from sandbox.work import Work

_LOOKS, _LONGEST = 20, 1.0
"""Looks in the time after which an issue counts as stuck, and seconds between two of them at most."""


class Watch:
    """One issue under watch: its stage, its trajectories under way, and when anything happened last.

    Attributes:
        stages: seconds of each stage so far, of this attempt.
        work: what the issue holds and waits for.
    """

    def __init__(self, listen: Callable[[Progress], None]) -> None:
        self.journal: Journal | None = None
        self.stages: dict[str, float] = {}
        self.samples: set[int] = set()
        self.work = Work()
        self._listen = listen
        self._stage = StageBegan("load")
        self._since = self._last = time.monotonic()
        self._seen = 0
        self._stood = 0.0

    def listen(self, progress: Progress) -> None:
        """Take in what happens, and pass it on."""
        self._last = time.monotonic()
        match progress:
            case StageBegan():
                self._end_stage()
                self._stage = progress
            case SampleBegan(sample, _):
                self.samples.add(sample)
            case SampleEnded(sample=sample):
                self.samples.discard(sample)
        self._listen(progress)

    def end(self) -> dict[str, float]:
        """Return the seconds of each stage, the last one ended."""
        self._end_stage()
        return {stage: round(seconds, 3) for stage, seconds in self.stages.items()}

    def quiet(self) -> float:
        """Return the seconds in which nothing was told and nothing recorded, but those that do not count."""
        events = len(self.journal.events) if self.journal is not None else 0
        if events != self._seen:
            self._seen, self._last = events, time.monotonic()
        return time.monotonic() - self._last

    def awaited(self) -> str:
        """Return in one line what is waited for."""
        quiet = time.monotonic() - self._last
        still = f"behind others for {self._stood:.0f} s" if self._stood else f"nothing for {quiet:.0f} s"
        parts = [f"stage {self._stage.stage}, {still}"]
        if self._stage.stage == "sample" and self.journal is not None:
            parts += _of_samples(self.journal, self.samples)
        return "; ".join([*parts, *_of_waits(self.work)])

    async def end_when_stuck(self, scope: asyncio.Timeout, deadline: asyncio.Timeout, seconds: float) -> None:
        """Say what is waited for once half of the time is over, and end a scope when all of it is.

        While all of the issue waits for what others are busy with, neither that time nor the deadline's goes
        by; what it waits for is said then, too.
        """
        said, looked = False, time.monotonic()
        while True:
            await asyncio.sleep(min(seconds / _LOOKS, _LONGEST))
            passed, looked = time.monotonic() - looked, time.monotonic()
            self._stand_still(passed, deadline)
            quiet = self.quiet()
            if quiet >= seconds:
                with suppress(RuntimeError):
                    scope.reschedule(asyncio.get_running_loop().time())
                return
            late = max(quiet, self._stood) >= seconds / 2
            if late and not said:
                self._listen(Noticed(f"still waiting: {self.awaited()}"))
            said = late

    def _stand_still(self, seconds: float, deadline: asyncio.Timeout) -> None:
        """Take seconds that went by off both clocks where the issue waits for others."""
        if not self.work.is_held_up():
            self._stood = 0.0
            return
        self._stood += seconds
        self._last = min(self._last + seconds, time.monotonic())
        with suppress(RuntimeError):  # it has expired
            if (end := deadline.when()) is not None:
                deadline.reschedule(end + seconds)

    def _end_stage(self) -> None:
        now = time.monotonic()
        self.stages[self._stage.stage] = self.stages.get(self._stage.stage, 0.0) + now - self._since
        self._since = now


def _of_waits(work: Work) -> Iterator[str]:
    """Yield what others hold and is waited for."""
    for what, count in Counter(wait.what for wait in work.awaited()).items():
        yield f"{count} wait for {what}" if count > 1 else f"waits for {what}"


def _of_samples(journal: Journal, samples: set[int]) -> Iterator[str]:
    """Yield what each trajectory under way waits for: the model's reply, or an action of the last one."""
    of_samples = (one for one in journal.events if "sample" in one.data and one.kind != TRAJECTORY)
    last: dict[int, Event] = {one.data["sample"]: one for one in of_samples}
    for sample in sorted(samples):
        if (event := last.get(sample)) is None:
            yield f"sample {sample} waits for its sandbox or its first reply"
        elif event.kind == "reply":
            calls = [call["name"] for call in event.data["reply"]["tool_calls"]]
            yield f"sample {sample} waits for {calls[0] if calls else 'turn'} of {event.data['turn']}"
        else:
            yield f"sample {sample} waits for the model after turn {event.data.get('turn', '?')}"
