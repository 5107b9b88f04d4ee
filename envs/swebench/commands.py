"""How the repositories of SWE-bench and SWE-Gym run their tests, for rows that do not say.

The commands and parsers are those of the SWE-bench harness 4 (`constants`) and of SWE-Gym's fork of it,
which the rows of their time rely on; rows for harness 5 bring an evaluation script of their own. Of
Multilingual and Multimodal the `swebench` package holds no commands any more: of Multimodal there are the
parsers that are made for one repository, and which repositories are graded by failures alone. SWE-Gym's mypy
is not here: its command takes the names of cases in place of files.
"""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from envs.patches import split

_PYTEST = "pytest -rA"
_COMMANDS = {
    "astropy/astropy": "pytest -rA -vv -o console_output_style=classic --tb=no",
    "django/django": "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1",
    "mwaskom/seaborn": "pytest --no-header -rA",
    "sphinx-doc/sphinx": "tox --current-env -epy39 -v --",
    "sympy/sympy": "PYTHONWARNINGS='ignore::UserWarning,ignore::SyntaxWarning' bin/test -C --verbose",
} | dict.fromkeys(
    (
        "matplotlib/matplotlib",
        "pallets/flask",
        "psf/requests",
        "pydata/xarray",
        "pylint-dev/pylint",
        "pylint-dev/astroid",
        "pytest-dev/pytest",
        "pydicom/pydicom",
        "pvlib/pvlib-python",
        "pyvista/pyvista",
        "marshmallow-code/marshmallow",
        "scikit-learn/scikit-learn",
        "sqlfluff/sqlfluff",
    ),
    _PYTEST,
)
_GYM_COMMANDS = {
    "Project-MONAI/MONAI": _PYTEST,
    "bokeh/bokeh": "pytest -rA -n0",
    "conan-io/conan": 'export PYTHONPATH="${PYTHONPATH:-}:$PWD"\npytest -n0 -rA',
    "dask/dask": "pytest -n0 -rA --color=no",
    "facebookresearch/hydra": "pytest -rA --tb=long",
    "getmoto/moto": "pytest -n0 -rA",
    "iterative/dvc": _PYTEST,
    "modin-project/modin": "pytest -n0 -rA",
    "pandas-dev/pandas": "pytest -rA --tb=long",
    "pydantic/pydantic": "pytest -rA --tb=short -vv -o console_output_style=classic --no-header",
}
_PARSERS = dict.fromkeys(_GYM_COMMANDS, "parse_log_pytest") | {
    "astropy/astropy": "parse_log_astropy",
    "django/django": "parse_log_django",
    "marshmallow-code/marshmallow": "parse_log_marshmallow",
    "matplotlib/matplotlib": "parse_log_matplotlib",
    "mwaskom/seaborn": "parse_log_seaborn",
    "pallets/flask": "parse_log_flask",
    "psf/requests": "parse_log_requests",
    "pvlib/pvlib-python": "parse_log_pvlib",
    "pydantic/pydantic": "parse_log_pytest_v2",
    "pydata/xarray": "parse_log_xarray",
    "pydicom/pydicom": "parse_log_pydicom",
    "pylint-dev/astroid": "parse_log_astroid",
    "pylint-dev/pylint": "parse_log_pylint",
    "pytest-dev/pytest": "parse_log_pytest",
    "pyvista/pyvista": "parse_log_pyvista",
    "scikit-learn/scikit-learn": "parse_log_scikit",
    "sqlfluff/sqlfluff": "parse_log_sqlfluff",
    "sphinx-doc/sphinx": "parse_log_sphinx",
    "sympy/sympy": "parse_log_sympy",
}
_MULTIMODAL_PARSERS = {
    "Automattic/wp-calypso": "parse_log_calypso",
    "GoogleChrome/lighthouse": "parse_log_lighthouse",
    "PrismJS/prism": "parse_log_prismjs",
    "alibaba-fusion/next": "parse_log_next",
    "bpmn-io/bpmn-js": "parse_log_bpmn_js",
    "carbon-design-system/carbon": "parse_log_carbon",
    "chartjs/Chart.js": "parse_log_chart_js",
    "diegomura/react-pdf": "parse_log_react_pdf",
    "eslint/eslint": "parse_log_eslint",
    "grommet/grommet": "parse_log_grommet",
    "highlightjs/highlight.js": "parse_log_highlightjs",
    "markedjs/marked": "parse_log_marked",
    "openlayers/openlayers": "parse_log_openlayers",
    "processing/p5.js": "parse_log_p5js",
    "quarto-dev/quarto-cli": "parse_log_quarto_cli",
}
_FAIL_ONLY = frozenset(
    {
        "bpmn-io/bpmn-js",
        "chartjs/Chart.js",
        "eslint/eslint",
        "markedjs/marked",
        "openlayers/openlayers",
        "processing/p5.js",
    }
)
"""The package's `FAIL_ONLY_REPOS`: their logs name failures and no tests that pass."""
_NO_TESTS = frozenset(
    {".json", ".png", ".csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml"}
)
_OWN_RUNNERS = frozenset({"django/django", "sympy/sympy"})


def test_command(repo: str, test_patch: str) -> str:
    """Return the official command for the tests of a patch; empty where the repository is not known."""
    command = (_COMMANDS | _GYM_COMMANDS).get(repo, "")
    return with_tests(command, repo, test_patch) if command else ""


def with_tests(command: str, repo: str, test_patch: str) -> str:
    """Return a repository's command with the test files of a patch, as the harness appends them."""
    files = [part.path for part in split(test_patch) if not part.deleted]
    tests = [file for file in files if PurePosixPath(file).suffix not in _NO_TESTS]
    if repo == "django/django":
        tests = [file.removesuffix(".py").removeprefix("tests/").replace("/", ".") for file in tests]
    return " ".join([command, *map(shlex.quote, tests)])


def log_parser(repo: str, command: str = "") -> str:
    """Return the name of the parser of a repository's log; pytest's for other pytest commands, else empty."""
    return (_PARSERS | _MULTIMODAL_PARSERS).get(repo, "parse_log_pytest_v2" if "pytest" in command else "")


def eval_type(repo: str) -> str:
    """Return how the harness counts a repository's results where the row does not say."""
    return "fail_only" if repo in _FAIL_ONLY else "pass_and_fail"


def agents_runner(repo: str) -> str:
    """Return the command by which agents run test files of a repository, to which files are appended."""
    path = "" if repo not in _OWN_RUNNERS else 'PYTHONPATH="$PWD" '
    return f"{path}python -m pytest -p no:cacheprovider -o addopts="
