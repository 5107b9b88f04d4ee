"""Fit the feature verifier and the posterior on labelled candidates, and say how well they do elsewhere.

    python scripts/fit_selection.py --candidates candidates.jsonl.gz --issues issues.jsonl
        [--evidence FOLDER --labels labels.json] [--features NAME,...] [--out FOLDER]

Candidates are predictions with `resolved`; those marked `equals_gold` or `chosen_with_hindsight` are left
out. Evidence is what `benchmarks/selection_evidence.py` makes by running: an issue that has some is taken
from there, all others by the text of their patches alone. Every figure is of repositories that the weights
were not fitted on; the weights written are fitted on all.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from envs.patches import join, split
from envs.paths import has_test_name
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.changes import read_change
from selection.clusters import Clusters
from selection.evidence import Evidence
from selection.evidence_file import read_evidence
from selection.feature_verifier import WEIGHTS, Weights
from selection.features import ABOUT
from selection.fitting import FITTED, RIDGE, fit_features, fit_posterior, priors
from selection.lab.labelled import Labelled, read_labels, with_labels
from selection.lab.measured import measured
from selection.lab.replay import pick_of
from selection.posterior import MODELS
from selection.rules import RULES
from selection.rules.posterior import EXECUTION, NAME, chooser
from selection.verdict import Selection

FOLDER = Path(__file__).resolve().parent.parent / "selection" / "weights"
KS = (2, 3, 5, 8, 0)
"""How many candidates a rule chooses among; 0 is all of an issue's."""
TIMES = 6
"""How many subsets of an issue are drawn for each k."""
Choose = Callable[[Evidence], Selection]
Fit = Callable[[Sequence[Labelled]], Choose]


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


def with_runs(issues: Sequence[Labelled], folder: Path | None, labels: Path | None) -> list[Labelled]:
    """Return the issues, each from what was made by running where there is any."""
    if folder is None or labels is None:
        return list(issues)
    read = [one for path in sorted(folder.glob("*.jsonl.gz")) for one in read_evidence(path)]
    made = {one.evidence.task: one for one in with_labels(read, read_labels(labels))}
    return [made.get(one.evidence.task, one) for one in issues]


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


_PARTS: dict[tuple[str, tuple[str, ...]], Evidence] = {}
_FEATURES: dict[tuple[tuple[str, ...], tuple[str, ...]], Weights] = {}


def _part(issue: Labelled, ids: tuple[str, ...]) -> Evidence:
    """Return what would be known of a subset; made once for all rules."""
    key = (issue.evidence.task, ids)
    if key not in _PARTS:
        _PARTS[key] = issue.evidence.only(frozenset(ids))
    return _PARTS[key]


def _features(issues: Sequence[Labelled], names: tuple[str, ...]) -> Weights:
    """Return the feature verifier of some issues; fitted once for all rules."""
    key = (tuple(issue.evidence.task for issue in issues), names)
    if key not in _FEATURES:
        _FEATURES[key] = fit_features(issues, names=names)
    return _FEATURES[key]


def held_out(issues: Sequence[Labelled], fit: Fit) -> list[tuple[Labelled, Choose]]:
    """Return each issue with the rule that was fitted on the other repositories."""
    found = []
    for repo in sorted({issue.evidence.repo for issue in issues}):
        choose = fit([issue for issue in issues if issue.evidence.repo != repo])
        found += [(issue, choose) for issue in issues if issue.evidence.repo == repo]
    return found


def posterior(name: str, ridge: float, names: tuple[str, ...]) -> Fit:
    """Return what fits the posterior of a name, and its feature verifier with it."""

    def fit(issues: Sequence[Labelled]) -> Choose:
        features = _features(issues, names)
        return chooser(name, fit_posterior(issues, priors(name), features, ridge), features)

    return fit


def features_only(names: tuple[str, ...]) -> Fit:
    """Return what fits the rule that goes by the feature verifier alone."""
    model = priors(NAME)
    alone = model.model_copy(update={"weights": dict.fromkeys(model.weights, 0.0) | {"features": 1.0}})
    return lambda issues: chooser(NAME, alone, _features(issues, names))


