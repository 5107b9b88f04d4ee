"""Which existing tests to run: those near the change, and only so many."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from envs.import_graph import distances, dotted
from envs.paths import has_test_name
from sandbox.base import Sandbox, SandboxError

__all__ = ["closeness", "dotted", "existing_tests"]

IMPORTS_MODULE, SAME_NAME, NAME_WITHIN, SAME_FOLDER, IMPORTS_PACKAGE = 4.0, 4.0, 2.0, 1.0, 0.5
_LARGEST = 16 << 20
"""Bytes of lines that import something; beyond, some in the middle are not seen."""
LISTING = "git -c safe.directory='*' ls-files -z -- '*.py' 2>/dev/null || find . -name '*.py' -type f -print0"


async def existing_tests(
    sandbox: Sandbox, changed_paths: Sequence[str], *, limit: int = 20
) -> tuple[str, ...]:
    """Return the repository's test files nearest to a change, best first.

    A test file is near when it imports a changed module, in as few steps as may be, or its package, is
    named after it, or lies beside it. Files that are none of these are left out.

    Args:
        sandbox: the untouched base.
        changed_paths: what the candidates change, all together.
        limit: how many files at most.

    Raises:
        SandboxError: the base cannot be listed.
    """
    modules = [path for path in sorted(set(changed_paths)) if path.endswith((".py", ".pyx", ".pyi"))]
    listing = await sandbox.exec(LISTING, timeout=60)
    if not listing.ok:
        raise SandboxError(f"the files of the base cannot be listed: {listing.text[-200:].strip()}")
    known = {path.removeprefix("./") for path in listing.text.split("\0")} - {""}
    tests = sorted(path for path in known if has_test_name(path))
    if not tests or not modules:
        return ()
    imports = await _imports(sandbox, known)
    steps = distances(imports, known, [module for module in modules if module in known])
    roots = {dotted(module).split(".")[0] for module in modules}
    scores = {test: closeness(test, modules, _of(roots, imports.get(test, ()))) for test in tests}
    for test in tests:
        if steps.get(test, 0) > 1:
            scores[test] += IMPORTS_MODULE / (2 * steps[test])
    near = sorted((test for test in tests if scores[test] > 0), key=lambda test: (-scores[test], test))
    return tuple(near[:limit])


def closeness(test: str, modules: Sequence[str], imports: Sequence[str]) -> float:
    """Return how near a test file is to the nearest of the changed modules.

    Args:
        test: the test file's path.
        modules: paths of changed modules.
        imports: the lines by which the test file imports something.
    """
    return max(_closeness(test, module, imports) for module in modules)


def _closeness(test: str, module: str, imports: Sequence[str]) -> float:
    name = dotted(module)
    stem = name.rpartition(".")[2].strip("_").lower()
    tested = re.sub(r"^tests?_|_?tests?$", "", PurePosixPath(test).stem).strip("_").lower()
    score = 0.0
    if any(_imports_module(line, name) for line in imports):
        score += IMPORTS_MODULE
    elif imports:
        score += IMPORTS_PACKAGE
    if tested and tested == stem:
        score += SAME_NAME
    elif len(stem) > 2 and re.search(rf"(^|_){re.escape(stem)}(_|$)", tested):
        score += NAME_WITHIN
    folder = PurePosixPath(module).parent
    if PurePosixPath(test).parent in {folder, folder / "tests", folder / "test"} and folder.parts:
        score += SAME_FOLDER
    return score


def _imports_module(line: str, name: str) -> bool:
    """Whether an import line names a module: `import a.b`, `from a.b import c`, `from a import b`."""
    package, _, stem = name.rpartition(".")
    if re.search(rf"\b(import|from)\s+{re.escape(name)}\b", line):
        return True
    return bool(package) and bool(
        re.search(rf"\bfrom\s+{re.escape(package)}\s+import\b.*\b{re.escape(stem)}\b", line)
        or re.search(rf"\bfrom\s+\.+(\w+\.)*{re.escape(stem)}\s+import\b", line)
    )


def _of(packages: Collection[str], lines: Sequence[str]) -> list[str]:
    """Return the lines that import something of some packages, or by a relative name."""
    names = "|".join(re.escape(name) for name in sorted(packages) if name)
    pattern = re.compile(rf"\s*(from|import)\s.*(\b({names})\b|\s\.)")
    return [line for line in lines if pattern.match(line)]


async def _imports(sandbox: Sandbox, files: Collection[str]) -> Mapping[str, list[str]]:
    """Return the lines by which each file imports something."""
    pattern = "^[[:space:]]*(from|import)[[:space:]]"
    names = "\0".join(sorted(files)).encode("utf-8", "surrogateescape")
    command = ["xargs", "-0", "grep", "-sHE", "--", pattern]
    result = await sandbox.exec(command, timeout=60, stdin=names, output=_LARGEST)
    found: dict[str, list[str]] = {}
    for line in result.text.split("\n"):
        path, colon, text = line.partition(":")
        if colon:
            found.setdefault(path, []).append(text)
    return found
