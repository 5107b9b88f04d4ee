"""`mangabey models`: list, show, check."""

from __future__ import annotations

import json

import pytest

from runs.cli import run

BACKEND = """
from agent import Capabilities, Reply


class Good:
    name = "good"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        return Reply(text=messages[-1].content + messages[0].content, model="good-1")


class Bad(Good):
    capabilities = Capabilities(tools=True, n=True)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "backend.py"
    path.write_text(BACKEND)
    return path


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_the_list_says_what_each_is_and_needs(arguments, capsys):
    assert run(["models", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("litellm/PROVIDER/MODEL") and "needs extra litellm" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert run(["models", *arguments, "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert {"builtin/repair", "manual/DIR"} <= {one["name"] for one in known}


def test_show(capsys):
    assert run(["models", "show", "builtin/repair"]) == 0
    assert "tools             yes" in capsys.readouterr().out
    assert run(["models", "show", "builtin/repair", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["capabilities"]
    assert told["context_length"] >= 10**9  # it replays whole conversations: none may be condensed


def test_a_check_that_passes(file, capsys):
    assert run(["models", "check", f"{file}:Good"]) == 0
    out = capsys.readouterr().out
    assert "plain-reply      passed" in out
    assert "stop             not offered  `stop` is not declared" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80


def test_a_check_that_fails(file, capsys):
    only = ["--only", "samples", "--only", "tools"]
    assert run(["models", "check", f"{file}:Bad", *only]) == 1
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines()[:1]] == [["tools", "failed"]]
    assert "3 samples were asked for, 1 came" in out
    assert "2 failed" in out
    assert run(["models", "check", f"{file}:Bad", *only, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(one["check"], one["outcome"]) for one in told["checks"]] == [
        ("tools", "failed"),
        ("samples", "failed"),
    ]


def test_random_weights_are_not_blamed_for_calling_nothing(file, capsys):
    assert run(["models", "check", f"{file}:Bad", "--only", "tools", "--untrained"]) == 0
    assert "not offered" in capsys.readouterr().out


def test_keys_of_the_environment_do_not_show(file, capsys, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-planted-in-the-environment")
    telling = "raise RuntimeError(__import__('os').environ['SOME_API_KEY'])"
    file.write_text(f"{BACKEND}\n    async def generate(self, *request):\n        {telling}\n")
    assert run(["models", "check", f"{file}:Bad", "--only", "plain-reply"]) == 1
    out = capsys.readouterr().out
    assert "RuntimeError, which is no ModelError: [key]" in out
    assert "planted" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["builtin/repair", "--only", "tols"], 2, "did you mean tools?"),
        (["bultin/repair"], 2, "did you mean builtin/repair?"),
        (["replay/nowhere"], 1, "cannot read"),
    ],
)
def test_wrong_use_is_one_line(arguments, code, told, capsys):
    assert run(["models", "check", *arguments]) == code
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1
