"""`mangabey clean`: only what dead processes have left."""

from __future__ import annotations

import gc
import json
import tempfile

import pytest

from runs.cli import run
from sandbox.owners import new_name


def test_it_removes_what_is_dead_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    dead, alive, other = (
        tmp_path / f"mangabey-{2**22 + 1}-1-aa",
        tmp_path / new_name(),
        tmp_path / "mangabey-x",
    )
    for folder in (dead, alive, other):
        (folder / "layers").mkdir(parents=True)
    assert run(["clean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["folders"], found["containers"]) == (1, 0)
    assert "no Docker engine answers" in found["docker"]
    assert [folder.exists() for folder in (dead, alive, other)] == [False, True, True]
    assert run(["clean"]) == 0
    assert capsys.readouterr().out.startswith("removed 0 scratch folders")
    gc.collect()  # a socket that is left open fails the test here


@pytest.mark.parametrize("budget", ["-1", "much"])
def test_a_wrong_budget_is_wrong_use(budget, capsys):
    assert run(["clean", "--image-budget", budget]) == 2
    assert "Traceback" not in capsys.readouterr().err
