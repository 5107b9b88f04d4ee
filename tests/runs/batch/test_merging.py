"""Parts of a batch, made with `--shard`, put together by `mangabey report --merge`."""

from __future__ import annotations

import json

import pytest

from tests.runs.batched import predictions, report

TINY = ("-i", "tiny-*")


@pytest.fixture
def parts(batches):
    """Two halves of a batch, and the whole of it."""
    folders = [batches.folder / "part1", batches.folder / "part2"]
    for number, folder in enumerate(folders, 1):
        assert batches.run(folder, *TINY, "--shard", f"{number}/2").returncode == 0
    return folders


def merged(batches, *words):
    command = [*batches.command(batches.folder)[:3], "report", *map(str, words)]
    return batches.mangabey(command)


def test_shards_become_one_run(batches, parts):
    apart = merged(batches, *parts)
    assert "part2 against part1: no issue is graded in both" in apart.stdout, apart.stderr
    whole = batches.folder / "whole"
    assert batches.run(whole, *TINY).returncode == 0
    out = batches.folder / "merged"
    done = merged(batches, *parts, "--merge", out)
    assert done.returncode == 0, done.stderr
    assert "2 parts: 4 of 4 issues done" in done.stderr
    assert predictions(out) == predictions(whole)
    told, expected = report(out), report(whole)
    for key in ("chosen", "done", "counts", "ids", "unfinished_ids", "trajectories"):
        assert told[key] == expected[key], key
    assert told["spent"]["steps"] == expected["spent"]["steps"] == 24
    page = (out / "report.html").read_text()
    assert all(page.count(f"<code>tiny-{number}</code>") == 1 for number in range(1, 5))
    assert page.count("trajectory 0") == 4
    again = merged(batches, *parts, "--merge", out, "--json")  # it may be merged anew
    assert again.returncode == 0, again.stderr
    assert len(json.loads(again.stdout)["runs"]["merged"]) == 4


def test_what_does_not_belong_together_is_refused_in_one_line(batches, parts):
    out = batches.folder / "merged"
    assert batches.run(batches.folder / "all", *TINY).returncode == 0
    twice = merged(batches, parts[0], batches.folder / "all", "--merge", out)
    assert twice.returncode == 2
    assert "2 instances are in more than one part" in twice.stderr
    other = batches.folder / "other"
    assert batches.run(other, *TINY, "--shard", "2/2", "-c", "crews.0.steps=7").returncode == 0
    mixed = merged(batches, parts[0], other, "--merge", out)
    assert mixed.returncode == 2
    assert "recipe.crews.0.steps: 80 -> 7" in mixed.stderr
    taken = merged(batches, *parts, "--merge", parts[0])
    assert taken.returncode == 2
    assert "holds a run" in taken.stderr
    (parts[1] / "report.json").unlink()
    early = merged(batches, *parts, "--merge", out)
    assert early.returncode == 2
    assert "has not ended yet" in early.stderr
    assert not out.exists()
    none = merged(batches, parts[0], batches.folder / "nothing", "--merge", out)
    assert none.returncode == 2
    assert not any("Traceback" in one.stderr for one in (twice, mixed, taken, early, none))


def test_a_missing_shard_is_named_and_folders_of_other_machines_are_no_drift(batches, parts):
    order = parts[1] / "run.json"
    data = json.loads(order.read_text())
    data["batch"]["shard"] = "3/3"
    data["conditions"] = {
        key.replace(str(batches.folder), "/elsewhere/set"): value.replace(
            str(batches.folder), "/elsewhere/set"
        )
        for key, value in data["conditions"].items()
    }
    order.write_text(json.dumps(data))
    first = parts[0] / "run.json"
    first.write_text(first.read_text().replace('"1/2"', '"1/3"'))
    done = merged(batches, *parts, "--merge", batches.folder / "merged")
    assert done.returncode == 0, done.stderr
    assert "not among them: --shard 2/3" in done.stderr
