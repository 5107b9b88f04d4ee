"""A recipe: which crews work on an issue, what they may spend together, and where it all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from agent.context import ContextSettings
from agent.messages import Value
from agent.models.retries import Patience
from runs.roles import ROLES, Role
from sandbox.base import Limits
from selection.settings import SelectionSettings

LISTINGS = 8 << 20
"""Bytes of one command's output that are kept: enough for the file names of a large repository."""

Purpose = Literal["candidates", "tests", "refinement"]
"""What a trajectory adds to a decision: a candidate, tests of it, or a better one of what is there."""
PURPOSES: Mapping[str, Purpose] = {"tester": "tests", "refiner": "refinement"}


class Setting(Value):
    """A part of a recipe; numbers are finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class Crew(Setting):
    """Trajectories of one kind that are drawn alike."""

    kind: str = "tool-agent"
    """A kind of trajectory, see `agent.kinds.KINDS`."""
    samples: int = Field(default=4, ge=1, le=1000)
    """Trajectories; at most so many where the recipe draws in `rounds`."""
    round: int = Field(default=1, ge=1, le=100)
    """When it works: with the other crews of this number, after those of smaller ones."""
    model: str | None = None
    """A model of its own; None for the one of its role: `test` for testers, `edit` for all others."""
    temperature: float = Field(default=0.8, ge=0.0, le=2.0)
    """Of its trajectories; see `greedy_first`."""
    greedy_first: bool = True
    """Whether its first trajectory has temperature 0."""
    steps: int = Field(default=80, ge=1)
    """Model calls a trajectory may make."""
    seconds: float = Field(default=300.0, gt=0)
    """Wall time a trajectory may take."""
    dollars: float | None = Field(default=None, gt=0)
    """Money a trajectory may spend; None for no limit."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens a trajectory may use, input and output of all calls together; None for no limit."""
    share_tests: bool = True
    """Whether its trajectories show their validated tests to the others, and see theirs."""
    seed_test: bool = False
    """Whether each trajectory starts from the tests of one tester of an earlier round, another one each."""
    first_phase: Literal["test", "edit"] = "test"
    """What its machines of kind `test-and-edit` begin with."""
    context_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the lower-ranked half of the context that a trajectory sees, drawn for each but the first."""
    earlier: int = Field(default=3, ge=1, le=20)
    """Attempts that a refiner is shown, the best first."""

    @property
    def purpose(self) -> Purpose:
        """What its trajectories add to the decision."""
        return PURPOSES.get(self.kind, "candidates")

    @property
    def role(self) -> Role:
        """Whose model it uses where it has none of its own."""
        return "test" if self.purpose == "tests" else "edit"


class Rounds(Setting):
    """Drawing until the decision is clear: `first` candidates, then `more` trajectories at a time."""

    first: int = Field(default=4, ge=1, le=1000)
    """Candidates of the first round."""
    more: int = Field(default=2, ge=1, le=1000)
    """Trajectories of each later round."""
    probability: float = Field(default=0.95, gt=0.0, le=1.0)
    """The selector's calibrated probability at which no more are drawn."""


class Allowance(Setting):
    """What all trajectories of an issue may use together; None for no limit."""

    dollars: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, ge=1)
    """Input and output of all calls."""
    seconds: float | None = Field(default=None, gt=0)
    """Wall time of model calls and tools, added up over the trajectories."""
    steps: int | None = Field(default=None, ge=1)
    """Model calls, those for the context included."""


