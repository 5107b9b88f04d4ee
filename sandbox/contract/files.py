"""What every sandbox promises about files that are read, written and uploaded."""

from __future__ import annotations

import secrets

import pytest

from sandbox.base import SandboxFileError


async def test_read_and_write(box):
    data = secrets.token_bytes(2 << 20)
    await box.write("new/folders/data.bin", data)
    assert await box.read("new/folders/data.bin") == data
    assert await box.read("/testbed/new/folders/data.bin") == data
    await box.write("new/folders/data.bin", b"")
    assert await box.read("new/folders/data.bin") == b""
    await box.write("-rf", b"dash")
    assert await box.read("-rf") == b"dash"
    await box.write("a\nb", b"line")
    assert await box.read("a\nb") == b"line"
    await box.write("/tmp/x", b"tmp")
    assert await box.read("/tmp/x") == b"tmp"


async def test_what_cannot_be_read(box):
    await box.exec(
        "ln -s /etc/shadow shadow; mkfifo fifo; ln -s nowhere dangling; mkdir d; truncate -s 65M large"
    )
    for path, reason in {
        "shadow": "cannot read",
        "fifo": "no regular file",
        "dangling": "symlink",
        "d": "folder",
        "nope": "no such file",
        "/dev/zero": "no regular file",
    }.items():
        with pytest.raises(SandboxFileError, match=reason):
            await box.read(path)
    with pytest.raises(SandboxFileError, match="NUL"):
        await box.read("a\0b")


async def test_a_file_that_is_too_large_is_refused(host, root):
    box = await host.start(root)
    await box.exec("truncate -s 64M most; truncate -s 67108865 large")
    assert len(await box.read("most")) == 64 << 20
    with pytest.raises(SandboxFileError, match="64 MiB"):
        await box.read("large")


async def test_what_cannot_be_written(box):
    await box.exec("mkfifo fifo; mkdir d")
    for path in ("fifo", "d", "/usr/x", "readme.txt/below", "/proc/x"):
        with pytest.raises(SandboxFileError, match="cannot write"):
            await box.write(path, b"x")


async def test_uploading_files_and_folders(box, tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_bytes(b"content")
    (folder / "tool").write_text("#!/bin/sh\necho ran\n")
    (folder / "tool").chmod(0o755)
    (folder / "link").symlink_to("sub/file")
    await box.upload(folder, "new/place")
    assert await box.read("new/place/sub/file") == b"content"
    assert (await box.exec("new/place/tool; readlink new/place/link; stat -c %U . new/place")).ok
    assert (await box.exec(["new/place/tool"])).text == "ran\n"
    await box.upload(folder / "sub" / "file", "/tmp/-odd name")
    assert await box.read("/tmp/-odd name") == b"content"
    (folder / "sub" / "file").write_bytes(b"newer")
    await box.upload(folder / "sub" / "file", "new/place/sub/file")
    assert await box.read("new/place/sub/file") == b"newer"
    for source, target in ((folder / "none", "x"), (folder, "/usr/x"), (folder, "/")):
        with pytest.raises(SandboxFileError, match="cannot upload"):
            await box.upload(source, target)
