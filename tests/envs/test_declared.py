from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.console_scripts import declared_scripts, script_folder
from envs.declared import declared_requirements

PYPROJECT = """
[project]
name = "My.Project"
dependencies = ["attrs>=2", "click ; python_version > '3'"]
[project.optional-dependencies]
Testing = ["my_project[cli]", "hypothesis"]
docs = ["sphinx"]
[dependency-groups]
dev = ["mypy", {include-group = "more"}, {include-group = "nowhere"}]
more = ["ruff", {include-group = "dev"}]
other = ["black"]
[project.scripts]
mine = "pkg.cli:main"
"bad name; rm" = "pkg:main"
bad-target = "pkg:main()"
"""

SETUP_CFG = """
[options]
install_requires =
    six
    # a comment
[options.extras_require]
tests = mock
docs = furo
[options.entry_points]
console_scripts =
    old = pkg.old:App.run [extra]
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "setup.cfg").write_text(SETUP_CFG)
    (tmp_path / "requirements.txt").write_text(
        "-r other.txt\n-e .\n./local\ntoml==1.0 --hash=sha256:ab\n\nidna # why\n"
    )
    (tmp_path / "requirements-dev.txt").write_text("coverage\n")
    (tmp_path / "pkg.egg-info").mkdir()
    (tmp_path / "pkg.egg-info" / "entry_points.txt").write_text("[console_scripts]\nlisted = pkg.listed:go\n")
    return tmp_path


def test_requirements_are_read_from_everywhere_and_the_project_itself_is_left_out(project):
    assert declared_requirements(project) == (
        "attrs>=2",
        "click ; python_version > '3'",
        "coverage",
        "hypothesis",
        "idna",
        "mock",
        "mypy",
        "ruff",
        "six",
        "toml==1.0",
    )


def test_commands_are_read_from_everywhere_and_must_be_plain(project, tmp_path):
    assert declared_scripts(project) == {
        "listed": "pkg.listed:go",
        "mine": "pkg.cli:main",
        "old": "pkg.old:App.run",
    }
    folder = script_folder(project, tmp_path / "home")
    assert (folder / "old").read_text().splitlines()[2:] == ["from pkg.old import App", "sys.exit(App.run())"]
    assert (folder / "mine").stat().st_mode & 0o111 == 0o111


def test_a_project_that_declares_nothing(tmp_path):
    assert declared_requirements(tmp_path) == ()
    assert script_folder(tmp_path, tmp_path / "home") is None


def test_files_that_are_links_are_not_read(project, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "requirements.txt"):
        (other / name).symlink_to(project / name)
    assert declared_requirements(other) == ()
    assert declared_scripts(other) == {}


@given(st.text(), st.sampled_from(["pyproject.toml", "setup.cfg", "requirements.txt"]))
def test_garbage_is_left_out(tmp_path_factory, text, name):
    folder = tmp_path_factory.mktemp("p")
    (folder / name).write_text(text, encoding="utf-8", errors="replace")
    declared_requirements(folder)
    declared_scripts(folder)


@pytest.mark.parametrize(
    "text", ["project = 3", "[project]\nscripts = 1\ndependencies = 'x'", "dependency-groups = []"]
)
def test_tables_of_another_shape_are_left_out(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert declared_requirements(tmp_path) == ()
    assert declared_scripts(tmp_path) == {}
