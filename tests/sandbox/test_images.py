"""Images: pulled from a real registry, built once, removed when they take too much."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from sandbox.base import ImageError
from sandbox.contract.fixtures import IMAGE
from sandbox.docker import images
from sandbox.docker.host import DockerHost
from sandbox.docker.images import Registry, build_image, digest_of, find_image, make_room
from tests.conftest import push

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


@pytest.fixture
def small(engine):
    """A small image of our own that no registry holds yet."""
    made = build_image(engine, IMAGE, ["echo small > /small"])
    yield made
    engine.images.remove(made, force=True)


def test_pulling_by_tag_by_digest_and_through_a_prefix(engine, registry, small):
    push(engine, small, f"{registry}/hub/tests/small:1")
    told: list[str] = []
    found = find_image(engine, "tests/small:1", Registry(prefix=f"{registry}/hub"), told.append)
    assert found == small
    assert any("Downloaded newer image" in line or "up to date" in line for line in told), told
    digest = digest_of(engine, found)
    assert digest.startswith(f"{registry}/hub/tests/small@sha256:")
    engine.images.remove(f"{registry}/hub/tests/small:1")
    assert find_image(engine, digest) == small
    engine.images.remove(digest)


@pytest.mark.parametrize("registry", ["closed"], indirect=True)
def test_a_registry_that_asks_for_a_password(engine, registry, small):
    push(engine, small, f"{registry}/small:1", username="user", password="secret")
    with pytest.raises(ImageError, match=r"cannot be pulled|there is no image"):
        find_image(engine, f"{registry}/small:1")
    found = find_image(engine, f"{registry}/small:1", Registry(username="user", password="secret"))
    assert found == small
    engine.images.remove(f"{registry}/small:1")


def test_trouble_that_may_pass_is_waited_out(engine, monkeypatch):
    monkeypatch.setattr(images, "_FIRST_WAIT", 0.01)
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ImageError, match="cannot be pulled"):
        find_image(engine, f"{nobody}/small:1", tell=told.append)
    assert sum("trying again" in line for line in told) == 4


def test_an_image_that_does_not_exist_is_final(engine, registry):
    told: list[str] = []
    with pytest.raises(ImageError, match="nothing"):
        find_image(engine, f"{registry}/nothing:1", tell=told.append)
    assert not [line for line in told if "trying again" in line]


def test_what_is_built_is_built_once_and_says_why_not(engine, small):
    again = build_image(engine, IMAGE, ["echo small > /small"])
    assert again == small
    other = build_image(engine, IMAGE, ["cat /etc/given > /small"], {"/etc/given": b"given\n"})
    shown = engine.containers.run(other, ["cat", "/small"], remove=True, network_mode="none")
    assert (other != small, shown) == (True, b"given\n")
    with pytest.raises(ImageError, match="no-such-program: not found"):
        build_image(engine, IMAGE, ["no-such-program"])
    with pytest.raises(ImageError):
        build_image(engine, "127.0.0.1:9/no-such-base:1", ["true"])
    engine.images.remove(other, force=True)


def test_room_is_made_from_the_oldest_on(engine, small):
    newer = build_image(engine, IMAGE, ["echo newer > /newer"])
    size = engine.images.get(small).attrs["Size"]
    told: list[str] = []
    assert make_room(engine, 10**15, tell=told.append) == 0
    others = [one.id for one in engine.images.list(name="mangabey/built")]
    assert make_room(engine, 0, keep=[one for one in others if one != newer], tell=told.append) >= size // 2
    left = [one.id for one in engine.images.list(name="mangabey/built")]
    assert (small in left, newer in left) == (True, False)


async def test_what_was_made_of_a_built_image_is_not_taken_for_it(engine, root):
    built = build_image(engine, IMAGE, ["echo clean > /clean"])
    host = DockerHost()
    try:
        box = await host.start(replace(root, image=built))
        assert (await box.exec("echo infected > /clean", user="root")).ok
        await box.snapshot()
        assert build_image(engine, IMAGE, ["echo clean > /clean"]) == built
    finally:
        await host.close()
        engine.images.remove(built, force=True)
