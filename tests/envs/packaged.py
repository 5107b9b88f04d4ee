from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import docker
import pytest

from sandbox.contract.fixtures import IMAGE


@contextmanager
def image_of(name: str, *added: tuple[Path, str], changes: tuple[str, ...] = ()) -> Iterator[str]:
    """Make an image of folders by their places, with pytest for its Python; it is removed in the end."""
    from tests.conftest import docker_missing

    if docker_missing():
        pytest.skip(docker_missing())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in _packages():
            tar.add(path, f"usr/local/lib/python3.11/dist-packages/{path.name}")
        python = tarfile.TarInfo("usr/local/bin/python")
        python.type, python.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
        tar.addfile(python)
        for path, place in added:
            tar.add(path, place)
    client = docker.from_env(timeout=60)
    container = client.containers.create(IMAGE, ["sleep", "60"])
    container.put_archive("/", packed.getvalue())
    container.commit(*name.split(":"), changes=[*changes, 'CMD ["/bin/bash"]'])
    container.remove(force=True)
    yield name
    client.images.remove(name, force=True)
    client.close()


def _packages() -> Iterator[Path]:
    """Return what the pytest that runs this test consists of, which an image's Python can run too."""
    for name in ("pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        files = distribution(name).files
        for top in sorted({file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}):
            yield Path(distribution(name).locate_file(top))
