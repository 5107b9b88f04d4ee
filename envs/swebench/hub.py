"""Whether the hub can be reached at all, before a library tries again and again."""

from __future__ import annotations

import os
import socket
import urllib.request
from urllib.parse import urlsplit

ENDPOINT = "HF_ENDPOINT"
"""Environment variable by which `huggingface_hub` has another address of the hub."""
_HUB = "https://huggingface.co"
_SECONDS = 8.0
"""A connection that is lost is tried again after 1, 3 and 7 s by the kernel, on whatever slow line."""
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def is_reachable() -> bool:
    """Whether the hub, or the proxy before it, takes a connection."""
    hub = urlsplit(os.environ.get(ENDPOINT) or _HUB)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(hub.scheme) or proxies.get("all") or ""
    asked = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else hub
    if proxy and urllib.request.proxy_bypass(hub.hostname or ""):
        asked = hub
    try:
        address = (asked.hostname or "", asked.port or _PORTS.get(asked.scheme, 443))
        socket.create_connection(address, timeout=_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True
