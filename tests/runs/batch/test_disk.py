from __future__ import annotations

import pytest

from runs.batch import disk
from runs.batch.disk import ASKED, ImagesNeeded, mean_record, weigh
from sandbox.docker.images import Registry
from sandbox.docker.weighing import UNPACKED

GB = 1_000_000_000


@pytest.fixture
def registry(monkeypatch):
    """A registry that tells the size of what is called told; returns what it was asked for."""
    asked = []

    def told_size(image, _):
        asked.append(image)
        if not image.startswith("told"):
            raise OSError("refused")
        return GB

    monkeypatch.setattr(disk, "told_size", told_size)
    return asked


def test_what_the_registry_tells_counts_and_the_rest_takes_the_mean(registry):
    images = ImagesNeeded(names=("told1", "other", "here"), missing=("told1", "other"), here={"here": GB})
    found = weigh(images, Registry())
    assert (found.told, found.rest) == (1, 1)
    assert found.total == pytest.approx(UNPACKED * GB + (UNPACKED * GB + GB) / 2)


def test_a_registry_is_asked_for_a_few_only(registry):
    names = tuple(f"told{number}" for number in range(100))
    found = weigh(ImagesNeeded(names=names, missing=names), Registry())
    assert len(registry) == ASKED
    assert found.total == pytest.approx(100 * UNPACKED * GB)


def test_what_nobody_tells_is_unknown_and_nothing_takes_nothing(registry):
    assert weigh(ImagesNeeded(names=("other",), missing=("other",)), Registry()) is None
    assert weigh(ImagesNeeded(names=("other",), missing=None), Registry()) is None
    assert weigh(ImagesNeeded(names=("here",), missing=(), here={"here": 1}), Registry()).total == 0


def test_records_take_what_others_took(tmp_path):
    for name, size in (("a", 4096), ("b__c", 3 * 4096)):
        (tmp_path / name / "blobs").mkdir(parents=True)
        (tmp_path / name / "blobs" / "x").write_bytes(b"x" * size)
    first, second = (mean_record(tmp_path, [one]) for one in ("a", "b/c"))
    assert second - first == 2 * 4096
    assert mean_record(tmp_path, ["a", "b/c"]) == (first + second) / 2
    assert mean_record(tmp_path, []) is None
