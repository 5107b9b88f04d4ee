"""Print which lines of the repository a failing test executes, and where it fails.

    python trace.py TEST SECONDS [pytest arguments]

Runs inside a sandbox: Python 3.8 and newer, standard library and pytest only.
"""

import os
import sys

import probe
import trial

MOST_FUNCTIONS = 160


def main(path, seconds, arguments):
    """Trace one test file and print functions (latest executed first), lines and frames."""
    test = probe.TestFile(path, probe.parse_runner_arguments(arguments))
    probe.preload(test, seconds)
    found = probe.in_child(lambda: traced(test), seconds)
    if not isinstance(found, tuple):
        print("failure 0:Timeout: the traced test gave no answer")
        return
    lines, calls, frames, failure = found
    latest = sorted(calls.items(), key=lambda item: -item[1][1])[:MOST_FUNCTIONS]
    for (file, line, name), (count, last) in latest:
        print("function %s:%d %s calls=%d last=%d" % (file, line, name, count, last))
    shown = {file for (file, _, _), _ in latest}
    for file in sorted(shown):
        print("lines %s %s" % (file, trial.compact(sorted(lines.get(file, ())))))
    for file, line, name in frames:
        print("frame %s:%d %s" % (file, line, name))
    print("failure %s" % failure)


def traced(test):
    """Run the test under a trace function; return lines, calls, frames of the exception, the failure."""
    root = os.getcwd() + os.sep
    wanted, lines, calls, frames, clock = {}, {}, {}, [], [0]

    def relevant(code):
        path = os.path.abspath(code.co_filename)
        named = code.co_name != "<module>" and not path.endswith(os.path.abspath(test.path))
        return (
            path[len(root) :]
            if named and code.co_filename[:1] != "<" and probe.inside(path) and not probe.is_test(path)
            else None
        )

    def on_call(frame, event, argument):
        code = frame.f_code
        if code not in wanted:
            wanted[code] = relevant(code)
        file = wanted[code]
        if file is None:
            return None
        key = (file, code.co_firstlineno, code.co_name)
        clock[0] += 1
        calls[key] = (calls.get(key, (0, 0))[0] + 1, clock[0])
        seen = lines.setdefault(file, set())

        def on_event(frame, event, argument):
            if event == "line":
                seen.add(frame.f_lineno)
                clock[0] += 1
                calls[key] = (calls[key][0], clock[0])
            elif event == "exception" and len(frames) < 400:
                frames.append((file, frame.f_lineno, code.co_name))
            return on_event

        return on_event

    sys.settrace(on_call)
    try:
        failure = test.run()
    finally:
        sys.settrace(None)
    return lines, calls, list(dict.fromkeys(frames))[-30:], failure


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
