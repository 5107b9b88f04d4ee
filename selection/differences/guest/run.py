"""Run small programs, each in a process of its own, and tell what values they came to. Python 3.6 and newer.

Standard input holds {"programs": [source, ...], "seconds": of each, "total": of all, "characters": of a
value}. Standard output gets one JSON object a line: {"n": number, "seen": [[expression, value], ...],
"ended": words}.
"""

import ast
import contextlib
import importlib
import io
import json
import os
import re
import signal
import sys
import time

MEMORY = 1 << 30
KEPT = 40
SHOWN = 1000
ADDRESS = re.compile(r"0x[0-9a-fA-F]{5,16}")


def shown(value, characters):
    try:
        text = repr(value)
    except BaseException as error:
        text = "<repr raises %s>" % type(error).__name__
    text = ADDRESS.sub("0x", text)
    return text if len(text) <= characters else text[:characters] + "..."


def text_of(source, node):
    """Return an expression as it is written; before Python 3.8 its first line."""
    if hasattr(ast, "get_source_segment"):
        return ast.get_source_segment(source, node) or ast.dump(node)
    return source.splitlines()[node.lineno - 1].strip()


class Watch(ast.NodeTransformer):
    """Turn bare expressions and both sides of asserted comparisons into calls that record their values."""

    def record(self, node):
        label = text_of(self.source, node)
        call = ast.Call(
            func=ast.Name(id="__seen__", ctx=ast.Load()),
            args=[ast.Constant(value=label[:200]), node],
            keywords=[],
        )
        return ast.copy_location(call, node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant):
            return node
        node.value = self.record(node.value)
        return node

    def visit_Assert(self, node):
        test = node.test
        parts = [test.left, *test.comparators] if isinstance(test, ast.Compare) else [test]
        watched = [part for part in parts if not isinstance(part, ast.Constant)]
        new = [ast.copy_location(ast.Expr(value=self.record(part)), node) for part in watched]
        return new or ast.copy_location(ast.Pass(), node)

    def visit_Assign(self, node):
        call = node.value
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and isinstance(call, ast.Call):
            node.value = self.record(call)
        return node


def play(source, characters):
    """Run one program in this process and return what it came to."""
    seen = []

    def record(label, value):
        if len(seen) < KEPT:
            seen.append([label, shown(value, characters)])
        return value

    out, ended = io.StringIO(), "ended"
    try:
        tree = ast.parse(source)
        watch = Watch()
        watch.source = source
        code = compile(ast.fix_missing_locations(watch.visit(tree)), "<program>", "exec")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            exec(code, {"__name__": "program", "__seen__": record})
    except BaseException as error:
        ended = "raises %s: %s" % (type(error).__name__, shown(str(error), characters))
    if out.getvalue():
        seen.append(["printed", shown(out.getvalue(), characters)])
    return {"seen": seen, "ended": ended}


def limited(seconds):
    with contextlib.suppress(Exception):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def in_child(source, seconds, characters):
    """Run one program in a child, which a signal ends when its time is up."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.setsid()
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            limited(seconds)
            found = json.dumps(play(source, characters)).encode("utf-8", "replace")
            while found:
                found = found[os.write(write, found) :]
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and not data:
        late = os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGXCPU)
        return {
            "seen": [],
            "ended": "runs out of time" if late else "dies of signal %d" % os.WTERMSIG(status),
        }
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except ValueError:
        return {"seen": [], "ended": "ends without a word"}


def warm(programs):
    """Import once what programs import, so that each child begins with it."""
    names = set()
    for source in programs:
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module)
    out, err, silent = os.dup(1), os.dup(2), os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    for name in sorted(names):
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    sys.stdout.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)


def main():
    order = json.load(sys.stdin)
    sys.path.insert(0, os.getcwd())
    warm(order["programs"])
    until = time.monotonic() + order["total"]
    for number, source in enumerate(order["programs"]):
        if time.monotonic() > until:
            break
        found = in_child(source, order["seconds"], order["characters"])
        print(json.dumps({"n": number, **found}), flush=True)


main()
