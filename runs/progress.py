"""What a run tells its display, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.trajectory import ExitReason


@dataclass(frozen=True, slots=True)
class StageBegan:
    """A stage of the flow began: prepare, context, sample, matrix, read, inputs, select, grade."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SampleBegan:
    """A trajectory began, or was found in the journal; `kind` is what kind of trajectory it is."""

    sample: int
    kind: str


@dataclass(frozen=True, slots=True)
class SampleTurned:
    """A trajectory took a turn; `text` is the first line of what the model said or did."""

    sample: int
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class SampleEnded:
    """A trajectory ended; `replayed` when it was taken from the journal."""

    sample: int
    exit_reason: ExitReason
    text: str
    seconds: float
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something the user should know."""

    text: str


Progress = StageBegan | SampleBegan | SampleTurned | SampleEnded | Noticed
Listener = Callable[[Progress], None]
