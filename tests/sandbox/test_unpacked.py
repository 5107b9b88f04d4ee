"""Daemonless sandboxes that start from an image in a file or folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.auto import AutoHost
from sandbox.base import ImageError, Limits, SandboxUnavailableError
from sandbox.daemonless.images import unpacked
from sandbox.daemonless.layers import unpack_layer
from tests.sandbox.small import small_system


@pytest.fixture
def kind():
    return "daemonless"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MANGABEY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A root file system with a shell and little else."""
    folder = small_system(tmp_path_factory.mktemp("system"), "sh", "cat", "ls", "touch", "env")
    (folder / "etc" / "made").write_text("by hand\n")
    (folder / "data" / "old").mkdir(parents=True)
    (folder / "data" / "old" / "file").write_text("old\n")
    (folder / "data" / "doomed").write_text("doomed\n")
    return folder


def _tar(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, ".")
    return packed.getvalue()


def _layer(*members: tuple[str, bytes | str | None]) -> bytes:
    """Return a layer: bytes are a file's, a text is what a symlink leads to, None makes a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return packed.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _config(layers: list[bytes]) -> bytes:
    described = {
        "rootfs": {"diff_ids": [_digest(layer) for layer in layers]},
        "config": {"Env": ["FROM_IMAGE=a=b", "PATH=/usr/bin"]},
    }
    return json.dumps(described).encode()


def _saved(path: Path, layers: list[bytes]) -> Path:
    """Write what `docker save` writes."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "Layers": names}]).encode()
    members = {
        "config.json": _config(layers),
        "manifest.json": manifest,
        **dict(zip(names, layers, strict=True)),
    }
    path.write_bytes(_layer(*members.items()))
    return path


