"""The executor `local`: all issues in this process, their sandboxes beside it."""

from __future__ import annotations

from collections.abc import Callable

from runs.batch.issue import Surroundings, run_issue
from runs.batch.outcome import Outcome
from runs.progress import Progress


class LocalExecutor:
    """Works on issues in this process, so many at one time."""

    def __init__(self, given: Surroundings, parallel: int) -> None:
        self.parallel = parallel
        self._given = given

    async def run(self, instance_id: str, listen: Callable[[Progress], None]) -> Outcome:
        """See `runs.batch.queue.Executor.run`."""
        return await run_issue(self._given, instance_id, listen)
