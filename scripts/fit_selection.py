"""Fit the feature verifier and the posterior on labelled candidates, and say how well they do elsewhere.

    python scripts/fit_selection.py --candidates candidates.jsonl.gz --issues issues.jsonl [--evidence FOLDER]

Candidates are predictions with `resolved`; those marked `equals_gold` or `chosen_with_hindsight` are left out.
Evidence is what `benchmarks/selection_evidence.py` makes by running. Every figure is of repositories that the
weights were not fitted on; the weights written are fitted on all.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from envs.patches import join, split
from envs.paths import has_test_name
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.changes import read_change
from selection.clusters import Clusters
from selection.evidence import Evidence
from selection.feature_verifier import scored
from selection.features import ABOUT
from selection.logistic import sigmoid

FOLDER = Path(__file__).resolve().parent.parent / "selection" / "weights"
SIZES = (2, 4, 8)
"""How many candidates the drawn subsets have, on which weights are fitted beside the whole."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One issue's evidence, and which candidates are right; labels are in no evidence."""

    evidence: Evidence
    resolved: Mapping[str, bool]

    @property
    def mixed(self) -> bool:
        """Whether there is a choice to make."""
        return len(set(self.resolved.values())) == 2


Score = Callable[[Evidence], Mapping[str, float]]


def read_predictions(candidates: Path, issues: Path) -> list[Labelled]:
    """Return the issues of a file of labelled predictions, by patch text alone."""
    texts = {}
    for line in issues.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        texts[row["instance_id"]] = (row["repo"], row["problem_statement"])
    found: dict[str, dict[str, tuple[Candidate, bool]]] = defaultdict(dict)
    with gzip.open(candidates, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            if not row["equals_gold"] and not row["chosen_with_hindsight"]:
                one = candidate_of(row["model_patch"], str(number))
                found[row["instance_id"]][one.id] = (one, bool(row["resolved"]))
    return [
        Labelled(
            evidence_of(task, *texts[task], [one for one, _ in group.values()]),
            {id_: right for id_, (_, right) in group.items()},
        )
        for task, group in sorted(found.items())
    ]


def candidate_of(diff: str, origin: str) -> Candidate:
    """Return a candidate as it can be told without the repository: by names of files."""
    kept, tests, dropped = [], [], []
    id_ = hashlib.sha256(f"{origin}\0{diff}".encode("utf-8", "surrogateescape")).hexdigest()[:12]
    for part in split(diff if diff.endswith("\n") else f"{diff}\n"):
        folders, name = part.path.split("/")[:-1], part.path.rsplit("/", 1)[-1]
        suite = {"tests", "test"} & set(folders) or folders[:1] == ["testing"]
        if part.added and (suite or has_test_name(name)):
            tests.append(TestFile(part.path, part.text, id_))
        elif suite or has_test_name(name) or (part.added and not folders):
            dropped.append(DroppedEdit(part.path, "no source"))
        else:
            kept.append(part)
    return Candidate(id_, join(kept), tuple(tests), tuple(dropped), origin)


def evidence_of(task: str, repo: str, problem: str, candidates: Sequence[Candidate]) -> Evidence:
    """Return what patches alone tell, gathered by the code lines that they change."""
    members = defaultdict(list)
    for one in sorted(candidates, key=lambda one: (len(one.patch), one.id)):
        if one.patch.strip():
            change = read_change(one.patch)
            text = repr((sorted(change.files), change.added, change.removed))
            members[hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]].append(one.id)
    clusters = Clusters({key: tuple(ids) for key, ids in members.items()})
    return Evidence(task, repo, problem, tuple(candidates), clusters)


def held_out(
    issues: Sequence[Labelled], fit: Callable[[Sequence[Labelled]], Score]
) -> list[tuple[Labelled, Score]]:
    """Return each issue with a score that was fitted on the other repositories."""
    found = []
    for repo in sorted({issue.evidence.repo for issue in issues}):
        score = fit([issue for issue in issues if issue.evidence.repo != repo])
        found += [(issue, score) for issue in issues if issue.evidence.repo == repo]
    return found


