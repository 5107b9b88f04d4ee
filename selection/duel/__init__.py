"""The multi-turn duel of CodeMonkeys: a model that must write a separating test before it may choose."""

from selection.duel.match import Duel, Match
from selection.duel.trials import Trials

__all__ = ["Duel", "Match", "Trials"]
