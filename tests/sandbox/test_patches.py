"""`diff` and `apply_patch`: complete, faithful, and deaf to what the guest does to git."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.base import PatchError, SandboxError

_CHANGES = r"""
rm pkg/gone.py
printf 'first\nchanged\nthird' > readme.txt
printf '\000\001\377binary' > picture.bin
printf 'th\351\n' > latin.txt
printf 'new \303\251\n' > new.txt
printf 'dash\n' > ./-rf
printf 'newline\n' > "$(printf 'new\nline')"
printf 'tab\n' > "$(printf 'tab\there "quoted" \\ back')"
printf 'magic\n' > ':(exclude)*'
printf 'latin name\n' > "$(printf 'caf\351')"
printf 'one\r\nthree\r\n' > windows.txt
printf 'special\n' > x.special
mkdir -p deep/er && printf 'x' > deep/er/no-newline
touch empty
chmod +x run.sh
ln -s /etc/passwd outward
rm link && ln -s pkg link
mkdir build && echo ignored > build/out && echo ignored > run.log
mkdir -p pkg/__pycache__ && touch pkg/__pycache__/code.pyc
mkfifo pipe
"""


async def _listing(box) -> str:
    done = await box.exec(
        "find . -name .git -prune -o -name build -prune -o -name '*.log' -o -name __pycache__ -prune -o"
        " \\( -type f -exec sha256sum {} + \\) ; find . -path ./.git -prune -o -type l -printf '%p %l\\n';"
        " find . -path ./.git -prune -o -type f -perm /111 -print"
    )
    assert done.ok
    return "\n".join(sorted(done.text.splitlines()))


async def test_every_kind_of_change_survives_the_round_trip(box, host, root):
    assert await box.diff() == ""
    assert (await box.exec(_CHANGES)).ok
    patch = await box.diff()
    patch.encode()  # text, whatever bytes the files hold
    for path in (
        "pkg/gone.py",
        "new.txt",
        '"a/new\\nline"',
        "a/-rf",
        "deep/er/no-newline",
        "a/empty",
        "a/outward",
    ):
        assert path in patch
    assert "new mode 100755" in patch
    assert "\r\n" in patch
    for path in ("run.log", "build/", "__pycache__", "b/pipe"):
        assert path not in patch
    other = await host.start(root)
    await other.apply_patch(patch)
    assert await other.diff() == patch
    assert await _listing(other) == await _listing(box)


async def test_git_on_the_host_accepts_the_diff(box, root, tmp_path):
    assert (await box.exec(_CHANGES)).ok
    patch = (await box.diff()).encode()
    clone = ["git", "clone", "-q", str(root.git_dir), str(tmp_path / "clone")]
    await asyncio.to_thread(subprocess.run, clone, check=True)
    apply = ["git", "apply", "--check", "--whitespace=nowarn"]
    await asyncio.to_thread(subprocess.run, apply, cwd=tmp_path / "clone", input=patch, check=True)


async def test_what_the_agent_does_to_git_changes_nothing(box):
    await box.exec("echo changed > readme.txt; echo n > n.special")
    honest = await box.diff()
    assert "changed" in honest
    poison = """
    printf '#!/bin/sh\\ntouch /tmp/pwned\\ncat\\n' > /tmp/evil
    chmod +x /tmp/evil
    for key in core.fsmonitor core.pager diff.external filter.evil.clean filter.evil.process \\
        core.sshCommand diff.evil.textconv diff.evil.command core.editor core.hooksPath; do
      git config --local $key /tmp/evil; git config --global $key /tmp/evil
    done
    git config --local core.fileMode false; git config --local core.worktree /tmp
    for hook in pre-commit post-index-change post-checkout; do cp /tmp/evil .git/hooks/$hook; done
    echo '*' > .git/info/exclude; printf '[alias]\\n\\tdiff = !/tmp/evil\\n' >> .git/config
    echo '* filter=evil diff=evil binary' > .git/info/attributes
    rm -f /tmp/pwned
    """
    await box.exec(poison)
    assert await box.diff() == honest
    assert not (await box.exec("test -e /tmp/pwned")).ok
    await box.exec("git -c user.name=a -c user.email=a@b -c core.fsmonitor= commit -qam own", timeout=20)
    await box.exec("rm -f .git/index; rm -rf .git/objects; rm -f /tmp/pwned")
    assert await box.diff() == honest
    await box.exec("rm -rf .git; echo gitdir: /tmp/x > .git")
    assert await box.diff() == honest
    assert not (await box.exec("test -e /tmp/pwned")).ok


async def test_attributes_in_the_tree_have_no_effect(box, host, root):
    await box.exec(
        r"printf '* text=auto eol=lf ident\n*.txt working-tree-encoding=UTF-16 -diff\n' > .gitattributes"
    )
    await box.exec(r"printf 'a\r\nb\n' > mixed.txt; printf '$Id$\n' > ident.c")
    patch = await box.diff()
    assert "a/windows.txt" not in patch
    other = await host.start(root)
    await other.apply_patch(patch)
    assert await other.read("mixed.txt") == b"a\r\nb\n"
    assert await other.read("ident.c") == b"$Id$\n"


async def test_repositories_made_inside_are_plain_files(box):
    await box.exec(
        "mkdir empty-repo own; git init -q empty-repo; echo a > empty-repo/a; cd own; git init -q;"
        " echo b > b; git add b; git -c user.name=a -c user.email=a@b commit -qm x"
    )
    patch = await box.diff()
    assert "a/empty-repo/a" in patch
    assert "a/own/b" in patch
    assert "160000" not in patch
    assert ".git/" not in patch


async def test_what_cannot_be_read_does_not_block_the_diff(box):
    await box.exec(
        "echo x > open; echo y > shut; mkdir closed; echo z > closed/z; chmod 0 shut closed readme.txt"
    )
    patch = await box.diff()
    assert "a/open" in patch
    await box.exec("chmod 700 closed")


async def test_a_patch_that_does_not_apply_changes_nothing(box):
    await box.exec("echo x > extra")
    before = await box.diff()
    good = "--- a/pkg/code.py\n+++ b/pkg/code.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
    bad = "--- a/readme.txt\n+++ b/readme.txt\n@@ -1,2 +1,2 @@\n nothing\n-like it\n+this\n"
    with pytest.raises(PatchError, match=r"readme\.txt"):
        await box.apply_patch(good + bad)
    assert await box.diff() == before
    with pytest.raises(PatchError):
        await box.apply_patch("this is no patch")
    with pytest.raises(PatchError):
        await box.apply_patch("--- a/../../tmp/x\n+++ b/../../tmp/x\n@@ -0,0 +1 @@\n+x\n")
    await box.apply_patch("")
    await box.apply_patch(good.rstrip("\n"))
    assert "return 2" in (await box.read("pkg/code.py")).decode()


async def test_a_patch_does_not_write_through_a_symlink(box):
    await box.exec("mkdir /tmp/away; ln -s /tmp/away aside")
    with pytest.raises(PatchError):
        await box.apply_patch("--- /dev/null\n+++ b/aside/x\n@@ -0,0 +1 @@\n+x\n")
    assert (await box.exec("ls /tmp/away")).text == ""


async def test_a_diff_that_is_too_large_is_an_error(daemonless, repository):
    box = await daemonless.start(repository)
    await box.exec("head -c 40000000 /dev/urandom > large")
    with pytest.raises(SandboxError, match="32 MiB"):
        await box.diff()


_NAMES = st.sampled_from(
    ["readme.txt", "pkg/code.py", "a", "b/c", "b/d/e", " lead", "tr ", 'q"', "ü", "-x", "*", "a\nb"]
)
_WHAT = st.one_of(
    st.binary(max_size=40).map(lambda data: ["file", data.hex()]),
    st.text(st.sampled_from("ab\n\r \t"), max_size=12).map(lambda text: ["file", text.encode().hex()]),
    st.sampled_from([["link", "a"], ["link", "/etc/passwd"], ["gone", ""], ["exec", "00ff"]]),
)
_APPLY = """
import json, os, shutil, sys
for name, (what, data) in json.load(sys.stdin).items():
    if os.path.lexists(name):
        shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.remove(name)
    if what == "gone":
        continue
    above = os.path.dirname(name)
    while above:
        if os.path.lexists(above) and not os.path.isdir(above) or os.path.islink(above):
            os.remove(above)
        above = os.path.dirname(above)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    if what == "link":
        os.symlink(data, name)
    else:
        open(name, "wb").write(bytes.fromhex(data))
        os.chmod(name, 0o755 if what == "exec" else 0o644)
"""


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.dictionaries(_NAMES, _WHAT, max_size=6))
async def test_any_diff_applies_to_the_base_and_gives_itself(repository, changes):
    from sandbox.hosts import open_host

    host = open_host("daemonless")
    try:
        one, other = await host.start(repository), await host.start(repository)
        done = await one.exec(["python3", "-c", _APPLY], stdin=json.dumps(changes).encode())
        assert done.ok, done.text
        patch = await one.diff()
        await other.apply_patch(patch)
        assert await other.diff() == patch
        assert await _listing(other) == await _listing(one)
    finally:
        await host.close()
