"""Shell sessions: commands with what they showed, and the files they take for granted."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.models.repair.snippets import Snippet

_PROMPT = re.compile(r"^\s{0,4}(?:[\w.@:~/()-]{0,40})[$%] (?P<command>\S.*)$")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")
# fmt: off
_COMMON = {
    ".", "[", "alias", "awk", "bash", "cat", "cd", "chmod", "cmp", "cp", "cut", "date", "diff", "echo",
    "env", "exit", "export", "false", "file", "find", "for", "grep", "head", "if", "kill", "ln", "ls",
    "md5sum", "mkdir", "mv", "printf", "pwd", "python", "python3", "read", "rm", "sed", "seq", "set",
    "sh", "sleep", "sort", "source", "stat", "tail", "tee", "test", "time", "timeout", "touch", "tr",
    "true", "type", "uniq", "unset", "wc", "which", "while", "xargs",
}
_OUTSIDE = {
    "apt", "apt-get", "brew", "conda", "curl", "docker", "git", "npm", "pip", "pip3", "pipx", "ssh",
    "sudo", "wget",
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its output; `code` is the exit code where the session asked for it."""

    text: str
    output: str
    code: int | None = None

    @property
    def program(self) -> str:
        """The first word that is not an assignment."""
        return next((word for word in _words(self.text) if not re.match(r"\w+=", word)), "")


@dataclass(frozen=True, slots=True)
class Session:
    """A shell session.

    Attributes:
        files: content of each file that is to exist, by relative path.
        commands: what is run, in order; showing a file and asking for an exit code are left out.
        tools: programs that are neither common nor from outside: the ones under test.
    """

    files: tuple[tuple[str, str], ...]
    commands: tuple[Command, ...]
    tools: tuple[str, ...]


def read_session(snippet: Snippet, files: Sequence[tuple[str, str]]) -> Session | None:
    """Read a shell session; None when nothing can be run, or it needs the network.

    Args:
        snippet: of kind console.
        files: path and content of the file blocks before it.
    """
    made = dict(files)
    commands: list[Command] = []
    for command in _commands(snippet.text):
        words = _words(command.text)
        if re.fullmatch(r"echo \$\?|echo \$\{\?\}", command.text.strip()):
            code = re.search(r"-?\d+", command.output)
            if commands and code:
                commands[-1] = Command(commands[-1].text, commands[-1].output, int(code.group()[:9]))
        elif (
            len(words) == 2
            and words[0] in {"cat", "head", "type"}
            and command.output
            and is_relative(words[1])
        ):
            made.setdefault(words[1], command.output)
        elif command.program in {"pip", "pip3"}:
            continue
        elif command.program in _OUTSIDE:
            return None
        else:
            commands.append(command)
    tools = tuple(dict.fromkeys(command.program for command in commands if _is_tool(command.program)))
    return Session(tuple(made.items()), tuple(commands), tools) if commands else None


def is_relative(path: str) -> bool:
    """Tell whether a path stays in the folder it is seen from."""
    return (
        re.fullmatch(r"[\w.][\w./-]*", path) is not None
        and ".." not in path.split("/")
        and not path.endswith("/")
    )


def _is_tool(program: str) -> bool:
    return program not in _COMMON and re.fullmatch(r"[A-Za-z][\w.-]*", program) is not None


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _commands(text: str) -> Iterator[Command]:
    command: list[str] = []
    output: list[str] = []
    ending = ""
    prompted = any(_PROMPT.match(line) for line in text.split("\n"))
    for line in text.rstrip("\n").split("\n"):
        match = _PROMPT.match(line) if prompted else None
        if ending:
            command.append(line)
            ending = "" if line.strip() == ending else ending
        elif command and command[-1].endswith("\\"):
            command.append(re.sub(r"^\s*> ", "", line))
        elif match or (not prompted and line.strip() and not line.lstrip().startswith("#")):
            if command:
                yield Command("\n".join(command), _text(output))
            command, output = [match["command"] if match else line.strip()], []
            heredoc = _HEREDOC.search(command[0])
            ending = heredoc.group(1) if heredoc else ""
        elif command and prompted:
            output.append(line)
    if command:
        yield Command("\n".join(command), _text(output))


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