def main() -> int:
    """Fit, report and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--issues", type=Path, required=True)
    parser.add_argument("--evidence", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument(
        "--features", type=_named, default=FITTED, metavar="NAME,...", help="what the verifier goes by"
    )
    parser.add_argument("--ridge", type=float, default=2.0, help="of the posterior's weights")
    parser.add_argument(
        "--out", type=Path, default=FOLDER, metavar="FOLDER", help="where weights are written"
    )
    parser.add_argument("--dry", action="store_true", help="report and write nothing")
    chosen = parser.parse_args()
    issues = with_runs(read_predictions(chosen.candidates, chosen.issues), chosen.evidence, chosen.labels)
    run = [issue for issue in issues if issue.evidence.matrix.rows]
    print(f"{len(issues)} issues, {sum(issue.mixed for issue in issues)} with right and wrong candidates")
    print(f"{len(run)} with tests that were run, {sum(issue.mixed for issue in run)} of them mixed")
    if not chosen.dry:
        write(issues, chosen.ridge, chosen.features, chosen.out)
    print(f"\n{'feature':15} right  mean  wrong  mean  apart within")
    for one in measured(issues):
        means = f"{one.right:5} {told(one.mean_right)}  {one.wrong:5} {told(one.mean_wrong)}"
        print(f"{one.name:15} {means}  {one.apart:5}  {told(one.within)}")
    for title, group in (("all issues", issues), ("issues with tests that were run", run)):
        if any(issue.mixed for issue in group):
            print(f"\n{title}\n{HEADINGS}")
            report(issues, group, chosen.ridge, chosen.features)
    return 0


def _named(text: str) -> tuple[str, ...]:
    """Return the features of a list by commas."""
    names = tuple(text.split(","))
    if strange := set(names) - set(ABOUT):
        raise argparse.ArgumentTypeError(f"no feature is called {min(strange)}; there are {', '.join(ABOUT)}")
    return names


def report(
    issues: Sequence[Labelled], group: Sequence[Labelled], ridge: float, names: tuple[str, ...]
) -> None:
    """Print the figures of every rule on a group of issues; the fitted ones are fitted on all issues."""
    tasks = {issue.evidence.task for issue in group}
    for name, rule in RULES.items():
        if name not in (NAME, EXECUTION):
            print(line(name, [(issue, rule.choose) for issue in group]), flush=True)
    fits = {"features": features_only(names)}
    fits |= {name: posterior(name, ridge, names) for name in (EXECUTION, NAME)}
    for name, fit in fits.items():
        pairs = [pair for pair in held_out(issues, fit) if pair[0].evidence.task in tasks]
        print(line(name, pairs), flush=True)


def write(issues: Sequence[Labelled], ridge: float, names: tuple[str, ...], folder: Path) -> None:
    """Write the weights, fitted on all issues."""
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(len(issue.resolved) for issue in issues)
    run = sum(bool(issue.evidence.matrix.rows) for issue in issues)
    note = f"{number} candidates of {len(issues)} issues, {run} of them with tests that were run"
    features = _features(issues, names).model_copy(update={"fitted_on": f"{note}; ridge {RIDGE:g}"})
    models = {
        name: fit_posterior(issues, priors(name), features, ridge).model_copy(update={"fitted_on": note})
        for name in (NAME, EXECUTION)
    }
    for name, text in {
        "features.json": WEIGHTS.dump_json(features, indent=2),
        "posterior.json": MODELS.dump_json(models, indent=2),
    }.items():
        (folder / name).write_bytes(text + b"\n")


HEADINGS = f"{'rule':22} efficiency at 2, 3, 5, 8, all        AUC    ECE   harm"


def line(name: str, pairs: Sequence[tuple[Labelled, Choose]]) -> str:
    """Return one line of figures."""
    ks = "  ".join(f"{efficiency(pairs, size):5.2f}" for size in KS)
    return f"{name:22s} {ks}   {told(auc(pairs))}  {told(calibration_error(pairs))}  {harm(pairs):.3f}"


def told(value: float | None) -> str:
    """Return a figure, or that there is none."""
    return "    -" if value is None else f"{value:.3f}"


def efficiency(pairs: Sequence[tuple[Labelled, Choose]], size: int) -> float:
    """Return (best@k - pass@1) / (pass@k - pass@1) over the issues with a choice; an abstention is wrong."""
    gained = possible = 0.0
    for issue, choose in pairs:
        if issue.mixed:
            dice, ids = random.Random(f"{issue.evidence.task} {size}"), issue.ids
            drawn = [ids] if not 0 < size < len(ids) else [dice.sample(ids, size) for _ in range(TIMES)]
            for part in drawn:
                mean = issue.share(part)
                found = choose(_part(issue, tuple(part)))
                best = issue.share(found.tied or (found.winner,)) if found.winner else 0.0
                gained += (best - mean) / len(drawn)
                possible += ((mean > 0) - mean) / len(drawn)
    return gained / possible


def auc(pairs: Sequence[tuple[Labelled, Choose]]) -> float | None:
    """Return how often a right candidate is likelier than a wrong one of its issue, the mean of issues."""
    shares = []
    for issue, choose in pairs:
        p = probabilities(issue, choose)
        good = [value for id_, value in p.items() if issue.resolved[id_]]
        bad = [value for id_, value in p.items() if not issue.resolved[id_]]
        if good and bad:
            shares.append(fmean((a > b) + 0.5 * (a == b) for a in good for b in bad))
    return fmean(shares) if shares else None


def calibration_error(pairs: Sequence[tuple[Labelled, Choose]], bins: int = 10) -> float | None:
    """Return the expected calibration error over all candidates of all issues, in bins of equal width."""
    groups: dict[int, list[float]] = defaultdict(list)
    for issue, choose in pairs:
        for id_, p in probabilities(issue, choose).items():
            groups[min(int(p * bins), bins - 1)].append(p - issue.resolved[id_])
    cases = sum(map(len, groups.values()))
    return sum(abs(sum(group)) for group in groups.values()) / cases if cases else None


def probabilities(issue: Labelled, choose: Choose) -> dict[str, float]:
    """Return how likely a rule says each candidate is right; empty where it says nothing."""
    found = choose(issue.evidence)
    return {
        id_: p
        for program, p in found.probabilities.items()
        for id_ in found.clusters.get(program, (program,))
        if id_ in issue.resolved
    }


def harm(pairs: Sequence[tuple[Labelled, Choose]]) -> float:
    """Return by how much picks are less likely right than a member of the largest cluster, where they are."""
    return fmean(pick_of(choose(issue.evidence), issue).harm for issue, choose in pairs)


if __name__ == "__main__":
    sys.exit(main())
