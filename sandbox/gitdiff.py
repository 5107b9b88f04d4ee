"""Patches of the working tree, made by git inside the sandbox and by nothing the guest has set up.

Git runs with a repository of its own, in a private folder that lasts for one command: its objects come from
the read-only base repository, its index is built from the base commit each time, its attributes switch off
every conversion and driver that files in the tree may ask for. `.git` in the working tree is never looked at,
at whatever depth; a repository the guest has made inside is seen as the files it holds.
"""

from __future__ import annotations

from sandbox.base import ExecResult, PatchError, SandboxError
from sandbox.run import Run

LARGEST = 32 << 20
_SECONDS = 120.0

_PRIVATE_REPOSITORY = r"""
set -u
export LC_ALL=C
private=$(mktemp -d /tmp/.mangabey.XXXXXXXX) || exit 70
trap 'rm -rf "$private"' EXIT
mkdir -p "$private/objects/info" "$private/refs" "$private/info"
echo 'ref: refs/heads/base' > "$private/HEAD"
echo "$1/objects" > "$private/objects/info/alternates"
printf '%s\n' '__pycache__/' '*.py[co]' '.pytest_cache/' > "$private/info/exclude"
show_as() {
  echo "* !text !eol !crlf !ident !filter !merge !working-tree-encoding $1" > "$private/info/attributes"
}
show_as '!diff'
cat > "$private/config" << 'EOF'
[core]
  repositoryFormatVersion = 0
  bare = false
  fileMode = true
  symlinks = true
  autocrlf = false
  ignoreCase = false
  precomposeUnicode = false
  protectHFS = false
  protectNTFS = false
  fsmonitor = false
  untrackedCache = false
  hooksPath = /dev/null
  excludesFile = /dev/null
  attributesFile = /dev/null
  quotePath = true
[diff]
  renames = false
  noprefix = false
  mnemonicPrefix = false
  algorithm = myers
  suppressBlankEmpty = false
[gc]
  auto = 0
[safe]
  directory = *
EOF
export GIT_DIR="$private" GIT_WORK_TREE="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_ATTR_NOSYSTEM=1 GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1
"""

_DIFF = (
    _PRIVATE_REPOSITORY
    + r"""
fail() { cat "$private/errors" >&2; exit 71; }
try() { "$@" 2> "$private/errors" || fail; }
diff_of() { git diff --cached --binary --full-index --no-color --no-ext-diff --no-textconv "$@"; }
is_text() { iconv -f UTF-8 -t UTF-8 "$1" > /dev/null 2>&1; }

try git read-tree "$2"
find . -name .git -prune -o \( -type l -o -type f -readable \) -printf '%P\0' 2> /dev/null |
  sort -z > "$private/present"
sed -z 's|^|./|' "$private/present" | git check-ignore -z --stdin 2> "$private/errors" |
  sed -z 's|^\./||' | sort -z > "$private/ignored"
[ "${PIPESTATUS[1]}" -le 1 ] || fail
# unchanged files are only hashed: adding them would store a copy of each
git update-index -q --refresh > /dev/null 2>&1
try git ls-files -z > "$private/listed"
sort -z "$private/listed" > "$private/tracked"
try git diff-files --name-only -z --diff-filter=d > "$private/listed"
sort -z "$private/listed" | comm -z -12 - "$private/present" > "$private/changed"
comm -z -23 "$private/present" "$private/ignored" | comm -z -23 - "$private/tracked" >> "$private/changed"
try git diff-files --name-only -z --diff-filter=D > "$private/deleted"
try git update-index --force-remove -z --stdin < "$private/deleted"
try git update-index --add --replace -z --stdin < "$private/changed"
try diff_of "$2" > "$private/diff"
if ! is_text "$private/diff"; then
  # what is not UTF-8 becomes a binary patch, so that the whole diff is a text
  : > "$private/diff"
  git diff --cached --name-only -z "$2" > "$private/changed"
  while IFS= read -r -d '' name; do
    try diff_of "$2" -- ":(top,literal)$name" > "$private/one"
    if ! is_text "$private/one"; then
      show_as '-diff'
      try diff_of "$2" -- ":(top,literal)$name" > "$private/one"
      show_as '!diff'
    fi
    cat "$private/one" >> "$private/diff"
  done < "$private/changed"
fi
cat "$private/diff"
"""
)

_APPLY = (
    _PRIVATE_REPOSITORY
    + r"""
git apply --whitespace=nowarn -
"""
)


async def working_diff(run: Run, git_dir: str, base_commit: str) -> str:
    """Return all changes of the working tree against the base commit.

    Args:
        run: runs a command inside.
        git_dir: where the base repository appears inside.
        base_commit: its commit.

    Raises:
        SandboxError: git failed, the working tree is gone, or the diff is larger than 32 MiB.
    """
    argv = ["/bin/bash", "-c", _DIFF, "diff", git_dir, base_commit]
    result = await run(argv, seconds=_SECONDS, output=LARGEST + 2)
    if not result.ok:
        raise SandboxError(f"the changes cannot be read: {_complaint(result)}")
    if len(result.output) > LARGEST:
        raise SandboxError(f"the changes make a diff larger than {LARGEST >> 20} MiB; remove large new files")
    return result.output.decode("utf-8", "surrogateescape")


async def apply_patch(run: Run, git_dir: str, patch: str) -> None:
    """Apply a unified diff to the working tree, whole or not at all.

    Raises:
        PatchError: it does not apply; the message is git's first complaint.
    """
    if not patch.strip():
        return
    data = (patch if patch.endswith("\n") else patch + "\n").encode("utf-8", "surrogateescape")
    argv = ["/bin/bash", "-c", _APPLY, "apply", git_dir]
    result = await run(argv, seconds=_SECONDS, output=1 << 16, stdin=data)
    if not result.ok:
        raise PatchError(f"the patch does not apply: {_complaint(result)}")


def _complaint(result: ExecResult) -> str:
    lines = [line.strip() for line in result.text.splitlines() if line.strip()]
    grave = [line for line in lines if line.startswith(("error:", "fatal:"))]
    first = (grave or lines or [f"git ended with {result.exit_code}"])[0]
    return first.removeprefix("error: ").removeprefix("fatal: ")
