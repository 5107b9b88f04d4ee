"""Snippets as programs: statements in order, each with what it showed and what a comment says of it."""

from __future__ import annotations

import ast
import doctest
import io
import re
import textwrap
import tokenize
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.models.repair.notes import Note, Verdict, read_note
from agent.models.repair.wording import exception_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.models.repair.snippets import Role, Snippet

MAX_STEPS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One statement.

    Attributes:
        code: its source, without the comment that was read.
        shown: what it gave: source of a value, or printed text.
        raises: `Class: message` where it raised.
        wanted: what a comment says it should give, as source.
        verdict: what a comment says of it.
        comment: a comment to keep.
    """

    code: str
    shown: str | None = None
    raises: str = ""
    wanted: str | None = None
    verdict: Verdict = ""

    @property
    def tree(self) -> ast.stmt:
        """The statement; a block of several is told by its last."""
        return ast.parse(self.code).body[-1]

    @property
    def expression(self) -> ast.expr | None:
        """The expression, where the statement is only one."""
        tree = self.tree
        return tree.value if isinstance(tree, ast.Expr) else None

    @property
    def printed(self) -> list[ast.expr] | None:
        """The arguments, where the statement is a plain call of print."""
        call = self.expression
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "print"
            and not call.keywords
        ):
            return call.args
        return None

    @property
    def binds(self) -> bool:
        """Whether later statements may need it: everything but an expression that only shows its value."""
        return self.expression is None


@dataclass(frozen=True, slots=True)
class Program:
    """A snippet's statements; `session` tells an interactive one from a script."""

    steps: tuple[Step, ...]
    line: int
    session: bool
    role: Role = ""

    @property
    def source(self) -> str:
        """All statements."""
        return "\n".join(step.code for step in self.steps)


def read_program(snippet: Snippet) -> Program | None:
    """Read a session or script; None when it is neither or no statement of it can be parsed."""
    if snippet.kind == "doctest":
        steps = list(_session_steps(snippet.text))
    elif snippet.kind == "script":
        steps = list(_script_steps(textwrap.dedent(snippet.text)))
    else:
        return None
    return (
        Program(tuple(steps[:MAX_STEPS]), snippet.line, snippet.kind == "doctest", snippet.role)
        if steps
        else None
    )


def _session_steps(text: str) -> Iterator[Step]:
    for source, want in _examples(textwrap.dedent(text)):
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if not body:
            continue
        code, comment = _without_comment(source)
        note = read_note(comment)
        shown, raises = _read_want(want)
        want_note = Note()
        if shown and "#" in shown and "\n" not in shown:
            shown, remark = _without_comment(shown)
            want_note = read_note(remark)
        yield Step(
            code=code,
            shown=shown if shown is not None else note.shown,
            raises=raises or note.raises,
            wanted=want_note.wanted or note.wanted,
            verdict=want_note.verdict or note.verdict,
        )


def _examples(text: str) -> list[tuple[str, str]]:
    try:
        return [(one.source.rstrip("\n"), one.want) for one in doctest.DocTestParser().get_examples(text)]
    except ValueError:
        return _loose_examples(text)


def _loose_examples(text: str) -> list[tuple[str, str]]:
    """Read a session that does not keep to the rules of doctest (indentation, blanks after prompts)."""
    found: list[tuple[list[str], list[str]]] = []
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith(">>>"):
            found.append(([bare[3:].removeprefix(" ")], []))
        elif found and bare.startswith("...") and not found[-1][1]:
            found[-1][0].append(bare[3:].removeprefix(" "))
        elif found and bare:
            found[-1][1].append(line.rstrip())
    return [("\n".join(code).rstrip(), "".join(f"{line}\n" for line in want)) for code, want in found]


