"""Putting a prediction onto the base as the SWE-bench harness does, and an environment's edits after it."""

from __future__ import annotations

import secrets

from envs.patches import split
from sandbox.base import PatchError, Sandbox, SandboxError, Status

_SECONDS = 300.0
_WAYS = """
git -c core.hooksPath=/dev/null update-index -q --refresh
git apply --verbose "$1" && exit 0
others() { git ls-files --others -z | LC_ALL=C sort -z; }
others > "$1.others"
undo() {
  git checkout -q -- .
  others | LC_ALL=C comm -z -13 "$1.others" - | xargs -0 -r rm -f --
}
git apply --verbose --3way "$1" && git reset -q && exit 0
undo "$1"; git apply --verbose --reject "$1" && exit 0
undo "$1"; patch --batch --forward --fuzz=5 -p1 --no-backup-if-mismatch -i "$1" && exit 0
undo "$1"; git apply --check --reverse "$1" && exit 0
exit 1
"""
"""The harness's order (`run_evaluation.GIT_APPLY_CMDS`), and its way to undo what failed: a three-way merge
with conflicts is not undone by it, so such a patch does not apply there, nor here. Only files that a failed
way has made are removed, where the harness removes all that git does not know.
"""
_EDIT = """
git apply "$1" 2>/dev/null && exit 0
git apply --check --reverse "$1" 2>/dev/null && exit 0
patch --batch --forward --fuzz=5 -p1 --reject-file=- --no-backup-if-mismatch -i "$1"
"""


async def apply_prediction(room: Sandbox, patch: str) -> None:
    """Apply a patch to a clean base by the harness's ways, one after the other.

    Nothing of the patch may have run in the sandbox yet: git is run in its own repository.

    Raises:
        PatchError: none of the ways works; the message is git's first complaint.
        SandboxError: the sandbox failed.
    """
    if not patch.strip():
        return
    name = await _written(room, patch)
    done = await room.exec(["/bin/bash", "-c", _WAYS, "apply", name], timeout=_SECONDS)
    await room.exec(["rm", "-f", name, f"{name}.others"], timeout=60)
    if done.status is Status.EXITED and done.exit_code == 1:
        lines = [line.strip() for line in done.text.splitlines() if line.startswith("error:")]
        lines = [line for line in lines if not line.endswith("searching for:")]
        raise PatchError(lines[0].removeprefix("error: ") if lines else "the patch does not apply")
    if not done.ok:
        raise SandboxError(f"the patch could not be applied: {done.text.strip()[-200:] or done.status}")


async def apply_edits(room: Sandbox, edits: str) -> tuple[str, ...]:
    """Apply what an environment changes in files of its repository, after a patch; return what has no place.

    The diffs of agents often hold these edits already; a file that has them is left as it is.

    Raises:
        SandboxError: the sandbox failed.
    """
    missed = []
    for part in split(edits):
        name = await _written(room, part.text)
        done = await room.exec(["/bin/bash", "-c", _EDIT, "edit", name], timeout=_SECONDS)
        await room.exec(["rm", "-f", name], timeout=60)
        if not done.ok:
            missed.append(part.path)
    return tuple(missed)


async def _written(room: Sandbox, patch: str) -> str:
    name = f"/tmp/{secrets.token_hex(16)}.diff"  # noqa: S108 (inside the sandbox)
    await room.write(name, patch.encode("utf-8", "surrogateescape"))
    return name
