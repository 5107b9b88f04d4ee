"""Tasks in images: one made on the spot, as published ones are, and ones that are made of a clone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.git import commit_tree, git
from envs.grading import GradeStatus, grade
from envs.images import environment_image
from envs.prepare import prepare
from envs.task import Build, Environment, Grading, Sealed, Task, TaskError
from sandbox.base import ImageError, Limits
from sandbox.contract.fixtures import IMAGE
from sandbox.docker.host import DockerHost
from tests.envs.packaged import image_of

pytestmark = pytest.mark.docker

BUGGY = "def half(n):\n    return n // 2\n"
FIXED = BUGGY.replace("//", "/")
TESTS = "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n"
MORE = f"{TESTS}\n\ndef test_odd():\n    assert tiny.half(5) == 2.5\n"
SETUP = "requires = [\n    'a',\n    'b>=1',\n    'c',\n]\n"
PINNED = SETUP.replace("'b>=1'", "'b<=2'")
TOX = "[testenv]\ncommands = pytest --durations 25 {posargs}\n"
EDITED = TOX.replace("pytest --durations", "pytest -rA --durations")
RUNNER = "python -m pytest -p no:cacheprovider"
LIMITS = Limits(memory=512 << 20, disk=256 << 20, seconds=60)


def diff_of(folder, files):
    """Return the diff that changes files of a repository, which is left as its base."""
    for name, text in files.items():
        (folder / name).write_text(text)
    diff = git(folder, "diff").decode()
    git(folder, "checkout", "--quiet", "--force", ".")
    return diff


def task_of(base, environment, test_patch, name="tiny__tiny-1"):
    grading = Grading(
        test_patch=test_patch,
        test_command="python -m pytest -rA tests/test_tiny.py",
        fail_to_pass=("tests/test_tiny.py::test_odd",),
        pass_to_pass=("tests/test_tiny.py::test_even",),
        test_files=("tests/test_tiny.py",),
        log_parser="parse_log_pytest",
    )
    return Task(name, "tiny/tiny", base, "half(5) is 2", environment, RUNNER, Sealed(grading))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A repository with the fix in a tag and its own uncommitted edits, as official sphinx images have."""
    folder = tmp_path_factory.mktemp("source") / "testbed"
    (folder / "tests").mkdir(parents=True)
    for name, text in {
        "tiny.py": BUGGY,
        "setup.py": SETUP,
        "tox.ini": TOX,
        "tests/test_tiny.py": TESTS,
    }.items():
        (folder / name).write_text(text)
    base = commit_tree(folder, "base")
    git(folder, "tag", "v1.2", base)
    (folder / "tiny.py").write_text(FIXED)
    (folder / "tests" / "test_tiny.py").write_text(MORE)
    git(folder, "commit", "--quiet", "-am", "SECRET fix")
    test_patch = git(folder, "diff", base, "HEAD", "--", "tests").decode()
    git(folder, "tag", "v2")
    git(folder, "checkout", "--quiet", "--force", "-B", "main", base)
    return folder, base, test_patch


@pytest.fixture(scope="module")
def published(source, tmp_path_factory):
    """The name of an image with that repository in /testbed, another one elsewhere, and a hidden file."""
    folder, _, _ = source
    (folder / "setup.py").write_text(PINNED)
    (folder / "tox.ini").write_text(EDITED)
    secret = tmp_path_factory.mktemp("secret") / "test_1.py"
    secret.write_text("SECRET")
    history = folder / ".git"
    added = [(folder, "testbed"), (history, "opt/cache/tiny.git"), (history, "opt/cache/clone/.git")]
    name = "mangabey/test-published:1"
    with image_of(name, *added, (secret, "r2e_secret/test_1.py"), changes=("ENV FROM_IMAGE=yes",)) as made:
        git(folder, "checkout", "--quiet", "--force", ".")
        yield made


