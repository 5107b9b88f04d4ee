"""A shell session over a sandbox: the working folder and exported variables last from one text to the next.

Each text runs in a shell of its own, which first takes up what the one before left in a file inside the
sandbox, and leaves its own. No shell is kept waiting, so none can be stuck, and no prompt is ever looked for.
"""

from __future__ import annotations

from sandbox.base import ExecResult, Sandbox
from sandbox.run import SHELL

STATE = "/tmp/.session"  # noqa: S108 (inside the sandbox, where /tmp is private)
SCRIPT = "/tmp/.script"  # noqa: S108
LONGEST_ARGUMENT = 100_000
"""Bytes of a shell text that is given as an argument; the kernel's bound is 128 KiB."""

_AROUND = r"""
_leave() {
  local code=$?
  export -n PWD OLDPWD SHLVL _  # the next shell has its own
  { declare -px && printf 'cd -- %q\n' "$PWD"; } > "$_state.new" && {
    IFS= read -rd '' _old < "$_state" || :
    IFS= read -rd '' _new < "$_state.new" || :
    [ "${_old-}" = "${_new-}" ] || mv -f "$_state.new" "$_state"  # mostly nothing has changed
  }
  exit "$code"
} 2> /dev/null
_state=$1 _home=$PWD
if [ -f "$_state" ] && ! . "$_state" 2> /dev/null; then
  echo "[the folder of the last command is gone: back in $_home]"
  cd -- "$_home"
fi
trap _leave EXIT
if [ -n "$3" ]; then . "$3"; else eval "$2"; fi
"""


class Session:
    """Runs shell texts one after the other; the state lies inside the sandbox and belongs to the guest."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def run(self, text: str, *, timeout: float | None = None) -> ExecResult:  # noqa: ASYNC109
        """Run a shell text of any length where the last one left off.

        A text that is killed, or that replaces its shell (`exec`), leaves the state as it found it.

        Args:
            text: for bash.
            timeout: seconds; the sandbox's own limit when None.

        Raises:
            SandboxError: as `Sandbox.exec`.
        """
        data = text.encode("utf-8", "surrogateescape")
        short = len(data) <= LONGEST_ARGUMENT
        if not short:
            await self._sandbox.write(SCRIPT, data)
        argv = [SHELL, "-c", _AROUND, "bash", STATE, text if short else "", "" if short else SCRIPT]
        return await self._sandbox.exec(argv, timeout=timeout)
