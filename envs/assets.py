"""Files that official tests need and no text patch can carry: fetched on the host, staged in a sandbox."""

from __future__ import annotations

import asyncio
import functools
import http.client
import secrets
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from envs.task import Asset, Task, TaskError
from sandbox.base import Sandbox

_SECONDS = 60.0
_LARGEST = 64 << 20


async def staged(room: Sandbox, task: Task, assets: Iterable[Asset]) -> list[tuple[str, str]]:
    """Put a task's assets into a sandbox, beside the repository.

    They are to be copied into the repository after all patches, so that no patch finds them there.

    Returns:
        Their paths in the repository, and the files in the sandbox.

    Raises:
        TaskError: one cannot be had.
        SandboxError: the sandbox failed.
    """
    placed = []
    for asset in assets:
        name = f"/tmp/{secrets.token_hex(16)}"  # noqa: S108 (inside the sandbox)
        await room.write(name, await asyncio.to_thread(_fetched, task, asset))
        placed.append((asset.path, name))
    return placed


def _fetched(task: Task, asset: Asset) -> bytes:
    try:
        return _content(asset.source)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", "") or error).split())
        what = f"{asset.path} is not to be had from {asset.source or 'anywhere'}"
        raise TaskError(f"{task.instance_id} cannot be graded: {what}: {reason}") from error


@functools.lru_cache(maxsize=64)
def _content(source: str) -> bytes:
    """Return what an address holds; kept, as one grade may run the tests several times."""
    parts = urlsplit(source)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).read_bytes()
    if parts.scheme not in {"http", "https"}:
        raise ValueError("no http(s) address, and no file beside a file of rows")
    with urllib.request.urlopen(source, timeout=_SECONDS) as answer:  # noqa: S310 (checked above)
        data: bytes = answer.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST} bytes")
    return data
