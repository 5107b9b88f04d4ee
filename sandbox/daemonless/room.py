"""The file systems of one sandbox, built in the warden's own mount namespace and gone with it.

    /        a tmpfs of the size the guest may write; nothing of the host is mounted below it but
    /proc    the host's, for the warden itself
    /layers  the host object's snapshots
    /skel    what appears as the guest's read-only root: symlinks, /etc, mount points; over an image's folders
             where the plan names some
    /root    the guest's root, into which each command's init pivots:
               /usr and the plan's mounts   read-only copies of host mounts (/usr: without an image)
               /tmp /var/tmp /home/agent    one overlay over a skeleton ("own")
               workdir                      an overlay over the tree ("work")
               /dev                         a handful of device files

Mount points are opened one path component at a time and never through a symlink, because a snapshot that a
guest has written may lie below.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from sandbox.daemonless import etc, overlays, syscalls
from sandbox.daemonless.overlays import Overlay
from sandbox.daemonless.plan import COPY, FUSE, Plan
from sandbox.daemonless.trees import copy_tree
from sandbox.inside import AGENT_HOME

ROOT = "/root"
LAYERS = "/layers"
OVERLAY = "mounting an overlay"
"""The step that has other ways to be done."""
WRITABLE = ("own", "work")
"""The two parts of the guest's files that it can change; each snapshot layer has a folder for each."""

_PLAIN = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
_SEALED = _PLAIN | syscalls.MOUNT_ATTR_RDONLY
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OWN = {"tmp": "tmp", "vartmp": "var/tmp", "shm": "dev/shm", "home": AGENT_HOME[1:]}


class RoomError(OSError):
    """One step of building failed; `strerror` names it."""


