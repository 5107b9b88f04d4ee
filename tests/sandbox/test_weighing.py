from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.docker.images import Registry, whole_name
from sandbox.docker.weighing import told_size

INDEX = {
    "manifests": [
        {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:amd", "platform": {"os": "linux", "architecture": "amd64"}},
    ]
}
MANIFESTS = {
    "one/image/manifests/latest": {"layers": [{"size": 30}, {"size": 12}]},
    "many/manifests/1.2": INDEX,
    "many/manifests/sha256:arm": {"layers": [{"size": 5}]},
    "many/manifests/sha256:amd": {"layers": [{"size": 7}]},
    "odd/manifests/latest": {"nothing": "here"},
}


class Answers(BaseHTTPRequestHandler):
    """A registry that wants a token for everything, and gives one to who asks for the right scope."""

    def do_GET(self):
        host = f"http://127.0.0.1:{self.server.server_port}"
        if self.path.startswith("/token?"):
            self.give(200, {"token": "secret"})
        elif self.headers.get("Authorization") != "Bearer secret":
            self.give(401, {}, f'Bearer realm="{host}/token",service="here",scope="repository:x:pull"')
        elif found := MANIFESTS.get(self.path.removeprefix("/v2/")):
            self.give(200, found)
        else:
            self.give(404, {})

    def give(self, code, data, challenge=""):
        body = json.dumps(data).encode()
        self.send_response(code)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def host():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_layers_of_an_image_are_added_up(host):
    assert told_size(f"{host}/one/image", Registry()) == 42


def test_an_image_for_many_platforms_is_that_of_the_one_asked_for(host):
    assert told_size(f"{host}/many:1.2", Registry(platform="linux/arm64/v8")) == 5
    assert told_size(f"{host}/many:1.2", Registry(platform="linux/amd64")) == 7
    with pytest.raises(ValueError, match="no image for linux/s390x"):
        told_size(f"{host}/many:1.2", Registry(platform="linux/s390x"))


def test_what_a_registry_does_not_tell_is_an_error_that_can_be_caught(host):
    with pytest.raises(OSError):
        told_size(f"{host}/gone:1", Registry())
    with pytest.raises(ValueError, match="no manifest"):
        told_size(f"{host}/odd", Registry())


@pytest.mark.parametrize("name", ["https://mirror.example.org/a:1", "mirror host/a:1", "localhost:5x/a:1"])
def test_a_name_that_is_none_is_such_an_error_too(name):
    with pytest.raises(ValueError):
        told_size(name, Registry())


def test_so_is_an_answer_that_is_not_http():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            line, _ = server.accept()
            with line:
                line.recv(1000)
                line.sendall(b"\x15\x03\x03\x00\x02\x02\x50\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ValueError, match="cannot be asked"):
            told_size(f"127.0.0.1:{server.getsockname()[1]}/a:1", Registry())


def test_a_name_is_whole_with_its_tag_and_without_the_usual_registry():
    assert [whole_name(name) for name in ("a/b", "docker.io/a/b:1", "docker.io/library/c", "h:5/a")] == [
        "a/b:latest",
        "a/b:1",
        "c:latest",
        "h:5/a:latest",
    ]
