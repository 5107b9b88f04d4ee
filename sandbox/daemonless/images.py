"""Images that a sandbox without a daemon starts from: a folder, or an archive that is unpacked once.

Taken are a folder with a whole root file system (as debootstrap makes one), an archive of `docker save` or
`docker export`, and an OCI layout as folder or archive (as skopeo and buildah make them).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sandbox.base import ImageError
from sandbox.daemonless.layers import unpack_layer

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DEEPEST = 4
"""Indexes that lead to each other before the image."""
_DAMAGED = (EOFError, KeyError, AttributeError, TypeError, OverflowError, ValueError, zlib.error)
"""What reading a file raises that is not what it should be."""

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class UnpackedImage:
    """A root file system as folders, the lowest first, and the environment that the image asks for."""

    layers: tuple[Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Packed:
    """An image in an archive: its configuration, and what opens each layer, the lowest first."""

    config: Mapping[str, Any]
    layers: Sequence[Opener]


def is_local(image: str) -> bool:
    """Whether an image's name is that of something on this machine's disk."""
    return ("/" in image or ".tar" in image) and Path(image).exists()


def unpacked(image: str, store: Path) -> UnpackedImage:
    """Return an image's folders; a layer is unpacked into the store once, whichever images share it.

    Args:
        image: a path.
        store: where layers are kept, a folder each, named by the digest of what is in it.

    Raises:
        ImageError: there is no image in one of the forms, it is for another kind of machine, or damaged.
    """
    path = Path(image)
    if not path.exists():
        raise ImageError(
            f"the daemonless sandbox pulls no images and there is no file {image}; name a folder, a "
            "`docker save` archive or an OCI layout, or use --sandbox docker"
        )
    if path.is_dir() and not (path / "oci-layout").exists():
        if not (path / "usr").is_dir():
            raise ImageError(f"{image} holds no root file system (there is no usr in it) and no OCI layout")
        return UnpackedImage((path.resolve(),))
    try:
        return _unpacked(path, store)
    except _DAMAGED as error:
        raise ImageError(f"{image} is damaged: {type(error).__name__}: {error}"[:200]) from error


def _unpacked(path: Path, store: Path) -> UnpackedImage:
    with ExitStack() as stack:
        packed = _from_folder(path) if path.is_dir() else _from_archive(path, stack)
        digests = packed.config.get("rootfs", {}).get("diff_ids", [])
        if len(digests) != len(packed.layers):
            raise ImageError(
                f"{path} is damaged: it names {len(digests)} layers and holds {len(packed.layers)}"
            )
        layers = tuple(
            _kept(str(digest), layer, store) for digest, layer in zip(digests, packed.layers, strict=True)
        )
    entries = (packed.config.get("config") or {}).get("Env") or []
    return UnpackedImage(layers, dict(entry.split("=", 1) for entry in entries if "=" in entry))


def _kept(digest: str, layer: Opener, store: Path) -> Path:
    """Return a layer's folder, unpacked when it is not there; what is cut short leaves no folder."""
    if not _DIGEST.fullmatch(digest):
        raise ImageError(f"the image is damaged: {digest[:80]!r} is no digest of a layer")
    owner = "" if os.geteuid() == 0 else "-user"
    folder = store / f"{digest.removeprefix('sha256:')}{owner}"
    if folder.is_dir():
        return folder
    store.mkdir(mode=0o700, parents=True, exist_ok=True)  # there may be programs in it with root's rights
    store.chmod(0o700)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=store))
    try:
        content = making / "content"
        content.mkdir(0o755)
        with layer() as packed, _uncompressed(packed) as stream:
            hashed = _Hashed(stream)
            unpack_layer(hashed, content)  # type: ignore[arg-type]
        if hashed.digest != digest:
            raise ImageError(f"a layer is damaged: it should be {digest} and is {hashed.digest}")
        try:
            content.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was faster
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


class _Hashed:
    """A stream that knows the digest of all that was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data


def _uncompressed(packed: IO[bytes]) -> IO[bytes]:
    start = packed.read(4)
    packed.seek(0)
    if start.startswith(_ZSTD):
        raise ImageError(
            "the image's layers are packed with zstd; make it with `docker save`, or pack it with gzip"
        )
    return gzip.open(packed) if start.startswith(_GZIP) else packed  # type: ignore[return-value]


def _from_folder(path: Path) -> _Packed:
    def opener(name: str) -> Opener:
        return lambda: (path / name).open("rb")

    return _oci(opener, str(path))


def _from_archive(path: Path, stack: ExitStack) -> _Packed:
    try:
        archive = stack.enter_context(tarfile.open(path))  # noqa: SIM115 (the stack closes it)
        names = {name.removeprefix("./"): name for name in archive.getnames()}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ImageError(f"{path} cannot be read as an archive: {error}") from error

    def opener(name: str) -> Opener:
        def opened() -> AbstractContextManager[IO[bytes]]:
            try:
                found = archive.extractfile(names[name])
            except KeyError:
                found = None
            if found is None:
                raise ImageError(f"{path} is damaged: {name} is missing")
            return found

        return opened

    if "manifest.json" in names:
        return _saved(opener, str(path))
    if "oci-layout" in names:
        return _oci(opener, str(path))
    if "usr" in names or "bin" in names:
        return _exported(path)
    raise ImageError(f"{path} holds neither an image nor a root file system")


def _saved(opener: Callable[[str], Opener], where: str) -> _Packed:
    images = _json(opener("manifest.json"), where)
    if len(images) != 1:
        raise ImageError(f"{where} holds {len(images)} images; save one")
    [image] = images
    return _Packed(_json(opener(image["Config"]), where), [opener(name) for name in image["Layers"]])


def _oci(opener: Callable[[str], Opener], where: str) -> _Packed:
    def blob(descriptor: Mapping[str, Any]) -> Opener:
        return opener("blobs/" + str(descriptor["digest"]).replace(":", "/", 1))

    found = _json(opener("index.json"), where)
    for _ in range(_DEEPEST):
        if "manifests" not in found:
            break
        ours = [entry for entry in found["manifests"] if _runs_here(entry.get("platform"))]
        if len(ours) != 1:
            raise ImageError(f"{where} holds {len(ours)} images for this machine; it should hold one")
        found = _json(blob(ours[0]), where)
    return _Packed(_json(blob(found["config"]), where), [blob(layer) for layer in found["layers"]])


def _runs_here(wanted: Mapping[str, str] | None) -> bool:
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return wanted is None or (wanted.get("os") == "linux" and wanted.get("architecture") == here)


def _exported(path: Path) -> _Packed:
    with path.open("rb") as packed, _uncompressed(packed) as stream:
        digest = hashlib.sha256()
        while piece := stream.read(_PIECE):
            digest.update(piece)
    config = {"rootfs": {"diff_ids": [f"sha256:{digest.hexdigest()}"]}}
    return _Packed(config, [lambda: path.open("rb")])


def _json(opened: Opener, where: str) -> Any:
    try:
        with opened() as file:
            return json.load(file)
    except (ValueError, OSError) as error:
        raise ImageError(f"{where} is damaged: {error}") from error