@pytest.fixture
async def docker_host(needs_docker):
    opened = DockerHost()
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
async def ready(source, published, home):
    _, base, test_patch = source
    environment = Environment(image=published, hidden=("/r2e_secret",), grades_as="root")
    task = task_of(base, environment, test_patch)
    return task, await prepare(task, None, home)


LOOK = r"""
git log --all --format=%s
git fsck --lost-found --unreachable 2>&1
git tag; git branch -a
find / -xdev -name '*.git' -not -path /testbed/.git -not -path '/opt/mangabey/*' 2>/dev/null
ls -d /r2e_secret 2>/dev/null
git cat-file --batch-all-objects --batch | grep -ac 'n / 2'
grep -rlas SECRET /testbed /opt /home /root /tmp
echo from image: $FROM_IMAGE
git status --porcelain
"""


async def test_agents_find_no_fix_and_change_nothing(ready, docker_host):
    _, prepared = ready
    room = await docker_host.start(prepared.root, LIMITS)
    told = (await room.exec(LOOK)).text.splitlines()
    assert told == ["What the environment changes", "base", "* main", "0", "from image: yes"]
    assert await room.diff() == ""
    assert (await room.read("setup.py")).decode() == PINNED
    assert prepared.seal.leaks == 1
    assert prepared.edits.count("diff --git") == 2
    await room.write("tiny.py", FIXED.encode())
    assert "tox.ini" not in await room.diff()


async def test_right_patches_are_resolved_whatever_they_were_made_against(ready, source, docker_host):
    task, prepared = ready
    folder, _, _ = source
    patches = {
        "clean": diff_of(folder, {"tiny.py": FIXED}),
        "with the edits": diff_of(folder, {"tiny.py": FIXED, "setup.py": PINNED, "tox.ini": EDITED}),
        "beside the edits": diff_of(folder, {"tiny.py": FIXED, "setup.py": SETUP.replace("'a'", "'aa'")}),
        "wrong": diff_of(folder, {"tiny.py": BUGGY + "\n# no fix\n"}),
    }
    found = {
        name: await grade(task, prepared, docker_host, patch, limits=LIMITS, seconds=60)
        for name, patch in patches.items()
    }
    assert {name: one.status for name, one in found.items()} == {
        "clean": GradeStatus.RESOLVED,
        "with the edits": GradeStatus.RESOLVED,
        "beside the edits": GradeStatus.RESOLVED,
        "wrong": GradeStatus.UNRESOLVED,
    }, {name: (one.message, one.log) for name, one in found.items()}
    assert found["clean"].image.startswith("sha256:")
    assert found["clean"].versions["swebench"]


async def test_the_clean_base_and_the_edits_are_in_the_room_that_grades(ready, docker_host):
    _, prepared = ready
    room = await docker_host.start(prepared.grading, LIMITS)
    assert (await room.exec("id -u; git status --porcelain; cat tox.ini")).text == f"0\n{TOX}"


async def test_the_second_call_takes_nothing_out_again(ready, home, engine, monkeypatch):
    task, prepared = ready
    monkeypatch.setattr("envs.image_tasks.take_folder", None)
    assert await prepare(task, None, home) == prepared
    engine.images.remove(prepared.root.image, force=True)
    again = await prepare(task, None, home)
    assert again.root.tree == prepared.root.tree
    assert engine.images.get(again.root.image)


async def test_an_image_that_is_not_there_is_named(source, tmp_path, needs_docker, monkeypatch):
    monkeypatch.setattr("sandbox.docker.images._FIRST_WAIT", 0.01)
    _, base, _ = source
    task = task_of(base, Environment(image="127.0.0.1:9/none/such:1"), "")
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9/none/such"):
        await prepare(task, None, tmp_path)


async def test_an_image_without_the_folder_says_so(source, tmp_path, needs_docker):
    _, base, _ = source
    with pytest.raises(ImageError, match="no folder /testbed"):
        await prepare(task_of(base, Environment(image=IMAGE), ""), None, tmp_path)


