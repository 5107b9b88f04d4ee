"""Pictures and the like, which come beside the test patch."""

from __future__ import annotations

import json
import sys

import pytest

from envs.git import git
from envs.grading import GradeStatus, grade
from envs.prepare import prepare
from envs.sources import open_source
from envs.task import TaskError

PICTURE = b"\x89PNG\x00\xff expected"
OTHER = b"\x00local"
FIX = "--- a/tiny.txt\n+++ b/tiny.txt\n@@ -1 +1 @@\n-2\n+2.5\n"
PATH = "tests/new folder/expected.png"
COMMAND = (
    'test -e tests/stale.png && echo "FAILED t::stale"\n'
    f"python -c \"print('PASSED t::odd' if open('{PATH}', 'rb').read() == {PICTURE!r}"
    " and open('b.png', 'rb').read() == b'\\x00local' else 'FAILED t::odd')\""
)
SCRIPT = (
    "#!/bin/bash\nset -uxo pipefail\nrm -rf tests b.png\n"
    f": '>>>>> Start Test Output'\n{COMMAND}\n: '>>>>> End Test Output'\n"
)


@pytest.fixture
def make(make_repository, tmp_path, api):
    """Return a function that makes a task of a row with assets, and prepares it."""
    repository = make_repository({"tiny.txt": "2\n", "tests/stale.png": "old", "b.png": "old"})
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "b.png").write_bytes(OTHER)

    async def ready(assets, **columns):
        row = {
            "instance_id": "tiny-1",
            "repo": "me/tiny",
            "base_commit": git(repository, "rev-parse", "HEAD").decode().strip(),
            "problem_statement": "the picture is wrong",
            "patch": FIX,
            "FAIL_TO_PASS": ["t::odd"],
            "PASS_TO_PASS": [],
            "eval_script": SCRIPT,
            "log_parser": "parse_log_pytest",
            "python": sys.executable,
            "image_assets": assets,
        } | columns
        (tmp_path / "rows" / "rows.json").write_text(json.dumps([row]))
        task, _ = await open_source(str(tmp_path / "rows" / "rows.json")).load("tiny-1", tmp_path)
        return task, await prepare(task, repository, tmp_path / "home")

    return ready


async def test_assets_are_there_when_the_tests_begin(make, host, api):
    api.set("/expected.png", (200, {}, PICTURE))
    assets = {
        "problem_statement": ["https://example.org/of-the-issue.png"],
        "test_patch": [{"path": PATH, "url": f"{api.address}/expected.png"}],
        "patch": [{"path": "b.png", "url": "b.png"}],
    }
    found = await grade(*await make(json.dumps(assets)), host, FIX)
    assert (found.status, found.message) == (GradeStatus.RESOLVED, ""), found.log
    without = await grade(*await make({"patch": assets["patch"]}), host, FIX)
    assert without.status is not GradeStatus.RESOLVED


async def test_an_asset_that_cannot_be_had_is_named(make, host, api):
    url = f"{api.address}/gone.png"
    task, prepared = await make({"test_patch": [{"path": PATH, "url": url}]})
    message = f"tiny-1 cannot be graded: {PATH} is not to be had from {url}: Not Found"
    with pytest.raises(TaskError, match=message):
        await grade(task, prepared, host, FIX)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path": "../x", "url": "http://h/x"}, "'../x' does not lie inside of the repository"),
        ({"path": "x", "url": "file:///etc/passwd"}, "a file is named by its path"),
    ],
)
async def test_an_asset_lies_in_the_repository_and_comes_from_where_rows_may_name(make, entry, message):
    with pytest.raises(TaskError, match=message):
        await make({"patch": [entry]})
