"""Reading and writing files, by commands inside: the host itself never follows a guest's path."""

from __future__ import annotations

from sandbox.base import ExecResult, SandboxFileError
from sandbox.run import Run

LARGEST = 64 << 20
_SECONDS = 60.0
_NO_FILE, _TOO_LARGE = 64, 65

_READ = f"""
if [ ! -f "$1" ]; then
  if [ -d "$1" ]; then echo "is a folder"
  elif [ -e "$1" ]; then echo "is no regular file"
  elif [ -L "$1" ]; then echo "is a symlink to nothing"
  else echo "there is no such file"; fi
  exit {_NO_FILE}
fi
exec head -c {LARGEST + 1} -- "$1" 2>&1
"""

_WRITE = """
case "$1" in */*) mkdir -p -- "${1%/*}/" || exit;; esac
if [ -e "$1" ] && [ ! -f "$1" ]; then echo "is no regular file"; exit 1; fi
cat > "$1"
"""


async def read_file(run: Run, path: str) -> bytes:
    """Return the bytes of a regular file at an absolute path inside.

    Raises:
        SandboxFileError: it does not exist, is no regular file, cannot be read, or is larger than 64 MiB.
    """
    result = await run(_script(_READ, path), seconds=_SECONDS, output=LARGEST + 2)
    if not result.ok:
        raise SandboxFileError(f"cannot read {path}: {_reason(result)}")
    if len(result.output) > LARGEST:
        raise SandboxFileError(f"cannot read {path}: it is larger than {LARGEST >> 20} MiB")
    return result.output


async def write_file(run: Run, path: str, data: bytes) -> None:
    """Write a file at an absolute path inside, with the folders above it.

    Raises:
        SandboxFileError: it cannot be written there.
    """
    result = await run(_script(_WRITE, path), seconds=_SECONDS, output=4096, stdin=data)
    if not result.ok:
        raise SandboxFileError(f"cannot write {path}: {_reason(result)}")


def _script(text: str, path: str) -> list[str]:
    if "\0" in path:
        raise SandboxFileError("a path cannot hold a NUL character")
    return ["/bin/sh", "-c", text, "sh", path]


def _reason(result: ExecResult) -> str:
    lines = result.text.strip().splitlines()
    return lines[-1].rpartition(": ")[2] if lines else f"the command ended with {result.exit_code}"
