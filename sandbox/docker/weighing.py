"""How much there is of an image, as its registry tells before it is pulled; everything here blocks."""

from __future__ import annotations

import base64
import json
import platform
import re
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from sandbox.docker.images import Registry

UNPACKED = 2.5
"""Bytes on disk for one of a compressed layer, roughly."""
_HUB = {"docker.io": "registry-1.docker.io"}
_HERE = re.compile(r"(localhost|127\.[\d.]+)(:\d+)?")
"""Registries that an engine asks without encryption unless told otherwise."""
_PATIENCE = 10.0
_LARGEST = 4 << 20
"""Bytes of an answer."""
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


def told_size(image: str, registry: Registry) -> int:
    """Return the bytes of an image's layers as they are sent, by the registry HTTP API (OCI distribution).

    Args:
        image: its full name.
        registry: whose name, password and platform count.

    Raises:
        OSError: the registry cannot be reached, or refuses.
        ValueError: its answer cannot be read, or the name is none.
    """
    from docker.auth import resolve_repository_name
    from docker.errors import InvalidRepository
    from docker.utils import parse_repository_tag

    try:
        index, remote = resolve_repository_name(image)
    except InvalidRepository as error:
        raise ValueError(str(error)) from error
    name, reference = parse_repository_tag(remote)
    host = _HUB.get(index, index)
    if host != index and "/" not in name:
        name = f"library/{name}"
    place = f"{'http' if _HERE.fullmatch(host) else 'https'}://{host}/v2/{name}/manifests"
    try:
        found = _manifest(f"{place}/{reference or 'latest'}", registry)
        if "manifests" in found:
            found = _manifest(f"{place}/{_ours(found['manifests'], registry.platform)}", registry)
        return sum(int(layer["size"]) for layer in found["layers"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{host} answers with no manifest of {image}") from error


def _ours(manifests: list[Mapping[str, Any]], wanted: str) -> str:
    """Return the digest of the manifest for a platform, this machine's where none is named."""
    system, _, rest = (wanted or f"linux/{_MACHINES.get(platform.machine(), 'amd64')}").partition("/")
    for one in manifests:
        told = one.get("platform", {})
        if (told.get("os"), told.get("architecture")) == (system, rest.partition("/")[0]):
            return str(one["digest"])
    raise ValueError(f"there is no image for {system}/{rest}")


def _manifest(url: str, registry: Registry) -> Mapping[str, Any]:
    try:
        found = _ask(url, {"Accept": _TYPES})
    except HTTPError as error:
        challenge = error.headers.get("WWW-Authenticate", "")
        if error.code != 401:
            raise
        found = _ask(url, {"Accept": _TYPES, "Authorization": _authorization(challenge, registry)})
    return dict(found)


def _authorization(challenge: str, registry: Registry) -> str:
    """Return what answers a registry's challenge: name and password, or a token that is had for them."""
    pair = base64.b64encode(f"{registry.username}:{registry.password}".encode()).decode()
    basic = f"Basic {pair}"
    if not challenge.lower().startswith("bearer"):
        return basic
    told = dict(_CHALLENGE.findall(challenge))
    query = urlencode({key: told[key] for key in ("service", "scope") if key in told})
    given = {"Authorization": basic} if registry.username else {}
    token = _ask(f"{told['realm']}?{query}", given)
    return f"Bearer {token.get('token') or token['access_token']}"


def _ask(url: str, headers: Mapping[str, str]) -> Any:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url} is no address of the web")
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 (checked above)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            return json.loads(answer.read(_LARGEST))
    except HTTPException as error:
        raise ValueError(f"{url} cannot be asked: {type(error).__name__}") from error