def build(plan: Plan, idmap: int | None) -> list[int]:
    """Build everything and return the processes that keep it up.

    Afterwards this process sees nothing of the host's files.

    Raises:
        RoomError: a step was refused.
    """
    _step(
        "making mounts private", lambda: syscalls.mount("", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    )
    _step("mounting a tmpfs", lambda: _enter_tmpfs(plan))
    _step("making the skeleton", lambda: _skeleton(plan))
    servers: list[int] = []
    if plan.image:
        _step(OVERLAY, lambda: servers.extend(_image(plan)))
    else:
        _step("mounting the root", lambda: _bind("/skel", ROOT, _PLAIN))
    if plan.layering == COPY:
        _step("copying the tree", lambda: _copies(plan))
    else:
        _step(OVERLAY, lambda: servers.extend(_overlays(plan, idmap)))
    _step("mounting the writable folders", lambda: _own_folders(plan))
    if not plan.image:
        _step("mounting /usr", _system)
    _step("mounting /dev", _devices)
    for inside, host in plan.mounts:
        _step(
            f"mounting {inside}",
            lambda inside=inside, host=host: _bind(f"/old{host}", f"{ROOT}{inside}", _SEALED),
        )
    _step("sealing the root", _seal)
    return servers


def upper(part: str) -> str:
    """Return the folder that holds what the guest has changed of a part."""
    return f"/up/{part}"


def _step(what: str, action: object) -> None:
    assert callable(action)
    try:
        action()
    except OSError as error:
        raise RoomError(error.errno, f"{what}: {error.strerror}") from error


def _enter_tmpfs(plan: Plan) -> None:
    options = f"mode=0755,size={plan.disk},nr_inodes={plan.files}"
    syscalls.mount("tmpfs", plan.scratch, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
    os.chdir(plan.scratch)
    for folder in (
        "old",
        "proc",
        "layers",
        "lower",
        "lower/tree",
        "base",
        "up",
        "scrap",
        "skel",
        "root",
        "own",
    ):
        os.mkdir(folder, 0o755)
    syscalls.pivot_root(".", "old")
    os.chdir("/")
    syscalls.mount("/old/proc", "/proc", None, syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.mount(f"/old{plan.scratch}/layers", LAYERS, None, syscalls.MS_BIND)


def _skeleton(plan: Plan) -> None:
    for name in ("dev", "etc", "home", "opt", "proc", "run", "sys", "usr", "var", "dev/pts"):
        os.mkdir(f"/skel/{name}", 0o755)
    for name in () if plan.image else _SYSTEM:
        host = f"/old/{name}"
        if os.path.islink(host):
            os.symlink(os.readlink(host), f"/skel/{name}")
        elif os.path.isdir(host):
            os.mkdir(f"/skel/{name}", 0o755)
    for target, link in (("/proc/self/fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr")):
        os.symlink(target, f"/skel/dev/{link}")
    os.symlink("pts/ptmx", "/skel/dev/ptmx")
    etc.write("/skel/etc", "/old/etc", plan)


def _image(plan: Plan) -> list[int]:
    """Mount the image's folders, which nothing can write to, with the skeleton over them."""
    lowers = []
    for number, folder in enumerate(reversed(plan.image)):
        layer = syscalls.clone_mount(f"/old{folder}", recursive=False)
        syscalls.restrict_mount(layer, _SEALED, recursive=False)
        os.mkdir(f"/lower/{number}")
        _attach(layer, f"/lower/{number}")
        lowers.append(f"/lower/{number}")
    for inside, _ in plan.mounts:  # an image may keep folders on the way to itself, such as /root
        os.makedirs(os.path.dirname(f"/skel{inside}"), exist_ok=True)
    root = _target(ROOT, folder=True)
    try:
        return overlays.mount(plan, Overlay(lowers, "/skel", "/scrap/root", root))
    finally:
        os.close(root)


def _overlays(plan: Plan, idmap: int | None) -> list[int]:
    _own_skeleton("/base", plan)
    tree = syscalls.clone_mount(f"/old{plan.tree}", recursive=False)
    syscalls.restrict_mount(tree, _SEALED, idmap=idmap, recursive=False)
    _attach(tree, "/lower/tree")
    work = _overlay(plan, "work", "/lower/tree", f"{ROOT}{plan.workdir}")
    return _overlay(plan, "own", "/base", "/own") + work


def _overlay(plan: Plan, part: str, lowest: str, target: str) -> list[int]:
    _writable_folder(upper(part), lowest, plan)
    if plan.user_namespace and plan.layering != FUSE:
        os.setxattr(upper(part), "user.overlay.probe", b"")  # no opaque folders without (before Linux 6.6)
    lowers = [f"{LAYERS}/{layer}/{part}" for layer in reversed(plan.layers)] + [lowest]
    owner = (plan.uid, plan.gid) if part == "work" and not plan.user_namespace else None
    point = _target(target, folder=True)
    try:
        return overlays.mount(plan, Overlay(lowers, upper(part), f"/scrap/{part}", point, owner))
    finally:
        os.close(point)


def _copies(plan: Plan) -> None:
    _own_skeleton("/base", plan)
    lowest = {"own": "/base", "work": f"/old{plan.tree}"}
    for part, target in (("own", "/own"), ("work", f"{ROOT}{plan.workdir}")):
        source = f"{LAYERS}/{plan.layers[-1]}/{part}" if plan.layers else lowest[part]
        _writable_folder(upper(part), source, plan)
        copy_tree(source, upper(part), owner=None if plan.layers else (plan.uid, plan.gid))
        _bind(upper(part), target, _PLAIN)


def _own_skeleton(folder: str, plan: Plan) -> None:
    for name in ("tmp", "vartmp", "shm", "home"):
        os.mkdir(f"{folder}/{name}")
        os.chown(f"{folder}/{name}", plan.uid, plan.gid)
        os.chmod(f"{folder}/{name}", 0o755 if name == "home" else 0o1777)


def _writable_folder(folder: str, like: str, plan: Plan) -> None:
    os.mkdir(folder)
    os.chown(folder, plan.uid, plan.gid)
    os.chmod(folder, stat.S_IMODE(os.stat(like).st_mode) | 0o700)


def _own_folders(plan: Plan) -> None:
    for name, inside in _OWN.items():
        _bind(f"/own/{name}", f"{ROOT}/{inside}", _PLAIN)


def _system() -> None:
    _bind("/old/usr", f"{ROOT}/usr", _SEALED)
    for name in _SYSTEM:
        if os.path.isdir(f"/old/{name}") and not os.path.islink(f"/old/{name}"):
            _bind(f"/old/{name}", f"{ROOT}/{name}", _SEALED)
    if os.path.isdir("/old/etc/alternatives"):
        _bind("/old/etc/alternatives", f"{ROOT}/etc/alternatives", _SEALED)


def _devices() -> None:
    for name in _DEVICES:
        _bind(
            f"/old/dev/{name}", f"{ROOT}/dev/{name}", syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NOEXEC
        )
    flags = syscalls.MS_NOSUID | syscalls.MS_NOEXEC
    syscalls.mount("devpts", f"{ROOT}/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620")


def _seal() -> None:
    root = os.open(ROOT, os.O_PATH | os.O_CLOEXEC)
    syscalls.restrict_mount(root, _SEALED, recursive=False)
    os.close(root)
    syscalls.detach("/old")


def _bind(source: str, target: str, attributes: int) -> None:
    mount = syscalls.clone_mount(source, recursive=True)
    syscalls.restrict_mount(mount, attributes, recursive=True)
    _attach(mount, target, folder=os.path.isdir(source))


def _attach(mount: int, target: str, *, folder: bool = True) -> None:
    point = _target(target, folder=folder)
    syscalls.attach_mount(mount, point)
    os.close(point)
    os.close(mount)


def _target(path: str, *, folder: bool) -> int:
    """Open a mount point, made where missing, without following any symlink."""
    here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    *above, last = [name for name in path.split("/") if name]
    for name in (*above, last) if folder else above:
        here = _into(here, name)
    if folder:
        return here
    with suppress(FileExistsError):
        os.close(os.open(last, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=here))
    found = os.open(last, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        raise OSError(errno.EINVAL, f"{path} is no file")
    return found


def _into(folder: int, name: str) -> int:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        inner = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(name, 0o755, dir_fd=folder)
        inner = os.open(name, flags, dir_fd=folder)
    os.close(folder)
    return inner