def _read_want(want: str) -> tuple[str | None, str]:
    """Split shown text into a value and an exception."""
    lines = want.strip("\n").split("\n")
    if lines[0].startswith("Traceback ") or (
        exception_name(lines[0]) and re.match(r"[\w.]+(?::|$)", lines[0])
    ):
        last = [line for line in lines if exception_name(line) and not line.startswith(" ")]
        return None, last[-1] if last else "Exception"
    return (want.rstrip("\n") or None), ""


def _without_comment(source: str) -> tuple[str, str]:
    """Cut the comment off the last line."""
    comments = _comments(source)
    last = max(comments, default=None)
    if last is None or last[0] != source.count("\n") + 1:
        return source.rstrip(), ""
    lines = source.split("\n")
    lines[-1] = lines[-1][: last[1]].rstrip()
    return "\n".join(lines).rstrip(), comments[last]


def _comments(source: str) -> dict[tuple[int, int], str]:
    """Return comments by line (from 1) and column."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return {}
    return {token.start: token.string for token in tokens if token.type == tokenize.COMMENT}


def _script_steps(source: str) -> Iterator[Step]:
    try:
        body = _unguarded(ast.parse(source).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = source.split("\n")
    comments = {line: (column, text) for (line, column), text in _comments(source).items()}
    for statement, following in zip(body, [*body[1:], None], strict=False):
        end = statement.end_lineno or statement.lineno
        start = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
        own = comments.get(end, (0, ""))
        code = lines[start - 1 : end]
        if own[1]:
            code[-1] = code[-1][: own[0]].rstrip()
        remarks = [own[1]] if own[1] else []
        number = end + 1
        limit = following.lineno if following else len(lines) + 1
        while number < limit and number in comments and not lines[number - 1][: comments[number][0]].strip():
            remarks.append(comments[number][1])
            number += 1
        text = (
            textwrap.dedent("\n".join(code))
            if statement.col_offset == 0 or start != end
            else ast.unparse(statement)
        )
        yield replace(_noted(_parsable(text, statement), remarks), code=_parsable(text, statement))


def _parsable(text: str, statement: ast.stmt) -> str:
    """Prefer the text as written; several statements on a line need their own."""
    try:
        whole = len(ast.parse(text).body) == 1
    except (SyntaxError, ValueError):
        whole = False
    return text if whole else ast.unparse(statement)


def raising(programs: Sequence[Program], snippets: Sequence[Snippet]) -> list[Program]:
    """Let the line of a script raise what a traceback after the script shows."""
    done = []
    for program, following in zip(programs, [*programs[1:], None], strict=False):
        end = following.line if following else 10**9
        traces = [
            one.text
            for one in snippets
            if program.line < one.line < end and one.kind in {"traceback", "output"}
        ]
        raised = [text for text in map(raised_in, traces) if text]
        if (
            program.session
            or program.role == "right"
            or not raised
            or any(step.raises for step in program.steps)
        ):
            done.append(program)
            continue
        lines = [line.strip() for text in traces for line in text.split("\n")]
        at = [index for index, step in enumerate(program.steps) if step.code.split("\n")[-1].strip() in lines]
        steps = list(program.steps)
        position = at[0] if at else len(steps) - 1
        steps[position] = replace(steps[position], raises=raised[0], shown=None)
        done.append(replace(program, steps=tuple(steps)))
    return done


def raised_in(text: str) -> str:
    """Return `Class: message` of a traceback or of a lone last line of one."""
    lines = [line.strip() for line in text.strip().split("\n")]
    return next(
        (line for line in reversed(lines) if exception_name(line) and re.match(r"[\w.]+(?::|$)", line)), ""
    )


def _noted(code: str, remarks: list[str]) -> Step:
    for remark in remarks:
        note = read_note(remark)
        if note != Note():
            return Step(code, note.shown, note.raises, note.wanted, note.verdict)
    return Step(code)


def _unguarded(body: list[ast.stmt]) -> list[ast.stmt]:
    """Replace `if __name__ == "__main__":` by what it guards."""
    flat: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            flat += statement.body
        else:
            flat.append(statement)
    return flat
