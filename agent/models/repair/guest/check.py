"""Run existing tests on the base and again with each of a few edits, and print which edits break them.

    python check.py JOB.json [pytest arguments]

The job: as for `trial.py`, with `checks`, the existing test files, most telling first. Files are taken while
their run on the base fits into a third of the time. Runs inside a sandbox: Python 3.8 and newer,
standard library and pytest only.
"""

import json
import sys

import probe
import swap
import trial

ENOUGH = 6
"""Edits that break nothing; further ones are not looked at."""


def main(job, arguments):
    """Print the files taken, then `clean` or `breaks TEST` for each edit."""
    began = probe.busy()
    arguments = probe.parse_runner_arguments(arguments)
    bench = trial.Bench(job["tests"], job["each"], arguments)
    probe.warm_up()
    files, known, cost = baseline(job["checks"], arguments, job["seconds"] / 3)
    print("checks %s" % " ".join(files))
    print("known %d failures, %.1f s" % (len(known), cost))
    left, clean = [*arguments], 0
    for test in known:
        left.extend(["--deselect", test])
    for edit in job["edits"]:
        if not files or clean == ENOUGH or probe.busy() - began > job["seconds"]:
            break
        result = verdict(bench, edit, left, files, 10 + 3 * cost)
        clean += result == "clean"
        print("%s = %s" % (edit["id"], result), flush=True)
    print("[checked in %.1f s]" % (probe.busy() - began))


def baseline(files, arguments, seconds):
    """Run the files one by one; return those that give passes in time, their failures and their cost."""
    taken, known, cost = [], [], 0.0
    for file in files:
        began = probe.busy()
        outcomes = probe.in_child(lambda file=file: outcomes_of([*arguments, file]), seconds)
        spent = probe.busy() - began
        if isinstance(outcomes, dict) and "passed" in outcomes.values():
            taken.append(file)
            known.extend(test for test, outcome in outcomes.items() if outcome != "passed")
            cost += spent
        if cost > seconds / 2:
            break
    return taken, known, cost


def outcomes_of(arguments):
    """Run pytest here and return each test's outcome."""
    import pytest

    recorder = probe.Recorder()
    pytest.main([*arguments, "-q", "-p", "no:cacheprovider"], plugins=[recorder])
    return recorder.outcomes


def verdict(bench, edit, arguments, files, seconds):
    """Run the checks with an edit in place: the most telling file alone first, as most edits fail there."""
    swaps = None if bench.spawns else bench.sources.swaps(edit)
    with bench.sources.written(edit) as complaint:
        if complaint:
            return "breaks " + complaint
        for part in (files[:1], files[1:]):
            failure = part and probe.in_child(
                lambda part=part: checked(bench, swaps, [*arguments, *part]), seconds
            )
            if failure:
                return "breaks " + failure
    return "clean"


def checked(bench, swaps, arguments):
    """Run pytest with an edit in effect."""
    if swaps is None or not swap.put(swaps):
        swap.forget(bench.modules)
    return probe.run_pytest(arguments)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:
        main(json.load(stream), sys.argv[2:])
