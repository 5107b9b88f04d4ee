"""Source releases of packages, fetched with pip, checked, and unpacked under the cache folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from envs.cache import build_once
from envs.clean_environment import clean_environment
from envs.task import TaskError

_LARGEST_UNPACKED = 2 << 30


def fetch_sdist(package: str, version: str, sha256: str, home: Path) -> Path:
    """Return the folder that holds an unpacked source release; downloaded at the first call.

    pip compares the digest before it looks at what it downloaded.

    Raises:
        TaskError: pip cannot get it, or it is not the archive of that digest.
    """

    def build(folder: Path) -> None:
        archive = _download(package, version, sha256, folder / "archive")
        _unpack(archive, folder / "tree")

    return build_once(home / "sdists" / f"{package}-{version}-{sha256[:16]}", build) / "tree"


def pip(*arguments: str) -> None:
    """Run the pip of this interpreter; build scripts that it runs see no key of the user's.

    Raises:
        TaskError: it failed; the message is its last meaningful line.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=clean_environment(),
    )
    if done.returncode:
        raise TaskError(f"pip failed: {pip_complaint(done.stderr + done.stdout)}")


def pip_complaint(output: str) -> str:
    """Return the line of pip's output that says best what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        return f"{sys.executable} has no pip; run: {sys.executable} -m ensurepip"
    grave = [line for line in lines if line.startswith("ERROR:") and "Could not find a version" not in line]
    return (grave or lines or ["it said nothing"])[-1].removeprefix("ERROR: ")


def _download(package: str, version: str, sha256: str, folder: Path) -> Path:
    folder.mkdir()
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
    options = ["--quiet", "--no-deps", "--no-binary", package, "--require-hashes", "--dest", str(folder)]
    try:
        pip("download", *options, "--requirement", str(wanted))
    except TaskError as error:
        raise TaskError(f"{package} {version} cannot be downloaded; {error}") from error
    found = [path for path in folder.iterdir() if path != wanted]
    if len(found) != 1 or hashlib.sha256(found[0].read_bytes()).hexdigest() != sha256:
        raise TaskError(f"{package} {version}: pip did not get the source archive of that digest")
    return found[0]


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        if archive.suffix == ".zip":
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise TaskError(f"{archive.name} cannot be unpacked: {error}") from error


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        _bound(sum(member.size for member in members))
        if hasattr(tarfile, "data_filter"):
            tar.extractall(folder, members, filter="data")
        else:  # Python before 3.11.4: plain files and folders inside, no links
            tar.extractall(folder, [member for member in members if _is_plain(member)])  # noqa: S202 (checked)


def _is_plain(member: tarfile.TarInfo) -> bool:
    outside = member.name.startswith("/") or ".." in Path(member.name).parts
    return (member.isfile() or member.isdir()) and not outside


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        _bound(sum(info.file_size for info in zipped.infolist()))
        zipped.extractall(folder)  # noqa: S202 (zipfile keeps members inside, and makes no links)


def _bound(size: int) -> None:
    if size > _LARGEST_UNPACKED:
        raise ValueError(f"it unpacks to {size >> 20} MiB")
