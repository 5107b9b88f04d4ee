"""Which of the tests on a shelf count."""

from __future__ import annotations

from agent.kinds.test_and_edit.siblings import AT_ONCE, offered
from agent.shelf import SharedTest, last_versions


def written(author: int, version: int, path: str = "tests/test_a.py") -> SharedTest:
    return SharedTest(path, f"# {author} {version} {path}\n", author)


def test_of_what_was_written_again_the_last_version_counts() -> None:
    tests = [*(written(1, version) for version in range(7)), written(2, 0), written(1, 7, "tests/test_b.py")]
    tests.append(written(1, 8))
    assert last_versions(tests) == (written(2, 0), written(1, 7, "tests/test_b.py"), written(1, 8))


def test_the_machine_runs_the_latest_tests_in_their_last_version() -> None:
    again = [written(1, version) for version in range(AT_ONCE + 3)]
    assert offered(again, "") == (again[-1],)
    many = [written(author, 0) for author in range(AT_ONCE + 3)]
    assert offered(many, "") == tuple(many[3:])
    assert offered(many, many[-1].content) == tuple(many[2:-1])
    same = [SharedTest("tests/test_a.py", "same\n", author) for author in (1, 2)]
    assert offered(same, "") == (same[0],)
