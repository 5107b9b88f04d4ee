"""A place under suspicion: a function or module statement, what is in scope there, what the issue says."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.models.repair.edits import Edit
from agent.models.repair.source import Function, Source, tightness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_BUILTINS = frozenset(dir(builtins))
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the issue says that edits may be made of.

    `texts` are strings it shows as output or quotes; `signatures` maps a callable's name to the names it
    takes, where its definition has been seen.
    """

    names: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Site:
    """A function, or a statement of the module, that may be edited.

    `executed` are the lines the failing test ran; None where that is not known.
    """

    source: Source
    node: Function | ast.stmt
    qualified: str = ""
    executed: frozenset[int] | None = None
    hints: Hints = field(default_factory=Hints)

    @cached_property
    def body(self) -> list[ast.stmt]:
        """The function's statements without its docstring, or the statement itself."""
        if not isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef):
            return [self.node]
        first = self.node.body[0]
        documented = (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        )
        return self.node.body[1:] if documented else self.node.body

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node that the failing test may have run, in the order of the text."""
        found = [node for statement in self.body for node in walk_flat(statement) if self.ran(node)]
        return sorted(found, key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))

    def ran(self, node: ast.AST) -> bool:
        """Whether the failing test ran any line of a node's statement."""
        if self.executed is None or not hasattr(node, "lineno"):
            return True
        holder = node if isinstance(node, ast.excepthandler) else self.source.statement(node)
        if holder is None:
            return True
        first, last = holder.lineno, head_end(holder)
        return any(first <= line <= last for line in self.executed)

    @cached_property
    def expressions(self) -> list[ast.expr]:
        """Every expression that is read (not assigned to) and whose place is known."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
                parent = self.source.parents.get(node)
                if (
                    isinstance(parent, ast.arg | ast.AnnAssign)
                    and getattr(parent, "annotation", None) is node
                ):
                    continue
                if not isinstance(node, ast.JoinedStr) and self._annotation(node):
                    continue
                if self.source.span(node) is not None:
                    found.append(node)
        return found

    def _annotation(self, node: ast.AST) -> bool:
        for above in self.source.above(node):
            if isinstance(above, ast.AnnAssign):
                return any(inner is node for inner in ast.walk(above.annotation))
            if isinstance(above, ast.stmt):
                return isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                    inner is node for inner in ast.walk(above.args)
                )
        return False

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Every statement that the failing test ran."""
        return [node for node in self.nodes if isinstance(node, ast.stmt)]

    @cached_property
    def functions(self) -> list[Function]:
        """This function and those around it, innermost first."""
        around = [self.node, *self.source.above(self.node)]
        return [node for node in around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, `self` and `cls` left out."""
        if not isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef):
            return ()
        arguments = self.node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
        return tuple(argument.arg for argument in every if argument.arg not in ("self", "cls"))

    @cached_property
    def locals(self) -> tuple[str, ...]:
        """Names assigned in the function, in order."""
        names = [
            node.id
            for statement in self.body
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        return tuple(dict.fromkeys(names))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Parameters, locals, and those of the functions around this one."""
        outer: list[str] = []
        for function in self.functions[1:]:
            around = Site(self.source, function)
            outer += [*around.parameters, *around.locals]
        return tuple(dict.fromkeys((*self.parameters, *self.locals, *outer)))

    @cached_property
    def globals(self) -> frozenset[str]:
        """Names bound at the module's top level."""
        names: set[str] = set()
        for node in self.source.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
                continue
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    names.add(inner.id)
                elif isinstance(inner, ast.alias):
                    names.add((inner.asname or inner.name).split(".")[0])
        return frozenset(names)

    def visible(self, node: ast.AST) -> bool:
        """Whether every name an expression reads is in scope here."""
        known = {*self.variables, *self.globals, *_BUILTINS, "self" if self.has_self else ""}
        bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        return all(
            inner.id in known or inner.id in bound for inner in ast.walk(node) if isinstance(inner, ast.Name)
        )

    @cached_property
    def has_self(self) -> bool:
        """Whether the function, or one around it, is a method that reads `self`."""
        return any(arg.arg == "self" for function in self.functions for arg in function.args.args[:1])

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """`self.x` as read in this function first, then in the class around it."""
        if not self.has_self:
            return ()
        holder = next((node for node in self.source.above(self.node) if isinstance(node, ast.ClassDef)), None)
        places = [*self.body, *([holder] if holder else [])]
        found = [
            f"self.{node.attr}"
            for place in places
            for node in ast.walk(place)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and not isinstance(self.source.parents.get(node), ast.Call)
        ]
        return tuple(dict.fromkeys(found))

    @cached_property
    def siblings(self) -> list[Site]:
        """The other functions of the file, those of the same class or level first."""
        home = self.source.parents.get(self.node)
        found = [
            node
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node is not self.node
        ]
        found.sort(key=lambda node: self.source.parents.get(node) is not home)
        return [Site(self.source, node) for node in found]

    def edit(
        self, cuts: Iterable[tuple[ast.AST | tuple[int, int], str]], operator: str, prior: float
    ) -> Iterator[Edit]:
        """Yield one edit that replaces nodes or spans of characters; none where a place is not known."""
        made: list[tuple[int, int, str]] = []
        for place, text in cuts:
            span = place if isinstance(place, tuple) else self.source.span(place)
            if span is None:
                return
            made.append((*span, text))
        made.sort()
        if not made or any(a[1] > b[0] for a, b in pairwise(made)):
            return
        yield Edit(
            self.source.path, tuple(made), operator, prior, self.qualified, self.source.line(made[0][0])
        )

    def swap(self, node: ast.expr, text: str, operator: str, prior: float) -> Iterator[Edit]:
        """Yield the edit that puts another expression in a node's place."""
        yield from self.edit([(node, self.source.wrapped(text, node))], operator, prior)

    def text(self, node: ast.AST) -> str:
        """Return a node's text."""
        return self.source.segment(node)

    def operand(self, node: ast.expr, least: int = 7) -> str:
        """Return an expression's text, in parentheses where it holds together less than asked."""
        text = self.source.segment(node)
        return f"({text})" if tightness(node) < least else text


def head_end(node: ast.stmt | ast.excepthandler) -> int:
    """Return the last line of a statement, for a compound one the last line before its body."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        return max(node.lineno, body[0].lineno - 1)
    return node.end_lineno or node.lineno


def walk_flat(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is below it, but nothing within functions and classes defined below it."""
    pending = [node]
    while pending:
        here = pending.pop()
        yield here
        inner = here.body if isinstance(here, _NESTED) else []
        pending.extend(child for child in ast.iter_child_nodes(here) if child not in inner)
