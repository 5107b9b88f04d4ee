"""Who waits for what: read off the journal of an issue, for whoever wonders why nothing happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from runs.journal import Event, Journal
from runs.progress import Noticed, Progress, SampleBegan, SampleEnded, StageBegan
from runs.recorded import KIND as TRAJECTORY

_LOOKS = 20
"""Looks in the time after which an issue counts as stuck."""


class Watch:
    """One issue under watch: its stage, its trajectories under way, and when anything happened last.

    Attributes:
        stages: seconds of each stage so far, of this attempt.
    """

    def __init__(self, listen: Callable[[Progress], None]) -> None:
        self.journal: Journal | None = None
        self.stages: dict[str, float] = {}
        self.samples: set[int] = set()
        self._listen = listen
        self._stage = StageBegan("load")
        self._since = self._last = time.monotonic()
        self._seen = 0

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
        """Return the seconds in which nothing was told and nothing recorded."""
        events = len(self.journal.events) if self.journal is not None else 0
        if events != self._seen:
            self._seen, self._last = events, time.monotonic()
        return time.monotonic() - self._last

    def awaited(self) -> str:
        """Return in one line what is waited for."""
        quiet = time.monotonic() - self._last
        head = f"stage {self._stage.stage}, nothing for {quiet:.0f} s"
        if self._stage.stage != "sample" or self.journal is None:
            return head
        return "; ".join([head, *_of_samples(self.journal, self.samples)])

    async def end_when_stuck(self, scope: asyncio.Timeout, seconds: float) -> None:
        """Say what is waited for once half of the time is over, and end a scope when all of it is."""
        said = False
        while True:
            await asyncio.sleep(seconds / _LOOKS)
            quiet = self.quiet()
            if quiet >= seconds:
                with suppress(RuntimeError):
                    scope.reschedule(asyncio.get_running_loop().time())
                return
            if quiet >= seconds / 2 and not said:
                self._listen(Noticed(f"still waiting: {self.awaited()}"))
            said = quiet >= seconds / 2

    def _end_stage(self) -> None:
        now = time.monotonic()
        self.stages[self._stage.stage] = self.stages.get(self._stage.stage, 0.0) + now - self._since
        self._since = now


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