async def test_neither_image_nor_repository(source, tmp_path):
    _, base, _ = source
    with pytest.raises(TaskError, match="tiny__tiny-1 has neither a repository nor an image"):
        await prepare(task_of(base, Environment(), ""), None, tmp_path)


@pytest.fixture
def to_build(source, published, monkeypatch):
    """A task whose image is made on the published one, whose packages stand in for those of an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    _, base, test_patch = source
    setup = ("echo /usr/local/lib/python3.11/dist-packages > /opt/venv/lib/python3.11/site-packages/x.pth",)
    install = ("echo \"version = '$SETUPTOOLS_SCM_PRETEND_VERSION'\" > made_version.py", "touch installed")
    build = Build(base=published, setup=setup, install=install)
    environment = Environment(python="3.11", build=build, grades_as="root", hidden=("/r2e_secret",))
    return task_of(base, environment, test_patch)


async def test_an_image_is_made_and_grades(to_build, source, home, docker_host, engine, monkeypatch):
    folder, _, _ = source
    prepared = await prepare(to_build, folder, home)
    room = await docker_host.start(prepared.root, LIMITS)
    told = (await room.exec("cat made_version.py; git log --format=%s; git tag; ls installed")).text
    assert told.splitlines() == ["version = '1.2'", "What the environment changes", "base", "installed"]
    assert await room.diff() == ""
    right, wrong = (diff_of(folder, {"tiny.py": text}) for text in (FIXED, f"{BUGGY}#\n"))
    found = await grade(to_build, prepared, docker_host, right, limits=LIMITS, seconds=60)
    assert found.status is GradeStatus.RESOLVED, (found.message, found.log)
    found = await grade(to_build, prepared, docker_host, wrong, limits=LIMITS, seconds=60)
    assert found.status is GradeStatus.UNRESOLVED

    with monkeypatch.context() as patched:
        patched.setattr("envs.image_tasks.install_in_image", None)
        assert await prepare(to_build, folder, home) == prepared
    await docker_host.close()
    bare = engine.images.get(prepared.root.image).attrs["Parent"]
    for image in (prepared.root.image, bare, prepared.grading.image):
        engine.images.remove(image, force=True)
    again = await prepare(to_build, folder, home)
    assert again.root.tree == prepared.root.tree
    assert engine.images.get(again.grading.image)


async def test_instances_with_the_same_pins_share_the_environment(to_build, engine):
    first = environment_image(engine, to_build.environment)
    other = replace(to_build.environment, build=replace(to_build.environment.build, install=("true",)))
    assert environment_image(engine, other) == first
    more = replace(to_build.environment, build=replace(to_build.environment.build, setup=("true",)))
    assert environment_image(engine, more) != first


async def test_a_build_that_fails_is_one_line(to_build, source, home, engine):
    folder, _, _ = source
    broken = replace(to_build.environment.build, install=("echo no such compiler; false",))
    task = replace(to_build, environment=replace(to_build.environment, build=broken))
    with pytest.raises(TaskError, match=r"cannot be installed: .*no such compiler") as error:
        await prepare(task, folder, home)
    assert "\n" not in str(error.value)
    pins = replace(to_build.environment, requirements=("absent==1",))
    with pytest.raises(TaskError, match="absent"):
        await prepare(replace(to_build, environment=pins), folder, home)
    with pytest.raises(TaskError, match="has no repository to build"):
        await prepare(to_build, None, home)


def test_a_python_without_a_base_image_is_named(to_build, engine, monkeypatch):
    monkeypatch.setattr("sandbox.docker.images._FIRST_WAIT", 0.01)
    unnamed = replace(to_build.environment.build, base="")
    with pytest.raises(TaskError, match=r"no base image has Python 3\.4"):
        environment_image(engine, replace(to_build.environment, python="3.4", build=unnamed))
    build = replace(to_build.environment.build, base="127.0.0.1:9/no-base:1")
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9/no-base"):
        environment_image(engine, replace(to_build.environment, build=build))
