"""The laboratory: what rules and judges are worth, measured on issues whose right candidates are known."""

from selection.lab.figures import EVERYTHING, Figures, Plan, figures_of, play
from selection.lab.fitting import across_repositories
from selection.lab.labelled import Label, Labelled, LabError, read_labels, with_labels
from selection.lab.replay import Entrant

__all__ = [
    "EVERYTHING",
    "Entrant",
    "Figures",
    "LabError",
    "Label",
    "Labelled",
    "Plan",
    "across_repositories",
    "figures_of",
    "play",
    "read_labels",
    "with_labels",
]
