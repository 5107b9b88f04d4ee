"""What every display does while work goes on."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, TypeVar

Step = TypeVar("Step", contravariant=True)


class Watching(Protocol[Step]):
    """Shows steps of some kind while they happen, within a `with` block."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def listen(self, step: Step, /) -> None:
        """Take in what happens."""


class Noting(Watching[Step], Protocol[Step]):
    """Shows notes between the steps too."""

    def note(self, text: str) -> None:
        """Show what the user should know."""