def _oci(path: Path, layers: list[bytes]) -> Path:
    """Write an OCI layout for two kinds of machine."""

    def blob(data: bytes) -> dict[str, object]:
        target = path / "blobs" / "sha256" / _digest(data).removeprefix("sha256:")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return {"digest": _digest(data), "size": len(data)}

    manifest = {"config": blob(_config(layers)), "layers": [blob(gzip.compress(one)) for one in layers]}
    here = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    entries = [
        blob(json.dumps(manifest).encode()) | {"platform": {"os": "linux", "architecture": here}},
        blob(b"{}") | {"platform": {"os": "linux", "architecture": "other"}},
    ]
    (path / "index.json").write_text(json.dumps({"manifests": entries}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return path


def _changes() -> bytes:
    return _layer(
        ("data/.wh.doomed", b""),
        ("data/old/.wh..wh..opq", b""),
        ("data/old/new", b"new\n"),
        ("etc/made", b"by the layer\n"),
    )


async def _shown(host, root, image: Path, script: str) -> str:
    box = await host.start(replace(root, image=str(image)), Limits())
    return (await box.exec(["/bin/sh", "-c", script])).text


async def test_a_folder(host, root, system):
    shown = await _shown(
        host,
        root,
        system,
        "cat /etc/made readme.txt; ls /usr/bin; touch /usr/bin/x /etc/y 2>&1; echo no > kept; cat kept",
    )
    assert shown.startswith("by hand\nfirst\nsecond\nthird\n")
    assert "python" not in shown
    assert shown.count("Read-only file system") == 2
    assert shown.endswith("no\n")
    assert not (system / "testbed").exists()
    assert not (system / "usr" / "bin" / "x").exists()


@pytest.mark.parametrize("form", ["saved", "oci folder", "oci archive", "exported"])
async def test_every_form_of_an_image(form, host, root, system, tmp_path, home):
    layers = [_tar(system), _changes()]
    if form == "saved":
        image = _saved(tmp_path / "image.tar", layers)
    elif form == "exported":
        image = tmp_path / "image.tar.gz"
        image.write_bytes(gzip.compress(layers[0]))
    else:
        image = _oci(tmp_path / "image", layers)
    if form == "oci archive":
        packed = tmp_path / "image.tar"
        packed.write_bytes(_tar(image))
        image = packed
    shown = await _shown(host, root, image, "ls /data /data/old; cat /etc/made; echo $FROM_IMAGE $PATH")
    if form == "exported":
        assert shown == (
            "/data:\ndoomed\nold\n\n/data/old:\nfile\nby hand\n"
            "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\n"
        )
    else:
        assert shown == "/data:\nold\n\n/data/old:\nnew\nby the layer\na=b /usr/bin\n"
    assert len(list((home / "layers").iterdir())) == (1 if form == "exported" else 2)


async def test_forks_and_snapshots_keep_what_was_written(host, root, system):
    box = await host.start(replace(root, image=str(system)), Limits())
    assert (await box.exec(["/bin/sh", "-c", "echo kept > kept; echo t > /tmp/t"])).ok
    fork = await box.fork()
    assert (await fork.exec(["cat", "kept", "/tmp/t"])).text == "kept\nt\n"


def test_a_shared_layer_is_unpacked_once(system, tmp_path, home):
    first = unpacked(str(_saved(tmp_path / "one.tar", [_tar(system)])), home)
    inode = first.layers[0].stat().st_ino
    second = unpacked(str(_oci(tmp_path / "two", [_tar(system), _changes()])), home)
    assert second.layers[0] == first.layers[0]
    assert second.layers[0].stat().st_ino == inode
    assert len(list(home.iterdir())) == 2


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        ("nowhere.tar", "no file"),
        ("python:3.11", "pulls no images"),
        ("empty", "no root file system"),
        ("text", "cannot be read as an archive"),
        ("other.tar", "holds neither"),
        ("wrong", "damaged"),
    ],
)
async def test_what_is_no_image_is_said(image, complaint, host, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no archive " * 100)
    (tmp_path / "other.tar").write_bytes(_layer(("a", b"b")))
    layout = _oci(tmp_path / "wrong", [_layer(("usr/x", b"right"))])
    blobs = sorted(layout.glob("blobs/sha256/*"), key=lambda file: file.read_bytes()[:2] != b"\x1f\x8b")
    blobs[0].write_bytes(gzip.compress(_layer(("usr/x", b"wrong"))))
    with pytest.raises(ImageError, match=complaint):
        await host.start(replace(root, image=image), Limits())
    assert not list(tmp_path.glob("home/layers/*"))


@pytest.mark.parametrize("digest", ["/", "/etc", "", "sha256:../../x", "sha256:" + "0" * 63])
def test_a_digest_names_no_other_folder(digest, tmp_path):
    config = json.dumps({"rootfs": {"diff_ids": [digest]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode()
    members = (("config.json", config), ("manifest.json", manifest), ("layer.tar", _layer()))
    (tmp_path / "image.tar").write_bytes(_layer(*members))
    with pytest.raises(ImageError, match="damaged"):
        unpacked(str(tmp_path / "image.tar"), tmp_path / "store")


@pytest.mark.parametrize(
    "manifest", ["[]", "[{}]", "{}", "3", "[[]]", '[{"Config": "x", "Layers": []}]', "{"]
)
def test_a_damaged_archive_is_said(manifest, tmp_path):
    (tmp_path / "image.tar").write_bytes(_layer(("manifest.json", manifest.encode())))
    with pytest.raises(ImageError):
        unpacked(str(tmp_path / "image.tar"), tmp_path / "store")


def test_an_index_that_leads_to_itself_is_said(tmp_path):
    layout = tmp_path / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    entry = json.dumps({"manifests": [{"digest": "sha256:self"}]})
    (blobs / "self").write_text(entry)
    (layout / "index.json").write_text(entry)
    (layout / "oci-layout").write_text("{}")
    with pytest.raises(ImageError, match="damaged"):
        unpacked(str(layout), tmp_path / "store")


@pytest.mark.parametrize(
    "members",
    [
        [("../outside/x", b"bad")],
        [("a", "{outside}"), ("a/x", b"bad")],
        [("a", "../outside"), ("a/x", b"bad")],
        [("a", "{outside}"), ("a/.wh.kept", b"")],
    ],
)
def test_a_layer_writes_nowhere_else(members, tmp_path):
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (outside / "kept").write_text("kept")
    named = [
        (name, text.format(outside=outside) if isinstance(text, str) else text) for name, text in members
    ]
    with pytest.raises(ImageError, match="not trusted"):
        unpack_layer(io.BytesIO(_layer(*named)), target)
    assert [file.name for file in outside.iterdir()] == ["kept"]


names = st.lists(st.sampled_from(["a", "b", "..", ".", ".wh.a", ".wh..wh..opq"]), min_size=1, max_size=4)
contents = st.one_of(st.none(), st.just(b"bytes"), st.sampled_from(["..", "/", "a", "../outside", "b/a"]))


@given(st.lists(st.tuples(names.map("/".join), contents), max_size=8))
def test_no_layer_at_all_writes_outside(members):
    with tempfile.TemporaryDirectory() as folder:
        outside, target = Path(folder, "outside"), Path(folder, "target")
        outside.mkdir()
        target.mkdir()
        with suppress(ImageError):
            unpack_layer(io.BytesIO(_layer(*members)), target)
        assert {file.name for file in Path(folder).iterdir()} == {"outside", "target"}
        assert not list(outside.iterdir())


async def test_auto_takes_an_image_that_is_a_file_and_leaves_names_to_docker(
    root, system, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere")
    auto = AutoHost()
    try:
        box = await auto.start(replace(root, image=str(system)), Limits())
        assert (await box.exec(["cat", "/etc/made"])).text == "by hand\n"
        assert auto.name == "daemonless"
    finally:
        await auto.close()
    other = AutoHost()
    with pytest.raises(SandboxUnavailableError, match="no Docker engine answers"):
        await other.start(replace(root, image="python:3.11"), Limits())
    await other.close()
