from __future__ import annotations

from typing import Any

import pytest

from agent.arguments import ARGUMENTS, specifications
from agent.messages import ToolCall
from agent.tools import OBSERVATION, Toolbox, cut_middle
from agent.trajectory import Observation
from sandbox.base import Sandbox, SandboxGoneError


async def use(sandbox: Sandbox, name: str, toolbox: Toolbox | None = None, **arguments: Any) -> Observation:
    call = ToolCall(id="c", name=name, arguments=arguments)
    return await (toolbox or Toolbox(sandbox)).perform(call, seconds=60)


def test_specifications_are_the_agreed_ones() -> None:
    assert {tool.name: list(tool.parameters["properties"]) for tool in specifications()} == {  # type: ignore[arg-type]
        "bash": ["command", "timeout"],
        "view": ["path", "start", "end"],
        "edit": ["path", "old", "new"],
        "search": ["query", "path"],
        "write_test": ["path", "content"],
        "submit": ["message"],
        "give_up": ["reason"],
    }
    assert list(ARGUMENTS) == [tool.name for tool in specifications()]
    assert specifications()[0].parameters["required"] == ["command"]


async def test_bash(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "bash", command="pwd; cd /tmp; export A=1; echo err >&2; exit 3")
    assert (seen.status, seen.text) == ("ok", f"{sandbox.workdir}\nerr\n[exit code 3]")
    assert (await use(sandbox, "bash", command="pwd; echo $A")).text == "/tmp\n1\n[exit code 0]"
    assert (await use(sandbox, "bash", command="true")).text == "[exit code 0]"
    assert "[exit code 127]" in (await use(sandbox, "bash", command="no-such-program")).text


async def test_a_shell_text_longer_than_an_argument_may_be(sandbox: Sandbox) -> None:
    text = "x" * 200_000
    seen = await use(sandbox, "bash", command=f"wc -c <<'END'\n{text}\nEND\nexit 4")
    assert seen.text == "200001\n[exit code 4]"


async def test_bash_timeout(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "bash", command="echo before; sleep 50", timeout=1)
    assert seen.status == "timed_out"
    assert seen.text.endswith("[timed out after 1 s; all its processes were ended]")


async def test_bash_killed(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "bash", command="kill -9 $$")
    assert seen.text.endswith(("[exit code -9]", "[exit code 137]"))


async def test_long_output_keeps_head_and_tail(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "bash", command="seq 1 2000000")
    assert len(seen.text) < OBSERVATION + 200
    assert seen.text.startswith("1\n2\n")
    assert seen.text.endswith("2000000\n[exit code 0]")
    assert "omitted" in seen.text
    assert cut_middle("abcdef", 6) == "abcdef"
    assert cut_middle("abcdef", 4) == "ab\n[... 2 characters omitted ...]\nef"


async def test_view(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "view", path="tabs.py")
    assert seen.text == "     1\tdef f():\n     2\t\tif True:\n     3\t\t\treturn 1"
    assert (
        await use(sandbox, "view", path="tabs.py", start=2, end=2)
    ).text == "     2\t\tif True:\n[lines 2-2 of 3]"
    assert (await use(sandbox, "view", path="windows.txt")).text.endswith("     3\tthree")
    assert "binary file of 140 bytes" in (await use(sandbox, "view", path="picture.bin")).text
    assert "empty" in (await use(sandbox, "view", path="empty.txt")).text
    assert "has 3 lines" in (await use(sandbox, "view", path="tabs.py", start=9)).text
    assert "lies before" in (await use(sandbox, "view", path="tabs.py", start=3, end=2)).text
    assert "caf" in (await use(sandbox, "view", path="latin.py")).text


async def test_view_of_a_missing_file_names_its_namesakes(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "view", path="src/test_shapes.py")
    assert (seen.status, seen.text) == (
        "error",
        "There is no file src/test_shapes.py. Files of that name: tests/test_shapes.py.",
    )


async def test_view_of_a_folder(sandbox: Sandbox) -> None:
    listed = (await use(sandbox, "view", path=".")).text.splitlines()
    assert {"shapes.py", "tests/", "tests/test_shapes.py"} <= set(listed)
    assert not any(".git" in entry for entry in listed)
    await sandbox.exec("mkdir hollow")
    assert "empty folder" in (await use(sandbox, "view", path="hollow")).text


async def test_view_shows_at_most_600_lines(sandbox: Sandbox) -> None:
    await sandbox.exec("seq 1 2000 > long.txt; printf 'x%.0s' $(seq 5000) > wide.txt")
    lines = (await use(sandbox, "view", path="long.txt", start=11)).text.splitlines()
    assert lines[-2:] == ["   610\t610", "[lines 11-610 of 2000]"]
    assert "3000 more characters" in (await use(sandbox, "view", path="wide.txt")).text


