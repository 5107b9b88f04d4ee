"""Put an edit of a file into effect in a loaded program, by swapping code objects where that is enough.

Runs inside a sandbox: Python 3.8 and newer, standard library only.
"""

import __future__

import ast
import contextlib
import gc
import importlib.machinery
import os
import sys
import types

import probe

FUTURE = 0
for _name in __future__.all_feature_names:
    FUTURE |= getattr(__future__, _name).compiler_flag

_compiled = {}


def keep_compiled_modules():
    """Make later imports of an unchanged file in this process and its children free of compilation."""
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        if path in _compiled:
            return _compiled[path]
        code = original(self, fullname)
        if probe.inside(os.path.abspath(path)):
            _compiled[path] = code
        return code

    loader.get_code = get_code


@contextlib.contextmanager
def watched_calls():
    """Collect the code objects of the repository that are called meanwhile."""
    called = set()

    def on_event(frame, event, argument):
        if event == "call":
            called.add(frame.f_code)

    sys.setprofile(on_event)
    try:
        yield called
    finally:
        sys.setprofile(None)


def settle():
    """Keep what is loaded out of the garbage collector, so that forked processes share its memory."""
    gc.collect()
    gc.freeze()


def forget(modules):
    """Drop the repository's modules, so that the next import of them runs again."""
    for name in modules:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def put(swaps):
    """Give functions their new code; return whether all took it."""
    try:
        for function, code in swaps:
            function.__code__ = code
    except ValueError:
        return False
    return True


def key_of(code):
    """Identify a function's code by its place in the file as written."""
    return os.path.abspath(code.co_filename), code.co_firstlineno, code.co_name


class Sources:
    """The repository's files, and the loaded functions that came from them."""

    def __init__(self, called_at_import):
        self.early = {key_of(code) for code in called_at_import}
        self.texts, self.functions = {}, {}
        self.loaded = {}
        gc.collect()
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType):
                self.loaded.setdefault(key_of(thing.__code__), []).append(thing)

    def text(self, path):
        """Return a file's text as Python reads it."""
        if path not in self.texts:
            with open(path, encoding="utf-8") as stream:
                self.texts[path] = stream.read()
        return self.texts[path]

    def edited(self, edit):
        """Return the text of the edit's file with the edit made."""
        text = self.text(edit["path"])
        for start, end, new in sorted(edit["cuts"], reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def swaps(self, edit):
        """Return (function, new code) pairs that amount to the edit, or None where swapping is not enough."""
        pairs = []
        by_function = {}
        for cut in edit["cuts"]:
            home = next((f for f in self.bodies(edit["path"]) if f.body <= cut[0] and cut[1] <= f.end), None)
            if home is None or home.key in self.early or home.key not in self.loaded:
                return None
            by_function.setdefault(home, []).append(cut)
        for home, cuts in by_function.items():
            try:
                code = home.compiled(self.text(edit["path"]), cuts, self.loaded[home.key][0].__code__)
            except (SyntaxError, ValueError, IndentationError):
                return None
            if code is None:
                return None
            pairs.extend((function, code) for function in self.loaded[home.key])
        return pairs

    def bodies(self, path):
        """Return the outermost functions of a file."""
        if path not in self.functions:
            text = self.text(path)
            starts = line_starts(text)
            found = []
            pending = [(node, "") for node in reversed(ast.parse(text).body)]
            while pending:
                node, owner = pending.pop()
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    found.append(Outermost(os.path.abspath(path), text, starts, node, owner))
                    continue
                owner = node.name if isinstance(node, ast.ClassDef) else owner
                pending.extend((child, owner) for child in ast.iter_child_nodes(node))
            self.functions[path] = found
        return self.functions[path]

    @contextlib.contextmanager
    def written(self, edit):
        """Write the edit to its file and restore it; yields a complaint where it is no valid Python."""
        path = edit["path"]
        with open(path, "rb") as stream:
            before = stream.read()
        stat = os.stat(path)
        text = self.edited(edit)
        try:
            code = compile(text, os.path.abspath(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            yield "0:%s: %s" % (type(error).__name__, error)
            return
        kept = _compiled.get(os.path.abspath(path))
        newline = "\r\n" if b"\r\n" in before else "\n"
        with open(path, "w", encoding="utf-8", newline=newline) as stream:
            stream.write(text)
        _compiled[os.path.abspath(path)] = code
        try:
            yield ""
        finally:
            with open(path, "wb") as stream:
                stream.write(before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            _compiled.pop(os.path.abspath(path), None)
            if kept is not None:
                _compiled[os.path.abspath(path)] = kept


class Outermost:
    """A function that no other function holds: what it spans in its file, in characters."""

    def __init__(self, path, text, starts, node, owner):
        self.node = node
        self.path = path
        self.owner = owner
        first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
        self.key = (path, first, node.name)
        self.start = starts[node.lineno - 1]
        self.body = starts[node.body[0].lineno - 1]
        if node.body[0].lineno == node.lineno:
            self.body = self.start + text[self.start :].index(":") + 1
        self.end = starts[node.end_lineno] if node.end_lineno < len(starts) else len(text)

    def compiled(self, text, cuts, model):
        """Return the function's code with the cuts made, None where it cannot be found again."""
        piece, base = text[self.start : self.end], self.start
        for start, end, new in sorted(cuts, reverse=True):
            piece = piece[: start - base] + new + piece[end - base :]
        head = ("class %s:\n" % self.owner) if self.owner else "if 1:\n"
        if not piece[:1].isspace():
            head = ""
        flags = model.co_flags & FUTURE
        tree = compile(head + piece, self.path, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        ast.increment_lineno(tree, self.node.lineno - (2 if head else 1))
        code = compile(tree, self.path, "exec", flags, dont_inherit=True)
        while code.co_name != self.node.name:
            code = next((c for c in code.co_consts if isinstance(c, types.CodeType)), None)
            if code is None:
                return None
        return code if code.co_freevars == model.co_freevars else None


def line_starts(text):
    """Return the offset of each line's first character."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
