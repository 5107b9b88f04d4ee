"""Print which lines of the repository a failing test executes, and where it fails.

    python tracer.py TEST SECONDS [pytest arguments]

Runs inside a sandbox: Python 3.8 and newer, standard library and pytest only.
"""

import atexit
import json
import os
import sys
import tempfile

import probe
import trial

MOST_FUNCTIONS = 160
CHILD = """
import os, sys
sys.path.append({folder!r})
import tracer
sys.path.remove({folder!r})
tracer.Tracer({root!r}, {test!r}).start_child({out!r})
"""


def main(path, seconds, arguments):
    """Trace one test file and print functions (latest executed first), lines and frames."""
    test = probe.TestFile(path, probe.parse_runner_arguments(arguments))
    probe.preload(test, seconds)
    found = probe.in_child(lambda: traced(test), seconds)
    if not isinstance(found, tuple):
        print("failure 0:Timeout: the traced test gave no answer")
        return
    record, failure = found
    latest = sorted(record["calls"], key=lambda call: -call[4])[:MOST_FUNCTIONS]
    for file, line, name, count, last in latest:
        print("function %s:%d %s calls=%d last=%d" % (file, line, name, count, last))
    for file in sorted({call[0] for call in latest}):
        print("lines %s %s" % (file, trial.compact(sorted(set(record["lines"].get(file, ()))))))
    for file, line, name in record["frames"][-30:]:
        print("frame %s:%d %s" % (file, line, name))
    print("failure %s" % failure)


def traced(test):
    """Run the test under a trace function, and the Python processes it starts; return record and failure."""
    tracer = Tracer(os.getcwd(), os.path.abspath(test.path))
    if "subprocess" in test.source:
        return tracer.follow(test)
    sys.settrace(tracer.on_call)
    try:
        failure = test.run()
    finally:
        sys.settrace(None)
    return tracer.record(), failure


class Tracer:
    """Which functions and lines of the repository run, and which exceptions pass through them."""

    def __init__(self, root, test):
        self.root, self.test = root + os.sep, test
        self.wanted, self.lines, self.calls, self.frames, self.clock = {}, {}, {}, [], 0

    def record(self):
        """Return what was seen."""
        return {
            "calls": [(*key, count, last) for key, (count, last) in self.calls.items()],
            "lines": {file: sorted(lines) for file, lines in self.lines.items()},
            "frames": list(dict.fromkeys(self.frames)),
        }

    def follow(self, test):
        """Run the test plainly and trace the Python processes that it starts; the longest trace counts."""
        folder, out = tempfile.mkdtemp(), tempfile.mkdtemp()
        child = CHILD.format(
            folder=os.path.dirname(os.path.abspath(__file__)), root=self.root[:-1], test=self.test, out=out
        )
        with open(os.path.join(folder, "sitecustomize.py"), "w") as stream:
            stream.write(child)
        paths = [folder, os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        sys.path.insert(0, folder)
        failure = test.run()
        records = []
        for name in os.listdir(out):
            with open(os.path.join(out, name)) as stream:
                records.append(json.load(stream))
        empty = {"calls": [], "lines": {}, "frames": []}
        best = max(records, key=lambda record: len(record["calls"]), default=empty)
        best["frames"] = [tuple(frame) for frame in best["frames"]]
        return best, failure

    def start_child(self, out):
        """Trace this process from now on and leave the record in a folder when it ends or becomes another."""

        def leave():
            sys.settrace(None)
            with open(os.path.join(out, "%d.json" % os.getpid()), "w") as stream:
                json.dump(self.record(), stream)

        def on_audit(event, arguments):
            if event == "os.exec":
                leave()

        atexit.register(leave)
        sys.addaudithook(on_audit)
        sys.settrace(self.on_call)

    def relevant(self, code):
        """Return the file of a code object relative to the repository; None for tests and foreign code."""
        name = code.co_filename
        if code.co_name == "<module>" or name[:1] == "<":
            return None
        path = os.path.abspath(name)
        if not path.startswith(self.root) or "site-packages" in path or path == self.test:
            return None
        return None if probe.is_test(path) else path[len(self.root) :]

    def on_call(self, frame, event, argument):
        """Note a call, and follow its lines where they are of interest."""
        code = frame.f_code
        if code not in self.wanted:
            self.wanted[code] = self.relevant(code)
        file = self.wanted[code]
        if file is None:
            return None
        key = (file, code.co_firstlineno, code.co_name)
        self.clock += 1
        self.calls[key] = (self.calls.get(key, (0, 0))[0] + 1, self.clock)
        seen = self.lines.setdefault(file, set())

        def on_event(frame, event, argument):
            if event == "line":
                seen.add(frame.f_lineno)
                self.clock += 1
                self.calls[key] = (self.calls[key][0], self.clock)
            elif event == "exception" and len(self.frames) < 400:
                self.frames.append((file, frame.f_lineno, code.co_name))
            return on_event

        return on_event


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
