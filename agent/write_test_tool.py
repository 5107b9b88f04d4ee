"""The `write_test` tool: a new test file beside the patch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection

from agent.edit_tool import encode, with_final_newline
from agent.tool_error import ToolError, inside, kind_of
from sandbox.base import Sandbox

_FENCED = re.compile(r"\s*```\w*[ \t]*\r?\n(.*\n)[ \t]*```\s*", re.DOTALL)
"""Code as in a Markdown text: no Python begins with such a line, so nobody means it."""


async def write_test(sandbox: Sandbox, path: str, content: str, own: Collection[str]) -> str:
    """Write a test file that is new to the repository, or one of `own`, and return what the model is told.

    Raises:
        ToolError: the repository has or had that file, or pytest would not collect it.
    """
    path = await place_of_test(sandbox, path, own)
    bare = _FENCED.fullmatch(content)
    await sandbox.write(path, encode(with_final_newline(bare[1] if bare else content)))
    return f"Wrote {path}." + (" (The Markdown fence around it was left out.)" if bare else "")


async def place_of_test(sandbox: Sandbox, path: str, own: Collection[str]) -> str:
    """Return the path, relative to the repository, at which a test file may be written.

    Raises:
        ToolError: the repository has or had that file and it is not `own`, or pytest would not collect it.
    """
    path = inside(sandbox, path)
    name = posixpath.basename(path)
    if not (name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))):
        raise ToolError(f"pytest would not collect {path}: name it test_<what>.py.")
    if path not in own and await _is_of_repository(sandbox, path):
        raise ToolError(f"{path} is a file of the repository and stays as it is: write a new file beside it.")
    return path


async def _is_of_repository(sandbox: Sandbox, path: str) -> bool:
    if await kind_of(sandbox, path):
        return True
    known = await sandbox.exec(
        ["git", "-c", "safe.directory=*", "cat-file", "-e", f"HEAD:{path}"], timeout=30
    )
    return known.ok
