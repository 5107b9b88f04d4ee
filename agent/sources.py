"""Fetch many source files out of a sandbox in one go."""

from __future__ import annotations

import io
import re
import shlex

from sandbox.base import Sandbox, SandboxFileError

FILE = 2 << 20
"""Bytes of the largest file that is fetched; what is larger was not written by hand."""
TOTAL = 60 << 20
"""Bytes fetched at most, archive headers included."""

_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")

_FETCH = """
archive=$(mktemp) || exit 1
exec 2>/dev/null
{{ git -c safe.directory='*' ls-files -z --cached --others --exclude-standard -- {patterns} ||
  find . -path ./.git -prune -o -type f '(' {paths} ')' -print0; }} |
  sed -z 's,^\\./,,; s,^,./,' |
  xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 -type f -size -{blocks} -print0' sh |
  {narrow} |
  tar --null --no-recursion --ignore-failed-read -T - -cf - | head -c {total} > "$archive"
printf '%s' "$archive"
"""


async def fetch(sandbox: Sandbox, patterns: tuple[str, ...], holding: str = "") -> dict[str, str]:
    """Return the repository's text files that match any of the shell patterns, by path, sorted.

    Ignored, huge and binary ones are left out.

    Args:
        sandbox: where the repository is.
        patterns: as git's `ls-files` takes them; `*` matches `/` too.
        holding: only files with this text in them, upper or lower case.

    Raises:
        SandboxGoneError: the sandbox is gone.
    """
    script = _FETCH.format(
        patterns=" ".join(shlex.quote(pattern) for pattern in patterns),
        paths=" -o ".join(f"-path {shlex.quote('./' + pattern)}" for pattern in patterns),
        narrow=f"xargs -0 -r grep -lZiF -e {shlex.quote(holding)} --" if holding else "cat",
        blocks=FILE // 512 + 1,
        total=TOTAL,
    )
    archive = (await sandbox.exec(script, timeout=120)).text.strip()
    if not archive.startswith("/"):
        return {}
    try:
        data = await sandbox.read(archive)
    except SandboxFileError:
        return {}
    await sandbox.exec(["rm", "-f", "--", archive], timeout=30)
    return unpack(data)


def unpack(data: bytes) -> dict[str, str]:
    """Return the text files of a tar archive, which may be cut off, by path, sorted."""
    import tarfile

    files: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                raw = content.read() if content else b""
                if content and len(raw) == member.size and b"\0" not in raw:
                    files[member.name.removeprefix("./")] = as_text(raw)
    except (tarfile.TarError, EOFError):
        pass  # the archive was cut at the limit: what was read so far counts
    return dict(sorted(files.items()))


def as_text(raw: bytes) -> str:
    """Return a Python file's text in the encoding it declares, else UTF-8; never fails."""
    for line in raw.split(b"\n", 2)[:2]:
        if found := _CODING.match(line):
            try:
                return raw.decode(found.group(1).decode("ascii"))
            except (LookupError, UnicodeError):
                break
    return raw.decode("utf-8-sig", "replace")
