"""How pip in a container reaches the packages that pip on the host reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_ALWAYS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_FILES = frozenset({"cert", "client-cert", "constraint", "find-links", "index-url", "extra-index-url"})
_ELSEWHERE = frozenset(
    {
        *("constraint", "find-links", "prefix", "python", "root", "src", "target", "user"),
        *("cache-dir", "config-file", "log"),
    }
)
"""Settings about the host's own packages and folders that would be wrong for another Python."""


@dataclass(frozen=True, slots=True)
class PipSettings:
    """What pip in a container is given: variables, and host files by their path inside."""

    env: Mapping[str, str]
    mounts: Mapping[str, Path]


def pip_settings() -> PipSettings:
    """Return the host's settings of pip, its certificates and proxies, as a container can use them."""
    settings = dict(_settings())
    env = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    env |= {name: os.environ[name] for name in _PROXIES if name in os.environ}
    mounts = {path: Path(path) for name in _FILES for path in _paths(settings.get(name, ""))}
    certificates = Path(settings.get("cert") or os.environ.get("SSL_CERT_FILE") or _CERTIFICATES)
    if certificates.is_file():
        mounts[_CERTIFICATES] = certificates
        env["PIP_CERT"] = _CERTIFICATES
    return PipSettings(env | {**_ALWAYS}, mounts)


def _settings() -> Iterator[tuple[str, str]]:
    """Yield each setting by pip's own precedence: files first, the environment last."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, errors="replace"
    )
    for line in sorted(done.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name not in _ELSEWHERE:
            yield name, " ".join(value.strip().strip("'\"").replace("\\n", " ").split())


def _paths(value: str) -> Iterator[str]:
    """Yield the files and folders of this machine that a setting names."""
    for word in value.split():
        parts = urlsplit(word)
        path = url2pathname(parts.path) if parts.scheme == "file" else word if word.startswith("/") else ""
        if path and Path(path).exists():
            # an index in a folder `simple` names its files relative to the folder above
            yield str(Path(path).parent) if Path(path.rstrip("/")).name == "simple" else path
