"""What the supervisor is told: one line of text, and bytes that follow it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sandbox.run import check_word

_SHORT = 8_000
"""Bytes of a script that go into the line, which the supervisor reads byte by byte."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

SPOOL = "/run/mangabey"
"""The supervisor's own folder, in memory."""
_LINE_BREAK = "__n"
NO_FOLDER, NO_PROGRAM = "cd", "missing"


def run_order(
    nonce: str,
    token: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    user: str,
    stdin: bytes,
) -> bytes:
    """Return the order to run a command.

    Args:
        nonce: goes before the supervisor's answer; a text that nobody inside can know.
        token: goes before what the guest's shell says when it cannot start the command: `TOKEN cd`,
            `TOKEN missing`. The guest can see it.
        argv: the command; any bytes but NUL.
        env: its whole environment.
        cwd: its folder, an absolute path.
        user: `agent` or `root`.
        stdin: what it can read.

    Raises:
        SandboxError: a word cannot be given to a program.
    """
    text = _script(token, argv, env, cwd, f"{SPOOL}/stdin" if stdin else "/dev/null")
    head = f"run {nonce} {user} {len(stdin)}".encode()
    if len(text) <= _SHORT:
        return head + b" 0 " + text + b"\n" + stdin
    return head + b" %d \n" % len(text) + stdin + text


def said(token: str, word: str) -> bytes:
    """Return what the guest's shell prints when it cannot start a command."""
    return f"{token} {word}".encode()


def _script(token: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, source: str) -> bytes:
    plain = {
        name: value for name, value in env.items() if _IDENTIFIER.fullmatch(name) and name != _LINE_BREAK
    }
    odd = [f"{name}={value}" for name, value in env.items() if name not in plain]
    program = ["env", *odd, *argv] if odd else list(argv)
    lines = [
        b"exec < " + source.encode(),
        _LINE_BREAK.encode() + b"=${IFS#??}",
        b"{ echo 900 > /proc/self/oom_score_adj; } 2> /dev/null",
        b"cd -- " + _quote(cwd) + b" 2> /dev/null || " + _give_up(token, NO_FOLDER),
        *(b"export " + name.encode() + b"=" + _quote(value) for name, value in plain.items()),
        _search(argv[0]) + b" || " + _give_up(token, NO_PROGRAM),
        b"exec " + b" ".join(map(_quote, program)),
    ]
    return b"; ".join(lines)


def _search(program: str) -> bytes:
    """Return what succeeds where there is such a program; a shell would also find what only it can do."""
    if "/" in program:
        return b"[ -e " + _quote(program) + b" ]"
    found = b'[ -n "$1" ] && [ -e "$1"/' + _quote(program) + b" ]"
    search = b"while [ $# -gt 0 ]; do " + found + b" && break; shift; done"
    return b"set -f; IFS=:; set -- $PATH; " + search + b"; [ $# -gt 0 ]"


def _give_up(token: str, word: str) -> bytes:
    return b"{ printf %s " + _quote(said(token, word).decode()) + b"; exit 127; }"


def _quote(word: str) -> bytes:
    """Quote a word for a POSIX shell that has a line break in a variable, on one line."""
    check_word(word)
    text = word.encode("utf-8", "surrogateescape").replace(b"'", b"'\\''")
    return b"'" + text.replace(b"\n", b"'\"$" + _LINE_BREAK.encode() + b"\"'") + b"'"
