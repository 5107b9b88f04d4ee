"""A sandbox that runs nothing: files in memory, every command succeeds in silence.

It is not sealed from anything since no command of a guest runs. Named as `benchmarks.null_sandbox:NullHost`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.base import ExecResult, Limits, Root, Sandbox, SandboxFileError, Snapshot, Status

_LIMITS = Limits()


class NullSandbox:
    """The base's files, and what was written over them."""

    def __init__(self, root: Root, written: Mapping[str, bytes]) -> None:
        self._root = root
        self._written = dict(written)

    @property
    def workdir(self) -> str:
        return self._root.workdir

    async def exec(
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (see `Sandbox.exec`)
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        stdin: bytes = b"",
        output: int | None = None,
    ) -> ExecResult:
        return ExecResult(Status.EXITED, 0, b"")

    async def read(self, path: str) -> bytes:
        name = path.removeprefix(f"{self.workdir}/")
        if name in self._written:
            return self._written[name]
        file = self._root.tree / name
        if not file.is_file():
            raise SandboxFileError(f"there is no file {path}")
        return file.read_bytes()

    async def write(self, path: str, data: bytes) -> None:
        self._written[path.removeprefix(f"{self.workdir}/")] = data

    async def upload(self, source: Path, target: str) -> None:
        return None

    async def apply_patch(self, patch: str) -> None:
        return None

    async def diff(self) -> str:
        return "".join(self._changed(name, data) for name, data in sorted(self._written.items()))

    async def snapshot(self) -> Snapshot:
        return Snapshot(self._root, "")

    async def fork(self) -> Sandbox:
        return NullSandbox(self._root, self._written)

    async def restore(self, snapshot: Snapshot) -> None:
        self._written.clear()

    async def alive(self) -> bool:
        return True

    async def close(self) -> None:
        return None

    def _changed(self, name: str, data: bytes) -> str:
        file = self._root.tree / name
        new = not file.is_file()
        before = [] if new else file.read_text().splitlines(keepends=True)
        lines = difflib.unified_diff(
            before,
            data.decode().splitlines(keepends=True),
            "/dev/null" if new else f"a/{name}",
            f"b/{name}",
        )
        mode = "new file mode 100644\n" if new else ""
        body = "".join(lines)
        return f"diff --git a/{name} b/{name}\n{mode}{body}" if body else ""


class NullHost:
    """Makes them."""

    name = "null"

    async def start(
        self, origin: Root | Snapshot, limits: Limits = _LIMITS, *, network: bool = False
    ) -> Sandbox:
        return NullSandbox(origin.root if isinstance(origin, Snapshot) else origin, {})

    async def close(self) -> None:
        return None
