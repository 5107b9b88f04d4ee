from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.git import git
from envs.patches import join, split

NAMES = st.sampled_from(
    ["a.py", "b b.py", "d/é.txt", 'q"uote', "tab\there", "d/deep/x", "diff --git a", "-- x", "b/b/b"]
)
LINES = st.sampled_from(
    ["one", "-- two", "++ three", "diff --git a/x b/x", "@@ -1 +1 @@", "", "\r", "\x0c", "--- a/x", "+++ b/x"]
)
TEXTS = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(),
    st.lists(LINES, max_size=12),
    st.sampled_from(["", "\n"]),
)
TREES = st.dictionaries(NAMES, st.one_of(TEXTS, st.binary(max_size=60)), max_size=5)


def write(folder: Path, tree: dict[str, bytes]) -> None:
    for path in [*folder.iterdir()]:
        if path.name != ".git":
            subprocess.run(["rm", "-rf", str(path)], check=True)
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=TREES, after=TREES, rename=st.booleans())
def test_a_real_diff_comes_apart_by_file_and_together_again(before, after, rename):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "-q")
        write(folder, before)
        git(folder, "add", "-A", "-f")
        git(folder, "commit", "-q", "--allow-empty", "-m", "base")
        write(folder, after)
        git(folder, "add", "-A", "-f")
        options = ["--cached", "--binary", *(["-M"] if rename else ["--no-renames"]), "HEAD"]
        diff = git(folder, "diff", *options).decode("utf-8", "surrogateescape")
        parts = split(diff)
        assert join(parts) == diff
        raw = (
            git(folder, "diff", "-z", "--name-status", *options)
            .decode("utf-8", "surrogateescape")
            .split("\0")
        )
        assert [(part.kind, part.old_path, part.path) for part in parts] == list(statuses(raw))
        kept = parts[::2]
        git(folder, "reset", "-q", "--hard")
        if kept and not any(part.kind == "renamed" for part in parts):
            git(folder, "apply", "--whitespace=nowarn", stdin=join(kept).encode("utf-8", "surrogateescape"))


def statuses(raw):
    words = iter(raw[:-1])
    for word in words:
        if word.startswith("R"):
            yield "renamed", next(words), next(words)
        else:
            path = next(words)
            kind = {"A": "added", "D": "deleted", "M": "modified"}[word]
            yield kind, "" if word == "A" else path, path


def test_mode_changes_symlinks_and_renames_without_content(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "run me.sh").write_text("x\n")
    (tmp_path / "moved.txt").write_text("a\nb\nc\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "base")
    (tmp_path / "run me.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "moved.txt").rename(tmp_path / "there.txt")
    git(tmp_path, "add", "-A")
    parts = split(git(tmp_path, "diff", "--cached", "-M", "HEAD").decode())
    assert [(part.kind, part.old_path, part.path) for part in parts] == [
        ("added", "", "link"),
        ("modified", "run me.sh", "run me.sh"),
        ("renamed", "moved.txt", "there.txt"),
    ]


def test_a_plain_diff_with_any_prefix_names_the_files_that_git_apply_would_patch():
    diff = (
        "Some words before\n--- orig/tests/test_a.py\t2020-01-01\n+++ new/tests/test_a.py\n@@ -1,2 +1,2 @@\n"
        " a\n--- b\n+++ c\n--- a/x.py\n+++ b/x.py\n@@ -1 +0,0 @@\n-x\n"
        "--- /dev/null\n+++ b/y.py\n@@ -0,0 +1 @@\n+y\n"
    )
    parts = split(diff)
    assert join(parts) == diff
    assert [(part.kind, part.path) for part in parts] == [
        ("modified", "tests/test_a.py"),
        ("modified", "x.py"),
        ("added", "y.py"),
    ]


@pytest.mark.parametrize("text", ["", "no diff at all\n", "@@ -1 +1 @@\n"])
def test_a_text_that_patches_nothing_has_no_parts(text):
    assert split(text) == []


@given(st.text())
def test_no_text_breaks_it(text):
    split(text)
    split("diff --git " + text)
    split("--- a/" + text + "\n+++ b/" + text)