class Recipe(Setting):
    """How one issue is solved; what a run used is kept in its `run.json`.

    A crew's fields may stand beside the recipe's own where it has one crew.
    """

    name: str = ""
    about: str = ""
    """What it is, in one line."""
    crews: tuple[Crew, ...] = Field(default=(Crew(),), min_length=1, max_length=50)
    rounds: Rounds | None = None
    """None draws every trajectory of every crew."""
    budget: Allowance = Allowance()
    model: str = "builtin/repair"
    """Backend, as `provider/model`, or a mixture `WEIGHT*NAME + WEIGHT*NAME`."""
    models: dict[Role, str] = Field(default_factory=dict)
    """Models of roles that have one of their own."""
    call_seconds: float = Field(default=600.0, gt=0)
    """Wall time one sending of a request may take."""
    attempts: int = Field(default=6, ge=1, le=100)
    """Times a request is sent while only the server or the way to it fails."""
    parallel: int = Field(default=4, ge=1, le=256)
    """Trajectories at one time."""
    seed: int = 0
    sandbox: str = "auto"
    """`auto`, `daemonless`, `docker`, the name of an installed plug-in, or `module:Class`."""
    image: str | None = None
    """Image for tasks that name none: a Docker image, or a path of one (daemonless)."""
    memory_mb: int = Field(default=2048, ge=64)
    """Memory of one sandbox."""
    test_seconds: float = Field(default=120.0, gt=0)
    """Wall time one run of a test file may take."""
    context: ContextSettings = ContextSettings()
    """What the agents are shown of the repository before they begin."""
    rule: str = "vote"
    """Who is chosen, by a name of `selection.rules.RULES`."""
    min_probability: float = Field(default=0.0, ge=0.0, le=1.0)
    """Below this calibrated probability nothing is chosen; 0 leaves it to the rule."""
    selection: SelectionSettings = SelectionSettings()
    """Which models read the candidates; a rule that needs others asks these too."""
    regression_seconds: float = Field(default=300.0, ge=0)
    """Wall time that existing tests may take on the untouched base, the nearest to the change first."""
    grade: bool = True
    """Whether to run the hidden tests once the selection is final, where the task has any."""

    @field_validator("rule")
    @classmethod
    def _is_known(cls, name: str) -> str:
        """Refuse a rule that there is not."""
        from selection.rules import rule_named

        return rule_named(name).name

    @model_validator(mode="before")
    @classmethod
    def _with_its_crew(cls, data: Any) -> Any:
        """Put a crew's fields that stand beside the recipe's into its only crew."""
        if not isinstance(data, Mapping):
            return data
        flat = {key: value for key, value in data.items() if key in CREW_KEYS}
        if not flat:
            return data
        crews = data.get("crews", [{}])
        if not isinstance(crews, Sequence) or len(crews) != 1:
            raise ValueError(_whose(flat, crews))
        only = crews[0].model_dump() if isinstance(crews[0], Crew) else crews[0]
        if not isinstance(only, Mapping):
            return data
        rest = {key: value for key, value in data.items() if key not in CREW_KEYS}
        return rest | {"crews": [{**only, **flat}]}

    @model_validator(mode="after")
    def _makes_sense(self) -> Recipe:
        """Refuse crews that could not do their work."""
        if all(crew.purpose == "tests" for crew in self.crews):
            raise ValueError("no crew makes candidates: add one of kind tool-agent or test-and-edit")
        first = min(crew.round for crew in self.crews)
        for number, crew in enumerate(self.crews):
            earlier = [one for one in self.crews if one.round < crew.round]
            if self.rounds is not None and crew.round != first:
                raise ValueError(f"crews.{number}.round: with `rounds`, what is known decides who is next")
            if self.rounds is None and crew.purpose == "refinement" and not earlier:
                raise ValueError(f"crews.{number}: a refiner needs a `round` after that of another crew")
            if crew.seed_test and not any(one.purpose == "tests" and one.share_tests for one in earlier):
                raise ValueError(f"crews.{number}.seed_test: no tester shares tests in an earlier `round`")
            if crew.first_phase != "test" and crew.kind != "test-and-edit":
                raise ValueError(f"crews.{number}.first_phase: only a test-and-edit has phases")
            if crew.context_share < 1.0 and self.context.kind != "definitions":
                raise ValueError(
                    f"crews.{number}.context_share: only context.kind definitions ranks lines to leave out"
                )
        if self.rounds is not None and not any(crew.purpose == "candidates" for crew in self.crews):
            raise ValueError("no crew makes the candidates of the first of the `rounds`")
        return self

    def model_for(self, role: Role) -> str:
        """Return the name of a role's model."""
        return self.models.get(role, self.model)

    def model_of(self, crew: Crew) -> str:
        """Return the name of the model that a crew uses."""
        return crew.model or self.model_for(crew.role)

    def model_names(self) -> tuple[str, ...]:
        """Return the names of all models that could be used, each once."""
        roles, crews = map(self.model_for, ROLES), map(self.model_of, self.crews)
        return tuple(dict.fromkeys([*roles, *crews]))

    def calls_at_most(self) -> int:
        """Return how many model calls all trajectories may make."""
        return sum(crew.samples * crew.steps for crew in self.crews)

    def patience(self) -> Patience:
        """Return what one model call may take."""
        return Patience(attempts=self.attempts, call_seconds=self.call_seconds)

    def limits(self) -> Limits:
        """Return the limits of each sandbox."""
        return Limits(memory=self.memory_mb << 20, seconds=self.test_seconds, output=LISTINGS)


CREW_KEYS = frozenset(Crew.model_fields) - frozenset(Recipe.model_fields)
"""What may stand beside the recipe's own fields where it has one crew."""


def _whose(flat: Mapping[str, Any], crews: Any) -> str:
    key = min(flat)
    number = len(crews) if isinstance(crews, Sequence) else 0
    return f"{key} is a crew's, and the recipe has {number}: name one, as in crews.0.{key}"
