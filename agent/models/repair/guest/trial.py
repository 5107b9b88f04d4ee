"""Try many edits of the repository against failing tests, each in a forked process.

    python trial.py JOB.json [pytest arguments]

The job: `tests` (paths, the leading one first), `edits` (each `id`, `path` and `cuts`, which are
`[start, end, text]` in characters of the file), `seconds` of a processor for all, `each` for one.

An edit within function bodies is swapped into the loaded functions; any other one is written to the file
and the repository's modules are imported again. Runs inside a sandbox: Python 3.8 and newer, standard
library and pytest only.
"""

import json
import sys

import probe
import swap


def main(job, arguments):
    """Try the edits in order while there is time; print one line per kind of result."""
    began = probe.busy()
    bench = Bench(job["tests"], job["each"], probe.parse_runner_arguments(arguments))
    print("base %s" % bench.base)
    sys.stdout.flush()
    results, kinds = {}, {"hot": 0, "cold": 0}
    loaded = probe.busy()
    for edit in job["edits"]:
        if probe.busy() - began > job["seconds"]:
            break
        kind, result = bench.attempt(edit)
        kinds[kind] += 1
        results.setdefault(result, []).append(edit["id"])
    for result, ids in results.items():
        print("%s = %s" % (compact(ids), result))
    print(
        "[tried %d of %d edits in %.1f s after %.1f s of loading; %d by swapping code, %d by importing again]"
        % (sum(kinds.values()), len(job["edits"]), probe.busy() - loaded, loaded - began, *kinds.values())
    )


def compact(numbers):
    """Write 1 2 3 7 as `1-3 7`."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(str(a) if a == b else "%d-%d" % (a, b) for a, b in parts)


class Bench:
    """The loaded repository, ready to try edits on."""

    def __init__(self, tests, each, arguments):
        self.each = each
        self.tests = [probe.TestFile(path, arguments) for path in tests]
        swap.keep_compiled_modules()
        if any(test.code is None for test in self.tests):
            probe.warm_up()
        with swap.watched_calls() as early:
            self.base, self.modules = probe.preload(self.tests[0], each * 3)
        self.sources = swap.Sources(early)
        self.spawns = any("subprocess" in test.source or "os.system" in test.source for test in self.tests)
        swap.settle()

    def attempt(self, edit):
        """Try one edit; return how it was tried, and `pass` with the numbers of the tests or the failure."""
        swaps = None if self.spawns else self.sources.swaps(edit)
        if swaps is not None:
            result = self.run(lambda: swap.put(swaps))
            if result != UNSWAPPABLE:
                return "hot", result
        with self.sources.written(edit) as complaint:
            return "cold", complaint or self.run(lambda: swap.forget(self.modules))

    def run(self, prepare):
        """Run the leading test, and the others where it passes."""
        result = probe.in_child(lambda: UNSWAPPABLE if prepare() is False else self.tests[0].run(), self.each)
        if result is not None:
            return result
        passed = [0]
        for number, test in enumerate(self.tests[1:], 1):
            if probe.in_child(lambda test=test: prepare() is False or test.run(), self.each) is None:
                passed.append(number)
        return "pass %s" % ",".join(map(str, passed))


UNSWAPPABLE = "unswappable"

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:
        main(json.load(stream), sys.argv[2:])
