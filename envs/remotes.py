"""Git's way to GitHub: clones and fetches that carry a token past argv, URLs and disk."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from envs.git import GitError, git
from envs.github_env import TOKEN, is_http, split_repo, token, web_address
from envs.task import TaskError

_HELPER = (
    '!f() { if test "$1" = get; then '
    'printf "username=x-access-token\\npassword=%s\\n" "$GITHUB_TOKEN"; fi; }; f'
)
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_UPLOAD_PACK = "--upload-pack=git -c 'safe.directory=*' upload-pack"

_NO_SUCH = re.compile(
    r"not found|does not exist|not appear to be a git repository|could not read Username|no such remote"
)
_REFUSED = re.compile(r"Authentication failed|returned error: 40[13]|could not read Password")
_NO_COMMIT = re.compile(r"not our ref|couldn't find remote ref|Server does not allow request")
_NO_NETWORK = re.compile(
    r"unable to access|resolve (host|proxy)|[cC]onnect|timed out|reset|SSL|certificate|hung up"
)


def clone(repo: str, folder: Path) -> None:
    """Make a bare clone with all branches and tags in an empty folder.

    Raises:
        TaskError: it cannot be had; the message says what to do.
    """
    url = _url(repo)
    options = ["--bare", "--no-local", "--quiet", *_local_options(url)]
    _remote_git(folder.parent, repo, "clone", *options, "--", url, str(folder))


def fetch_all(repo: str, mirror: Path) -> None:
    """Bring all branches and tags of a clone of ours up to date, and its HEAD to the default branch.

    Raises:
        TaskError: it cannot be done.
    """
    _fetch(repo, mirror, "--prune", refspecs=_EVERYTHING)
    options = ["--symref", *_local_options(_url(repo))]
    listed = _remote_git(mirror, repo, "ls-remote", *options, "--", _url(repo), "HEAD").decode()
    if branch := re.search(r"^ref: (refs/heads/\S+)\tHEAD$", listed, re.MULTILINE):
        _remote_git(mirror, repo, "symbolic-ref", "HEAD", branch[1])
    elif commit := re.search(r"^([0-9a-f]+)\tHEAD$", listed, re.MULTILINE):
        fetch_commit(repo, mirror, commit[1])
        _remote_git(mirror, repo, "update-ref", "--no-deref", "HEAD", commit[1])


def fetch_commit(repo: str, mirror: Path, commit: str) -> None:
    """Fetch one commit that no branch or tag reaches, such as one of a pull request.

    Raises:
        TaskError: it cannot be done.
    """
    _fetch(repo, mirror, refspecs=(f"+{commit}:refs/mangabey/{commit}",))


def _fetch(repo: str, mirror: Path, *options: str, refspecs: tuple[str, ...]) -> None:
    url = _url(repo)
    ours = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--update-shallow"]
    _remote_git(mirror, repo, "fetch", *ours, *_local_options(url), *options, "--", url, *refspecs)


def _url(repo: str) -> str:
    owner, name = split_repo(repo)
    return f"{web_address()}/{owner}/{name}"


def _local_options(url: str) -> list[str]:
    """Let a repository of this machine be read that belongs to another user."""
    return [] if is_http(url) else [_UPLOAD_PACK]


def _remote_git(folder: Path, repo: str, *arguments: str) -> bytes:
    try:
        return git(folder, *arguments, env=_environment(web_address()))
    except GitError as error:
        raise TaskError(_advice(repo, str(error))) from error


def _environment(address: str) -> dict[str, str]:
    """Return what git needs to reach an address: limits, certificates and, over HTTP, the token's helper."""
    settings = {"http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60"}
    secret = token()
    if secret and is_http(address):
        parts = urlsplit(address)
        # for this host only: a redirect elsewhere does not get the token
        settings[f"credential.{parts.scheme}://{parts.netloc}.helper"] = _HELPER
    environment = {"GIT_ALLOW_PROTOCOL": "https:http:file", "GIT_ASKPASS": "", TOKEN: secret}
    if certificates := os.environ.get("GIT_SSL_CAINFO") or os.environ.get("SSL_CERT_FILE"):
        environment["GIT_SSL_CAINFO"] = certificates
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def _advice(repo: str, complaint: str) -> str:
    """Return one line that says what went wrong with a repository and what to do."""
    where = web_address()
    if _NO_COMMIT.search(complaint):
        return f"{where} does not give it out; check the id, or set MANGABEY_MIRRORS to a folder with clones"
    if _REFUSED.search(complaint):
        if token():
            return f"{where} refuses the {TOKEN} for {repo}; set one that may read the repository"
        return f"{where} does not give {repo} to strangers; set {TOKEN}"
    if _NO_SUCH.search(complaint):
        hint = f"the {TOKEN} may not read it" if token() else f"it is private; set {TOKEN}"
        return f"there is no repository {repo} at {where}, or {hint}"
    if _NO_NETWORK.search(complaint):
        return (
            f"{repo} cannot be fetched ({complaint}); check the network, "
            "or set MANGABEY_MIRRORS to a folder with clones"
        )
    return f"{repo} cannot be fetched from {where}: {complaint}"
