"""What becomes of sandboxes when the engine itself fails; each test has an engine of its own."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import shutil
import signal
import ssl
import subprocess
import tarfile
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox.base import Limits, SandboxError, SandboxGoneError, SandboxUnavailableError
from sandbox.docker.vessel import connect
from tests.sandbox.small import small_system

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the SDK leaves refused sockets to the collector
]
SMALL = "mangabey/small:1"


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture
def image():
    return SMALL


@dataclass
class Engine:
    """A dockerd whose data lie in a folder in memory."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/socket"

    def start(self) -> None:
        # in a network of its own: without a bridge, it would remove that of the machine's own engine
        command = [
            "unshare",
            "--net",
            "dockerd",
            "--data-root",
            f"{self.folder}/data",
            "--exec-root",
            f"{self.folder}/exec",
        ]
        command += ["--pidfile", f"{self.folder}/pid", "--bridge", "none", "--iptables=false"]
        command += ["--config-file", f"{self.folder}/none.json", "-H", self.address]
        (self.folder / "none.json").write_text("{}")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(300):
            with suppress(SandboxUnavailableError):
                connect().close()
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        if how is signal.SIGKILL:
            noted = self.folder / "exec" / "containerd" / "containerd.pid"
            os.kill(int(noted.read_text()), how)
            noted.unlink()
        self.process.wait(30)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A small image as `docker import` takes it."""
    programs = ("sh", "cat", "ls", "env", "rm", "dd", "mkfifo", "setsid", "setpriv", "sleep", "true")
    folder = small_system(tmp_path_factory.mktemp("small"), *programs)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(folder, ".")
    return archive.getvalue()


@pytest.fixture
def engine(tmp_path_factory, packed, needs_docker, monkeypatch):
    """An engine of 96 MB, which DOCKER_HOST names."""
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.skip("an engine of one's own needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="engine-"))  # sockets must have short names
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "engine", folder], check=True)
    engine = Engine(folder)
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    try:
        engine.start()
        client = connect()
        client.api.import_image_from_data(packed, repository=SMALL.split(":")[0], tag="1")
        client.close()
        yield engine
    finally:
        engine.stop()
        subprocess.run(["umount", "-R", "-l", folder], check=True)
        folder.rmdir()
        gc.collect()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restarted_engine(how, engine, host, root):
    box = await host.start(root, Limits())
    assert (await box.exec(["cat", "readme.txt"])).ok
    engine.stop(how)
    with pytest.raises(SandboxGoneError):
        await box.exec(["true"])
    assert not await box.alive()
    with pytest.raises(SandboxError, match="engine"):
        await host.start(root, Limits(processes=99))
    engine.start()
    fresh = await host.start(root, Limits())
    assert (await fresh.exec(["cat", "readme.txt"])).text.startswith("first")


async def test_a_full_disk(engine, host, root):
    box = await host.start(root, Limits(disk=1 << 30))
    filled = await box.exec(["/bin/sh", "-c", "cat /dev/zero > filler"])
    assert "No space left on device" in filled.text
    with pytest.raises(SandboxError, match="space") as caught:
        await box.snapshot()
    assert "\n" not in str(caught.value)
    with pytest.raises(SandboxError, match="space"):
        await host.start(replace(root, env={"other": "root"}), Limits(processes=98))
    assert (await box.exec(["rm", "filler"])).ok
    frozen = await box.snapshot()
    again = await host.start(frozen, Limits(disk=1 << 30))
    assert (await again.exec(["cat", "readme.txt"])).ok


@pytest.fixture
def keys(tmp_path):
    """A folder with a certificate that is everybody's: the authority's, the engine's and the client's."""
    if not shutil.which("openssl"):
        pytest.skip("certificates need openssl")
    made = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-newkey", "rsa:2048", "-nodes"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-days", "1", "-subj", "/CN=engine"]
    subprocess.run(["openssl", "req", "-x509", *made], check=True, capture_output=True)
    shutil.copy(tmp_path / "cert.pem", tmp_path / "ca.pem")
    return tmp_path


@pytest.fixture
async def encrypted(engine, keys, monkeypatch):
    """The same engine behind TCP and TLS, as DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say it."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # the SDK would prefer them to the engine's own
        monkeypatch.delenv(name, raising=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")

    joining = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        joining.add(asyncio.current_task())
        plain = await asyncio.open_unix_connection(str(engine.folder / "socket"))
        with suppress(ExceptionGroup, asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                group.create_task(_carry(plain[0], writer))
                group.create_task(_carry(reader, plain[1]))
        for end in (writer, plain[1]):
            end.transport.abort()

    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(keys))
    yield
    server.close()
    for task in joining:
        task.cancel()
    await asyncio.gather(*joining)


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Carry bytes until the source ends."""
    while data := await source.read(1 << 16):
        target.write(data)
        await target.drain()
    target.close()


@pytest.mark.usefixtures("encrypted")
async def test_an_engine_behind_tls(host, root):
    box = await host.start(root, Limits())
    for _ in range(20):
        assert (await box.exec(["cat", "readme.txt"])).text.startswith("first")
    much = bytes(range(256)) * 8192
    assert (await box.exec(["cat"], stdin=much, output=1 << 24)).output == much
    await box._vessel.line.close()
    assert (await box.exec(["cat", "readme.txt"])).ok
