from __future__ import annotations

import threading
import time

import pytest

from envs.cache import build_once, content_key


def test_a_folder_is_built_once_by_whoever_comes_first(tmp_path):
    built = []

    def build(folder):
        built.append(folder)
        time.sleep(0.05)
        (folder / "file").write_text("done")

    threads = [threading.Thread(target=build_once, args=(tmp_path / "a" / "b", build)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert (tmp_path / "a" / "b" / "file").read_text() == "done"


def test_a_build_that_fails_leaves_nothing_and_can_be_tried_again(tmp_path):
    def fail(folder):
        (folder / "half").write_text("")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        build_once(tmp_path / "x", fail)
    assert not (tmp_path / "x").exists()
    place = build_once(tmp_path / "x", lambda folder: (folder / "whole").write_text(""))
    assert [path.name for path in place.iterdir()] == ["whole"]


def test_what_a_killed_process_left_is_built_anew(tmp_path):
    (tmp_path / ".x.part").mkdir()
    (tmp_path / ".x.part" / "torn").write_text("")
    place = build_once(tmp_path / "x", lambda folder: (folder / "whole").write_text(""))
    assert [path.name for path in place.iterdir()] == ["whole"]


def test_keys_tell_parts_apart():
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key("a", "b") == content_key("a", "b")
