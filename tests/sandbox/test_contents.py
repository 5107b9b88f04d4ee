"""What is taken out of an image, layers made on one, and trees put into a container."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from envs.history import seal_history
from sandbox.base import ImageError, PatchError, Root
from sandbox.contract.fixtures import IMAGE, LIMITS
from sandbox.docker.contents import take_folder
from sandbox.docker.images import environment_of
from sandbox.docker.layering import Layer, layered

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


@pytest.fixture
def odd(engine):
    """An image with a folder of everything a tar can hold, and settings of its own."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:

        def add(name, kind=tarfile.REGTYPE, link="", data=b""):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size, member.mode = kind, link, len(data), 0o755
            tar.addfile(member, io.BytesIO(data))

        add("odd", tarfile.DIRTYPE)
        add("odd/plain", data=b"text")
        add("odd/hard", tarfile.LNKTYPE, "odd/plain")
        add("odd/out", tarfile.SYMTYPE, "/etc")
        add("odd/up", tarfile.SYMTYPE, "../../../../../../tmp")
        add("odd/pipe", tarfile.FIFOTYPE)
        add("file", data=b"no folder")
        add("way", tarfile.SYMTYPE, "/odd")
    container = engine.containers.create(IMAGE, ["true"])
    container.put_archive("/", packed.getvalue())
    changes = ["ENV KEPT=yes", 'CMD ["my", "command"]', 'ENTRYPOINT ["/entry"]', "USER 1000:1000"]
    image = container.commit("mangabey/test-odd", changes=changes)
    container.remove(force=True)
    yield image.id
    engine.images.remove(image.id, force=True)


def test_a_folder_is_taken_out_of_an_image(engine, odd, tmp_path):
    found = take_folder(engine, odd, "/odd", tmp_path)
    assert found.parent == tmp_path
    assert (found / "plain").read_bytes() == (found / "hard").read_bytes() == b"text"
    assert (found / "out").readlink().as_posix() == "/etc"
    assert (found / "up").is_symlink()
    assert not (found / "pipe").exists()


@pytest.mark.parametrize("path", ["/missing", "/file", "/way"])
def test_what_is_no_folder_is_said(engine, odd, tmp_path, path):
    with pytest.raises(ImageError, match=f"no folder.*{path}|{path}.*no folder"):
        take_folder(engine, odd, path, tmp_path)


def test_a_layer_on_an_image_that_starts_nothing_starts_what_it_is_given(engine):
    made = layered(engine, IMAGE, Layer("echo x > /made-for-a-test"))
    config = engine.images.get(made).attrs["Config"]
    assert not config["Entrypoint"]
    assert engine.containers.run(made, ["cat", "/made-for-a-test"], remove=True) == b"x\n"
    engine.images.remove(made, force=True)


def test_an_image_that_is_not_there(engine, tmp_path):
    with pytest.raises(ImageError, match="no-such-image"):
        take_folder(engine, "no-such-image:1", "/odd", tmp_path)


def test_a_layer_is_made_once_and_starts_as_its_base(engine, odd, tmp_path):
    (tmp_path / "lent").write_text("lent\n")
    layer = Layer(
        "cat /mnt/lent > /made; echo $SECRET >> /made", {"/mnt/lent": tmp_path / "lent"}, {"SECRET": "x"}
    )
    made = layered(engine, odd, layer)
    assert layered(engine, odd, replace(layer, env={"SECRET": "y"})) == made
    before, after = (engine.images.get(one).attrs["Config"] for one in (odd, made))
    assert [after[key] for key in ("Cmd", "Entrypoint", "User")] == [
        ["my", "command"],
        ["/entry"],
        "1000:1000",
    ]
    assert environment_of(engine, made) == environment_of(engine, odd)
    assert "SECRET" not in str(after)
    assert "/mnt/lent" not in str(after)
    assert before["Env"] == after["Env"]
    shown = engine.containers.run(made, ["-c", "cat /made; cat /mnt/lent"], entrypoint="/bin/sh", detach=True)
    shown.wait()
    assert shown.logs(stderr=False) == b"lent\nx\n"
    shown.remove(force=True)
    engine.images.remove(made, force=True)


def test_a_layer_whose_command_fails_is_one_line(engine):
    with pytest.raises(ImageError, match=r"cannot be built: second$") as error:
        layered(engine, IMAGE, Layer("echo first\necho second >&2\nfalse\necho third"))
    assert "\n" not in str(error.value)


@pytest.fixture
def sealed(repository, tmp_path):
    """A root whose tree's own packs are those of the repository behind it."""
    git_dir, tree = tmp_path / "git", tmp_path / "tree"
    seal_history(repository.git_dir, repository.base_commit, git_dir, tree)
    return Root(tree, git_dir, repository.base_commit, image=IMAGE)


async def test_packs_are_shared_and_git_works(host, sealed):
    room = await host.start(sealed, LIMITS)
    told = await room.exec(
        "ls .git/objects/pack | wc -l; git log --format=%s; git describe --always --abbrev=4 | wc -l;"
        "git fsck --full --no-progress; git status --porcelain; git commit -q --allow-empty -m mine &&"
        "git log --format=%s | wc -l",
        env={
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a",
        },
    )
    assert told.text.split() == ["0", "base", "1", "2"], told.text
    assert await room.diff() == ""


async def test_a_roots_room_is_roots_without_capabilities(host, sealed):
    room = await host.start(replace(sealed, user="root"), LIMITS)
    told = await room.exec("id -u; stat -c %u . readme.txt .git; grep CapEff /proc/self/status; echo ~")
    assert told.text.split() == ["0", "0", "0", "0", "CapEff:", "0000000000000000", "/root"]
    await room.write("new/file.txt", b"new\n")
    assert (await room.exec("stat -c %u new/file.txt; git status --porcelain")).text == "0\n?? new/\n"
    patch = await room.diff()
    await room.exec("rm -r new")
    await room.apply_patch(patch)
    assert await room.read("new/file.txt") == b"new\n"
    with pytest.raises(PatchError):
        await room.apply_patch(patch)
    assert (await room.exec("id -u; touch readme.txt", user="agent")).text.split()[0] == "1000"


async def test_a_root_without_setpriv_is_the_agent(host, sealed, engine):
    plain = layered(engine, IMAGE, Layer("rm -f /usr/bin/setpriv /bin/setpriv"))
    room = await host.start(replace(sealed, image=plain, user="root"), LIMITS)
    assert (await room.exec("id -u; stat -c %u readme.txt")).text == "1000\n1000\n"
    await room.write("file.txt", b"new\n")
    assert "file.txt" in await room.diff()
