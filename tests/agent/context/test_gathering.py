"""The context of a repository in a sandbox, of each kind, and of odd repositories."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.context import ContextSettings, gather
from agent.context.asking import Asker, MemoryReplies
from agent.context.gathering import show
from agent.context.survey import survey
from agent.context.value import NOTHING
from agent.context.words import compounds, words, words_of_lines
from agent.messages import Reply
from agent.models.base import Capabilities
from agent.sources import as_text, fetch, unpack
from envs.task import PublicTask
from sandbox.base import Sandbox

LINE = re.compile(r"[^:\n]+:\d+-\d+ (class|function|method) [\w.]+")
KINDS = ("definitions", "map", "files")


async def test_gathers_definitions_and_tests(task: PublicTask, sandbox: Sandbox) -> None:
    context = await gather(task, sandbox)
    assert context.parts[0] == "shapes.py:11-12 method Rectangle.area"
    assert all(LINE.fullmatch(line) for line in context.parts)
    assert not any(line.startswith("tests/") for line in context.parts)
    assert context.tests == ("tests/test_shapes.py",)
    assert context.render().startswith("shapes.py:11-12 method Rectangle.area\n")
    assert context.render().endswith("Existing test files:\ntests/test_shapes.py")


async def test_a_map_and_files(task: PublicTask, sandbox: Sandbox) -> None:
    drawn = await gather(task, sandbox, ContextSettings(kind="map", tokens=300))
    assert drawn.parts[0].startswith(
        "shapes.py\n  4-12 class Rectangle:\n    7-9 def __init__(self, width, height):"
    )
    files = await gather(task, sandbox, ContextSettings(kind="files", tokens=2000))
    assert files.parts[0].startswith('<file path="shapes.py">\n"""Shapes."""\n')
    assert files.parts[0].endswith("    return Rectangle(1, 1)\n</file>")
    assert any("café" in part for part in files.parts)
    assert drawn.tests == files.tests == ("tests/test_shapes.py",)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_context_is_the_same_each_time(task, sandbox, tmp_path, kind) -> None:
    settings = ContextSettings(kind=kind)
    texts = {(await gather(task, sandbox, settings, home=tmp_path)).render() for _ in range(3)}
    texts.add((await gather(task, sandbox, settings)).render())
    assert len(texts) == 1


async def test_a_scan_puts_what_the_model_found_first(task: PublicTask, sandbox: Sandbox) -> None:
    class Reader:
        name = "reader"
        capabilities = Capabilities()

        async def generate(self, messages, tools, sampling):
            found = 'path="broken.py"' in messages[1].content
            return Reply(text=json.dumps({"reason": "", "relevant": found, "summary": "holds `whole`"}))

    settings = ContextSettings(kind="files", tokens=2000, scan=True)
    context = await gather(task, sandbox, settings, asker=Asker(Reader(), MemoryReplies()))
    assert context.parts[0].startswith('<file path="broken.py">')
    unscanned = await gather(task, sandbox)
    lines = await gather(task, sandbox, ContextSettings(scan=True), asker=Asker(Reader(), MemoryReplies()))
    assert "broken.py:5-6 function whole" in lines.parts[:4]
    assert lines.parts.index("broken.py:5-6 function whole") < unscanned.parts.index(
        "broken.py:5-6 function whole"
    )


async def test_what_is_fetched(sandbox: Sandbox) -> None:
    await sandbox.exec(
        "head -c 3000000 /dev/zero | tr '\\0' 'x' > huge.py; head -c 50000000 /dev/zero > blob.py; "
        "ln -s /etc/passwd link.py; ln -s nowhere.py dangling.py; mkdir dir.py; echo 'y = 1' > './-rf.py'; "
        "echo 'z = 1' > $'new\\nline.py'; echo 'u = 1' > 'sp ace.py'; printf 'a\\0b' > nul.py; "
        "echo ignored.py > .gitignore; echo 'i = 1' > ignored.py; rm tabs.py"
    )
    before = (await sandbox.exec("ls /tmp")).text
    files = await fetch(sandbox, ("*.py",))
    assert sorted(files) == [
        "-rf.py",
        "broken.py",
        "latin.py",
        "new\nline.py",
        "shapes.py",
        "sp ace.py",
        "tests/test_shapes.py",
    ]
    assert "café" in files["latin.py"]
    assert (await sandbox.exec("ls /tmp")).text == before


@pytest.mark.parametrize("kind", KINDS)
async def test_odd_files_break_nothing(task: PublicTask, sandbox: Sandbox, kind) -> None:
    await sandbox.exec(
        "ln -s / loop.py; ln -s . sub; printf '\\377\\376x\\0=\\0' > utf16.py; "
        "printf 'caf\\351 = 1\\n' > raw.js; "
        "printf '\\xef\\xbb\\xbfdef bom():\\n    pass\\n' > bom.py; echo 'def f(): pass' > $'new\\nline.py'; "
        "printf 'def crlf():\\r\\n    pass\\r\\n' > crlf.py; : > empty.go; echo '<file path=\"x\">' > tag.rb"
    )
    context = await gather(task, sandbox, ContextSettings(kind=kind))
    assert "bom.py" in context.render()
    assert "link" not in context.render()


async def test_without_git_and_without_sources(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.exec("rm -rf .git")
    assert (await gather(task, sandbox)).parts[0] == "shapes.py:11-12 method Rectangle.area"
    await sandbox.exec("find . -name '*.py' -delete")
    for kind in KINDS:
        empty = await gather(task, sandbox, ContextSettings(kind=kind))
        assert (empty.parts, empty.tests) == ((), ())
        assert empty.render() == NOTHING


def test_frames_of_a_traceback_come_first() -> None:
    body = "def {name}(value):\n    return value\n\n\n"
    sources = {f"pkg/m{n}.py": "".join(body.format(name=f"f{n}_{k}") for k in range(5)) for n in range(30)}
    issue = (
        'It breaks.\n  File "/home/me/venv/lib/pkg/m17.py", line 14, in f17_3\n    return value\nTypeError: x'
    )
    found = survey(issue, sources)
    context = show(found, sources, ContextSettings())
    assert context.parts[0] == "pkg/m17.py:13-14 function f17_3"
    assert len(context.parts) == 40
    assert found.files[0] == "pkg/m17.py"


def test_an_unreasonable_issue_and_a_large_repository_take_seconds() -> None:
    sources = {
        f"src/p{n % 97}/m{n}.py": f"def f{n}(a):\n    return g{n - 1}(a, {n})\n" * 3 for n in range(3_000)
    }
    issue = "Wrong value of `f777`\n" + "ünïcode 漢字 🦜 f1 f2 " * 10_000
    began = time.monotonic()
    found = survey(issue, sources)
    for kind in KINDS:
        assert show(found, sources, ContextSettings(kind=kind)).parts
    assert found.files[0] == "src/p1/m777.py"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "issue",
    [
        " ".join(f"src/p{n}/m{n}.py:{n}" for n in range(20_000)),
        " ".join(f"`a{n}.b{n}.c{n}`" for n in range(20_000)),
        "a." * 100_000,
        "".join(f'  File "src/p{n}/m{n}.py", line {n}, in f{n}\n' for n in range(5_000)),
    ],
    ids=["places", "names", "one name", "frames"],
)
def test_an_issue_that_names_everything_takes_seconds(issue: str) -> None:
    sources = {f"src/p{n}/m{n}.py": f"class C:\n    def f{n}(a):\n        pass\n" for n in range(1_000)}
    began = time.monotonic()
    survey(issue, sources)
    assert time.monotonic() - began < 30


def test_words() -> None:
    expected = ["get", "http", "response", "code", "naïve", "text"]
    assert words("getHTTPResponse_code2 x, naïveText") == expected
    assert compounds("isSubset x is_subset, _Plain __init__ HTTPServer") == [
        "issubset",
        "issubset",
        "httpserver",
    ]


@given(st.text())
def test_the_words_of_lines_are_the_words(text: str) -> None:
    assert [word for line in words_of_lines(text) for word in line] == words(text)


@given(
    st.text(max_size=200),
    st.dictionaries(
        st.sampled_from(["a.py", "b/c.py", "tests/t.py", "d.go", "e.js", "test/f.rb"]), st.text(max_size=200)
    ),
    st.integers(0, 500),
)
def test_ranking_never_fails(issue: str, sources: dict[str, str], tokens: int) -> None:
    found = survey(issue, sources)
    for kind in KINDS:
        text = show(found, sources, ContextSettings(kind=kind, tokens=tokens), len).render()
        overhead = len(show(found, sources, ContextSettings(kind=kind, tokens=0), len).render())
        assert kind == "definitions" or len(text) <= max(tokens, overhead)


@given(st.binary(max_size=300))
def test_any_bytes_become_text(raw: bytes) -> None:
    as_text(raw)
    unpack(raw)