async def test_edit(sandbox: Sandbox) -> None:
    seen = await use(sandbox, "edit", path="shapes.py", old="width + self", new="width * self")
    assert seen.status == "ok"
    assert "    12\t        return self.width * self.height" in seen.text
    assert b"self.width * self.height" in await sandbox.read("shapes.py")
    absolute = await use(
        sandbox, "edit", path=f"{sandbox.workdir}/shapes.py", old="width * self", new="width + self"
    )
    assert absolute.status == "ok"


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("shapes.py", "self.width", "x", "occurs 2 times in shapes.py, at lines 8, 12"),
        ("shapes.py", "    return Rectangle(1,1)", "x", "Only white space differs, first in line 16"),
        (
            "shapes.py",
            "  def area(self):\n    return self.width + self.height",
            "x",
            "Only white space differs",
        ),
        (
            "shapes.py",
            "def area(self):\n        return self.width - self.height",
            "x",
            "First difference in line 12",
        ),
        (
            "shapes.py",
            "    12\t        return self.width + self.height",
            "x",
            "line numbers that are shown",
        ),
        ("shapes.py", "nothing like this exists at all 1234567", "x", "nor anything like it"),
        ("shapes.py", "area", "area", "nothing to do"),
        ("shapes.py", "", "x", "exists already"),
        ("picture.bin", "PNG", "x", "binary"),
        ("latin.py", "name", "x", "not UTF-8 (line 2, byte 0xe9)"),
        ("nowhere.py", "a", "b", "There is no file nowhere.py"),
        ("tests", "a", "b", "is a folder"),
        ("../outside.py", "", "x", "outside of the repository"),
        ("/etc/passwd", "root", "x", "outside of the repository"),
        ("tests/../../x", "a", "x", "outside of the repository"),
        (".git/config", "a", "b", "no part of a patch"),
        ("a\0b", "a", "b", "NUL"),
        ("empty.txt", "a", "b", "is empty"),
    ],
)
async def test_edit_says_what_is_wrong(sandbox: Sandbox, path: str, old: str, new: str, said: str) -> None:
    seen = await use(sandbox, "edit", path=path, old=old, new=new)
    assert seen.status == "error"
    assert said in seen.text
    assert await sandbox.diff() == ""


async def test_edit_keeps_line_ends_and_tabs(sandbox: Sandbox) -> None:
    await use(sandbox, "edit", path="windows.txt", old="two\nthree", new="2\n2.5\n3")
    assert await sandbox.read("windows.txt") == b"one\r\n2\r\n2.5\r\n3\r\n"
    await use(sandbox, "edit", path="windows.txt", old="one", new="0\n1")
    assert await sandbox.read("windows.txt") == b"0\r\n1\r\n2\r\n2.5\r\n3\r\n"
    await use(sandbox, "edit", path="tabs.py", old="\tif True:\r\n\t\treturn 1", new="\treturn 1")
    assert await sandbox.read("tabs.py") == b"def f():\n\treturn 1\n"


async def test_edit_creates_and_empties_files(sandbox: Sandbox) -> None:
    await use(sandbox, "edit", path="pkg/sub/new.py", old="", new="x = 1")
    assert await sandbox.read("pkg/sub/new.py") == b"x = 1\n"
    assert (await use(sandbox, "edit", path="pkg/sub/new.py", old="x = 1\n", new="")).status == "ok"
    assert await sandbox.read("pkg/sub/new.py") == b""


async def test_edit_keeps_the_mode(sandbox: Sandbox) -> None:
    await sandbox.exec("printf 'echo 1\\n' > run.sh && chmod 755 run.sh")
    await use(sandbox, "edit", path="run.sh", old="echo 1", new="echo 2")
    assert (await sandbox.exec("stat -c %a run.sh; ./run.sh")).text == "755\n2\n"


async def test_write_test(sandbox: Sandbox) -> None:
    toolbox = Toolbox(sandbox)
    assert (
        await use(sandbox, "write_test", toolbox, path="tests/test_new.py", content="x = 1")
    ).status == "ok"
    assert (
        await use(sandbox, "write_test", toolbox, path="./tests/test_new.py", content="x = 2\n")
    ).status == "ok"
    assert await sandbox.read("tests/test_new.py") == b"x = 2\n"
    assert toolbox.written_tests == ["tests/test_new.py"]
    refused = await use(sandbox, "write_test", toolbox, path="tests/test_shapes.py", content="x")
    assert (refused.status, "stays as it is" in refused.text) == ("error", True)
    await sandbox.exec("rm tests/test_shapes.py")
    assert (
        await use(sandbox, "write_test", toolbox, path="tests/test_shapes.py", content="x")
    ).status == "error"
    assert (
        await use(sandbox, "write_test", toolbox, path="tests/conftest.py", content="x")
    ).status == "error"
    assert (await use(sandbox, "write_test", toolbox, path="../test_out.py", content="x")).status == "error"
    assert toolbox.written_tests == ["tests/test_new.py"]


