from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.git import git
from envs.swebench.reverse import reversed_patch

LINES = st.sampled_from(
    ["a", "b", "", "-- c", "++ d", "@@ -1 +1 @@", "--- a/x", "+++ b/x", "\\ No newline", "\x0c", "e\rf"]
)
TEXTS = st.builds(
    lambda lines, end: "\n".join(lines) + end, st.lists(LINES, max_size=14), st.sampled_from(["", "\n"])
)
NAMES = st.sampled_from(["a.py", "b b.py", "d/é.txt", 'q"uote', "tab\there", "d/deep/x", "a/b/c"])
TREES = st.dictionaries(NAMES, TEXTS, max_size=4)


def write(folder: Path, tree: dict[str, str]) -> None:
    for path in git(folder, "ls-files", "-z").decode().split("\0"):
        (folder / path).unlink(missing_ok=True) if path else None
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    git(folder, "add", "--all", "--force")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=TREES, after=TREES)
def test_a_patch_and_its_reverse_give_the_original_bytes(before, after):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "--quiet")
        write(folder, before)
        original = git(folder, "write-tree")
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "base")
        write(folder, after)
        patch = git(folder, "diff", "--cached", "--no-renames", "HEAD")
        back = reversed_patch(patch.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if patch:
            git(folder, "apply", "--index", "--whitespace=nowarn", stdin=back)
        assert git(folder, "write-tree") == original
        assert (
            reversed_patch(back.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
            == patch
        )


def test_the_mode_of_a_file_goes_back_too(tmp_path):
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {"run.sh": "a\n"})
    git(tmp_path, "commit", "--quiet", "-m", "base")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "run.sh").write_text("b\n")
    patch = git(tmp_path, "diff", "HEAD").decode()
    git(tmp_path, "apply", stdin=reversed_patch(patch).encode())
    assert (tmp_path / "run.sh").read_text() == "a\n"
    assert not (tmp_path / "run.sh").stat().st_mode & 0o100


def test_a_plain_diff_turns_round_too():
    plain = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1 @@ def f\n a\n-b\n"
    assert reversed_patch(plain) == "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@ def f\n a\n+b\n"


def test_what_cannot_be_turned_round_is_left_out():
    binary = "diff --git a/x b/x\nnew file mode 100644\nGIT binary patch\nliteral 1\nIcmZQz\n\n"
    renamed = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
    assert reversed_patch(binary + renamed) == ""
    assert reversed_patch("") == ""
