"""`mangabey pull`, and images of instances at a registry on this machine."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import tarfile
from contextlib import suppress

import pytest
from docker.errors import ImageNotFound

from tests.conftest import push
from tests.runs.evaluated import RIGHT, predictions


def tiny_image(engine, content: str) -> str:
    """Return a new image of one small file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("content")
        member.size = len(content.encode())
        archive.addfile(member, io.BytesIO(content.encode()))
    told = engine.api.import_image_from_data(packed.getvalue())
    return json.loads(told.splitlines()[-1])["status"]


@pytest.fixture
def rows(tmp_path, engine, registry):
    """Rows whose images a registry holds, but for one; two share an image."""
    names = [f"{registry}/hub/tests/{name}:1" for name in ("one", "two")]
    for name in names:
        push(engine, tiny_image(engine, name), name)  # which leaves none here
    images = {"a-1": "tests/one:1", "a-2": "tests/one:1", "b-1": "tests/two:1", "c-1": "tests/gone:1"}
    fixed = {"repo": "o/a", "base_commit": "0" * 40, "FAIL_TO_PASS": ["t"], "log_parser": "junit"}
    lines = [
        json.dumps({"instance_id": name, "image": image, "test_command": "pytest", **fixed})
        for name, image in images.items()
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    yield path
    for name in names:
        with suppress(ImageNotFound):
            engine.images.remove(name, force=True)


def states(done):
    return {one["image"].rpartition("/")[2]: one["state"] for one in json.loads(done.stdout)["images"]}


@pytest.mark.docker
def test_images_are_pulled_once_and_a_missing_one_stops_no_other(mangabey, rows, registry, engine):
    prefix = ["--registry", f"{registry}/hub"]
    dry = mangabey("pull", rows, *prefix, "--dry-run", "--json")
    assert (dry.returncode, states(dry)) == (0, dict.fromkeys(["one:1", "two:1", "gone:1"], "missing"))
    done = mangabey("pull", rows, *prefix)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "3 images: 2 pulled, 1 failed"
    assert any(line.partition(" ")[2].startswith("pulled   ") and "(2 instances, " in line for line in lines)
    failed = [line for line in lines if " FAILED   " in line]
    assert len(failed) == 1
    assert f"{registry}/hub/tests/gone:1 not found" in failed[0]
    again = mangabey("pull", rows, "--json", MANGABEY_REGISTRY=f"{registry}/hub")
    assert again.returncode == 1, again.stderr
    assert states(again) == {"one:1": "here", "two:1": "here", "gone:1": "failed"}
    fine = mangabey("pull", rows, *prefix, "-i", "a-*,b-1")
    assert (fine.returncode, fine.stdout.splitlines()[-1]) == (0, "2 images: 2 were here")


@pytest.mark.docker
def test_a_missing_image_is_an_infrastructure_failure_of_its_instance(mangabey, rows, registry, tmp_path):
    preds = predictions(tmp_path / "p.jsonl", c_1=RIGHT)
    order = ["evaluate", preds, "--tasks", rows, "-i", "c-1", "--registry", f"{registry}/hub"]
    for _ in range(2):  # it is tried again each time
        done = mangabey(*order, "--out", tmp_path / "out")
        assert done.returncode == 1, done.stderr
        one = json.loads((tmp_path / "out" / "c-1" / "grade.json").read_text())
        assert (one["status"], one["image"]) == ("infrastructure", "tests/gone:1")
        assert "tests/gone:1 not found" in one["message"]
        assert "as before" not in done.stderr


@pytest.mark.docker
def test_an_interrupted_pull_ends_at_once(needs_docker, tmp_path):
    row = {"instance_id": "a-1"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        row["image"] = f"127.0.0.1:{silent.getsockname()[1]}/never:1"
        (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
        child = subprocess.Popen(
            [sys.executable, "-m", "mangabey", "pull", "rows.jsonl"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.accept()[0].close()  # the engine asks; the next time nobody answers
        child.send_signal(signal.SIGINT)
        out, told = child.communicate(timeout=30)
    assert (child.returncode, out) == (130, "")
    assert told.splitlines()[-1] == "mangabey: interrupted; run it again to go on"
    assert "Traceback" not in told


def test_without_images_there_is_nothing_to_pull_and_no_engine_is_needed(mangabey, tmp_path):
    done = mangabey("pull", "pypi", "--slice", "0:3", DOCKER_HOST=f"unix://{tmp_path}/none")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0 images: nothing to pull; 3 instances need none from a registry\n"


def test_without_an_engine_it_is_told_in_one_line(mangabey, tmp_path):
    row = {"instance_id": "a-1", "image": "nobody/has:this"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    done = mangabey("pull", tmp_path / "rows.jsonl", DOCKER_HOST=f"unix://{tmp_path}/none")
    assert done.returncode == 1
    assert "mangabey: no Docker engine answers" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["pull"], ["batch", "--out", "out", "--dry-run", "--tasks"]])
@pytest.mark.parametrize("registry", ["https://mirror.example.org/hub", "mirror host"])
def test_a_registry_that_can_begin_no_name_is_wrong_use(mangabey, tmp_path, command, registry):
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"instance_id": "a-1", "image": "nobody/has:this"}) + "\n"
    )
    done = mangabey(*command, tmp_path / "rows.jsonl", "--registry", registry)
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert told == [
        f"mangabey: --registry {registry!r} cannot begin an image's name; write HOST[:PORT][/PATH]"
    ]
