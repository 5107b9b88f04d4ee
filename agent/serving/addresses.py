"""Addresses to listen on, and whether somebody answers there."""

from __future__ import annotations

import asyncio
import errno
import socket

from agent.serving.errors import OrderError

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def base_url(host: str, port: int) -> str:
    """Return the address by which this machine reaches what listens on `host` and `port`."""
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def require_free(host: str, port: int) -> None:
    """Make sure that a port can be listened on.

    Raises:
        OrderError: somebody listens there, it is forbidden, or the address is not this machine's.
    """
    try:
        _listener(host, port).close()
    except socket.gaierror:
        raise OrderError(f"--host {host} is no address of this machine") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OrderError(f"port {port} of {host} is in use; choose another with --port") from None
        raise OrderError(
            f"cannot listen on port {port} of {host} ({error.strerror}); choose another"
        ) from None


def free_ports(count: int) -> tuple[int, ...]:
    """Return so many free ports of the loopback address, each another one."""
    listeners = [_listener("127.0.0.1", 0) for _ in range(count)]
    try:
        return tuple(listener.getsockname()[1] for listener in listeners)
    finally:
        for listener in listeners:
            listener.close()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def is_healthy(url: str, seconds: float) -> bool:
    """Return whether `url`/health answers 200 within some seconds."""
    return await fetched(url, "/health", seconds) is not None


async def fetched(url: str, path: str, seconds: float) -> bytes | None:
    """Return what a server of this machine has at a path, None where it does not answer 200 in time."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            try:
                # version 1.0, so that the body comes as it is and ends with the connection
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                return body if head.split()[1:2] == [b"200"] else None
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None