def auc(pairs: Sequence[tuple[Labelled, Score]]) -> float:
    """Return how often a right candidate is above a wrong one of the same issue, the mean of the issues."""
    shares = []
    for issue, score in pairs:
        if issue.mixed:
            value = score(issue.evidence)
            good = [value[id_] for id_, right in issue.resolved.items() if right and id_ in value]
            bad = [value[id_] for id_, right in issue.resolved.items() if not right and id_ in value]
            if good and bad:
                shares.append(fmean((a > b) + 0.5 * (a == b) for a in good for b in bad))
    return fmean(shares)


def efficiency(pairs: Sequence[tuple[Labelled, Score]], size: int | None = None, times: int = 20) -> float:
    """Return (best@k - pass@1) / (pass@k - pass@1) over the issues with a choice; ties are averaged.

    Args:
        pairs: issues with their scores.
        size: k; all candidates where it is not given.
        times: how many subsets are drawn of each issue.
    """
    gained = possible = 0.0
    for issue, score in pairs:
        if not issue.mixed:
            continue
        dice, ids = random.Random(f"{issue.evidence.task} {size}"), sorted(issue.resolved)
        parts = [ids] if size is None or size >= len(ids) else [dice.sample(ids, size) for _ in range(times)]
        for part in parts:
            right = [issue.resolved[id_] for id_ in part]
            value = score(issue.evidence.only(frozenset(part)))
            best = max(value.values(), default=0.0)
            top = [issue.resolved[id_] for id_ in value if value[id_] >= best - 1e-9] or right
            gained += (fmean(top) - fmean(right)) / len(parts)
            possible += (any(right) - fmean(right)) / len(parts)
    return gained / possible


def calibration_error(pairs: Sequence[tuple[Labelled, Score]], bins: int = 10) -> float:
    """Return the expected calibration error over all candidates of all issues, in bins of equal width."""
    cases = [
        (sigmoid(value), issue.resolved[id_])
        for issue, score in pairs
        for id_, value in score(issue.evidence).items()
    ]
    groups = defaultdict(list)
    for p, right in cases:
        groups[min(int(p * bins), bins - 1)].append((p, right))
    return sum(abs(sum(p - right for p, right in group)) for group in groups.values()) / len(cases)


def figures(name: str, pairs: Sequence[tuple[Labelled, Score]]) -> str:
    """Return one line of figures."""
    ks = "  ".join(f"{efficiency(pairs, size):.2f}" for size in (2, 3, 5, 8, None))
    return f"{name:34s} AUC {auc(pairs):.3f}  efficiency at 2, 3, 5, 8, all: {ks}  ECE {calibration_error(pairs):.3f}"


def feature_score(ridge: float, names: Iterable[str] = tuple(ABOUT)) -> Callable[[Sequence[Labelled]], Score]:
    """Return what fits the feature verifier."""

    def fit(issues: Sequence[Labelled]) -> Score:
        weights = fit_features(issues, ridge, names)
        return lambda evidence: {id_: one.log_odds for id_, one in scored(evidence, weights).items()}

    return fit


def main() -> int:
    """Fit, report and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--issues", type=Path, required=True)
    parser.add_argument("--ridge", type=float, default=2.0)
    chosen = parser.parse_args()
    issues = read_predictions(chosen.candidates, chosen.issues)
    mixed = sum(issue.mixed for issue in issues)
    print(f"{len(issues)} issues, {mixed} with right and wrong candidates")
    print(figures("features, other repositories", held_out(issues, feature_score(chosen.ridge))))
    weights = fit_features(issues, chosen.ridge)
    note = f"{sum(len(issue.resolved) for issue in issues)} predictions on {len(issues)} issues, ridge {chosen.ridge:g}"
    weights = weights.model_copy(update={"fitted_on": note})
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(weights.model_dump(), indent=2)
    (FOLDER / "features.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