async def test_search(sandbox: Sandbox) -> None:
    seen = (await use(sandbox, "search", query="Rectangle.area")).text.splitlines()
    assert seen[0] == "shapes.py:11-12 method Rectangle.area"
    seen = (await use(sandbox, "search", query="Rectangle")).text.splitlines()
    assert seen[0] == "shapes.py:4-12 class Rectangle"
    assert "tests/test_shapes.py:1: from shapes import Rectangle" in seen
    below = (await use(sandbox, "search", query="Rectangle", path="tests")).text
    assert "shapes.py:16" not in below.replace("test_shapes.py", "")
    assert "tests/test_shapes.py:5: assert" in below
    assert (await use(sandbox, "search", query="whole")).text.splitlines()[
        0
    ] == "broken.py:5-6 function whole"
    assert "shapes.py:11: def area" in (await use(sandbox, "search", query="def a[r]ea")).text
    assert "Nothing named or holding" in (await use(sandbox, "search", query="zebra(")).text
    assert (await use(sandbox, "search", query="x", path="no/such")).status == "error"
    assert (await use(sandbox, "search", query="-e '$(reboot)`")).text.startswith("Nothing")


async def test_search_finds_definitions_of_other_languages(sandbox: Sandbox) -> None:
    files = {
        "web/area.ts": "export class Square {\n  area(): number { return 1 }\n}\n",
        "src/lib.rs": "struct Cube;\nimpl Cube {\n    fn volume(&self) -> u32 { 1 }\n}\n",
        "pkg/sum.go": "package pkg\n\nfunc (s *Sum) Total() int { return 1 }\n",
    }
    for path, text in files.items():
        await sandbox.write(path, text.encode())
    first = (await use(sandbox, "search", query="Square.area")).text.splitlines()[0]
    assert first == "web/area.ts:2-2 method Square.area"
    assert (await use(sandbox, "search", query="Cube::volume")).text.startswith(
        "src/lib.rs:3-3 method Cube.volume"
    )
    assert (await use(sandbox, "search", query="Total", path="pkg")).text.startswith(
        "pkg/sum.go:3-3 method Sum.Total"
    )
    assert (await use(sandbox, "search", query="volume", path="src/lib.rs")).text.startswith(
        "src/lib.rs:3-3 "
    )


async def test_search_is_bounded(sandbox: Sandbox) -> None:
    await sandbox.exec("for i in $(seq 300); do echo \"def same_$i(): same = '$i'\"; done > many.py")
    text = (await use(sandbox, "search", query="same")).text
    assert len(text.splitlines()) == 102
    assert "[40 of 300 definitions" in text
    assert "[60 of 300 lines" in text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("edt", {}, "There is no tool `edt`; did you mean `edit`?"),
        ("", {}, "The tools are:\n- bash(command: str, timeout: int = 60)"),
        ("bash", {}, "`command` is missing\nExpected bash(command: str, timeout: int = 60)"),
        ("bash", {"command": "ls", "timeout": "soon"}, "`timeout`: input should be a valid integer"),
        ("bash", {"command": "ls", "timeout": 0}, "`timeout`: input should be greater than or equal to 1"),
        ("view", {"path": "a", "lines": [1, 2]}, "there is no argument `lines`"),
        ("edit", {"path": "a", "old": [1], "new": "y" * 9999}, "`old`: input should be a valid string, got"),
    ],
)  # fmt: skip
async def test_wrong_arguments(sandbox: Sandbox, name: str, arguments: dict[str, Any], said: str) -> None:
    seen = await Toolbox(sandbox).perform(ToolCall(id="c", name=name, arguments=arguments), seconds=60)
    assert seen.status == "format_error"
    assert said in seen.text
    assert len(seen.text) < 1000


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b"])
async def test_characters_that_no_file_can_hold(sandbox: Sandbox, odd: str) -> None:
    for name, arguments in (
        ("bash", {"command": f"echo {odd}"}),
        ("view", {"path": odd}),
        ("edit", {"path": odd, "old": "a", "new": "b"}),
        ("edit", {"path": "shapes.py", "old": f"area{odd}", "new": "b"}),
        ("search", {"query": odd}),
        ("write_test", {"path": f"test_{odd}.py", "content": "x"}),
    ):
        assert (await use(sandbox, name, **arguments)).status != "timed_out"
    assert await sandbox.diff() == ""


async def test_numbers_as_text_are_taken(sandbox: Sandbox) -> None:
    assert (await use(sandbox, "view", path="tabs.py", start="2", end="2")).status == "ok"


async def test_a_dead_sandbox_is_no_observation(sandbox: Sandbox) -> None:
    await sandbox.close()
    for name, arguments in (("bash", {"command": "ls"}), ("view", {"path": "a"}), ("search", {"query": "a"})):
        with pytest.raises(SandboxGoneError):
            await use(sandbox, name, **arguments)
