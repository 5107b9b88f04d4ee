from __future__ import annotations

import json
import sys

import pytest

from envs.pypi import PypiSuite
from envs.sources import Choice, Source, chosen_tasks, find_task, open_source
from envs.sources.registry import describe_task, is_source, known_sources, parted, source_name
from envs.swebench.source import RowSource
from envs.task import TaskError

CODE = """
from envs.task import Environment, Task, TaskError


class Mine:
    def ids(self):
        return ("one", "two.1", "two.2")

    def describe(self, instance_id):
        return {"issue": f"about {instance_id}"}

    async def load(self, instance_id, home):
        return Task(instance_id, "o/r", "", "It fails", Environment(image="mine"), "pytest"), None


class Half:
    def ids(self):
        return ()


class Broken:
    def __init__(self):
        raise OSError("no\\nnetwork")


class Told:
    def __init__(self):
        raise TaskError("set MY_TOKEN")
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    ids = ["my__one-1.2", "my__two-3"]
    path.write_text("".join(json.dumps({"instance_id": one, "image": "i"}) + "\n" for one in ids))
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that offers a source by the name `offered`."""
    folder = tmp_path / "installed"
    (folder / "offering-1.dist-info").mkdir(parents=True)
    (folder / "offering-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: offering\nVersion: 1\n"
    )
    (folder / "offering-1.dist-info" / "entry_points.txt").write_text(
        "[mangabey.sources]\noffered = offering_source:Mine\ngone = offering_source:Gone\n"
    )
    (folder / "offering_source.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("offering_source", None)


def refused(name: str) -> str:
    with pytest.raises(TaskError) as error:
        open_source(name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_suite_of_release_pairs(manifest):
    source = open_source("pypi", manifest)
    assert isinstance(source, PypiSuite)
    assert source.ids() == ("tiny__1.0-1",)


def test_a_data_set_by_its_short_name_is_not_read_before_it_is_needed():
    assert isinstance(open_source("verified"), RowSource)


def test_a_file_of_rows(rows):
    assert open_source(str(rows)).ids() == ("my__one-1.2", "my__two-3")


def test_a_file_of_rows_that_is_not_there_is_told_at_once(tmp_path):
    name = str(tmp_path / "none.parquet")
    assert refused(name) == f"there is no file of rows {name}"


async def test_a_class_in_a_file(code, tmp_path):
    source = open_source(f"{code}:Mine")
    assert isinstance(source, Source)
    task, repository = await source.load("one", tmp_path)
    assert (task.instance_id, repository) == ("one", None)


async def test_a_class_in_a_module(code, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(code.parent))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    task, _ = await find_task("mine:Mine/two.1", tmp_path)
    assert task.instance_id == "two.1"
    sys.modules.pop("mine")


async def test_an_entry_point_of_an_installed_package(installed, tmp_path):
    assert open_source("offered").ids() == ("one", "two.1", "two.2")
    task, _ = await find_task("offered/one", tmp_path)
    assert task.instance_id == "one"
    assert known_sources()["offered"] == "offering_source:Mine"


def test_an_entry_point_that_leads_nowhere_is_told(installed):
    assert "the source gone cannot be opened: AttributeError" in refused("gone")


def test_an_unknown_name_names_the_nearest_and_where_all_are_listed(installed):
    assert "did you mean verified?" in refused("verfied")
    assert "did you mean offered?" in refused("offred")
    assert refused("zzz") == "there is no source 'zzz'; `mangabey tasks sources` lists all"
    assert "did you mean rows" not in refused("rowz")


def test_a_class_that_lacks_a_method_is_told(code):
    assert refused(f"{code}:Half").endswith("gives a Half, which lacks one of: ids, describe, load")


def test_what_a_class_raises_is_told_in_one_line(code):
    assert refused(f"{code}:Broken").endswith("cannot be opened: OSError: no network")
    assert refused(f"{code}:Told") == "set MY_TOKEN"


def test_a_class_or_module_or_file_that_is_not_there_is_told(code):
    assert "mine.py has no Nothing" in refused(f"{code}:Nothing")
    assert "ModuleNotFoundError" in refused("no_such_module_here:Mine")
    assert refused(f"{code.parent}/none.py:Mine").endswith(f"there is no file {code.parent}/none.py")
    assert "cannot be opened" in refused(":Mine")


def test_a_file_that_fails_where_it_is_loaded_is_told(tmp_path):
    (tmp_path / "bad.py").write_text("raise SyntaxError('no')\n")
    assert "SyntaxError: no" in refused(f"{tmp_path}/bad.py:Mine")


@pytest.mark.parametrize(
    ("spec", "source", "instance_id"),
    [
        ("pypi/funcy__2.0-1", "pypi", "funcy__2.0-1"),
        ("verified/sympy__sympy-20590", "verified", "sympy__sympy-20590"),
        ("rows.jsonl/my-1", "rows.jsonl", "my-1"),
        ("/abs/deep/rows.parquet/my-1.2.json", "/abs/deep/rows.parquet", "my-1.2.json"),
        ("./rows.json/a", "./rows.json", "a"),
        ("package.module:Class/a", "package.module:Class", "a"),
        ("/abs/x.py:Class/ID", "/abs/x.py:Class", "ID"),
        ("../x.py:Class/a.b.c-1", "../x.py:Class", "a.b.c-1"),
    ],
)
def test_the_name_of_a_task_is_parted_at_its_last_slash(spec, source, instance_id):
    assert parted(spec) == (source, instance_id)


@pytest.mark.parametrize("spec", ["nothing/one", "dir/sub/one", "pypi/", "one", "", "/"])
def test_what_names_no_task_is_told(spec):
    with pytest.raises(TaskError) as error:
        parted(spec)
    assert "\n" not in str(error.value)


def test_an_id_without_its_source_names_the_task():
    name = PypiSuite().ids()[0]
    with pytest.raises(TaskError, match=f"did you mean pypi/{name}\\?"):
        parted(name)


def test_tasks_are_chosen_by_source_alone_by_id_and_by_glob(code, rows):
    name = f"{code}:Mine"
    assert chosen_tasks(name, Choice())[1] == ["one", "two.1", "two.2"]
    assert chosen_tasks(f"{name}/two.*", Choice())[1] == ["two.1", "two.2"]
    assert chosen_tasks(f"{name}/two.*", Choice(shard="2/2"))[1] == ["two.2"]
    assert chosen_tasks(f"{name}/one", Choice(("two.2",)))[1] == ["one", "two.2"]
    assert chosen_tasks(str(rows), Choice())[1] == ["my__one-1.2", "my__two-3"]
    assert chosen_tasks(f"{rows}/my__two-*", Choice())[1] == ["my__two-3"]


def test_a_source_or_instance_that_is_not_there_is_told_when_tasks_are_chosen(code, tmp_path):
    with pytest.raises(TaskError, match="there is no source 'verifed'; did you mean verified"):
        chosen_tasks("verifed/x*", Choice())
    with pytest.raises(TaskError, match=r"no instance is called tow\.1; did you mean two\.1\?"):
        chosen_tasks(f"{code}:Mine/tow.1", Choice())
    with pytest.raises(TaskError, match="there is no file of rows"):
        chosen_tasks(str(tmp_path / "none.jsonl"), Choice())


def test_a_file_in_a_folder_named_like_a_source_is_a_file(tmp_path, monkeypatch, rows):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pypi").mkdir()
    rows.rename(tmp_path / "pypi" / "rows.jsonl")
    assert source_name("pypi/rows.jsonl") == "pypi/rows.jsonl"
    assert source_name("pypi/funcy*") == "pypi"


def test_what_is_shown_of_a_task(code):
    assert describe_task(f"{code}:Mine/one") == {"task": f"{code}:Mine/one", "issue": "about one"}


def test_names_are_told_from_other_words():
    assert all(is_source(name) for name in ("pypi", "verified", "a.jsonl", "m:C", "/x/y.py:C"))
    assert not any(is_source(name) for name in ("", "nothing", "dir/x", "a:b/c"))


def test_all_known_sources_are_described():
    known = known_sources()
    assert {"pypi", "full", "lite", "verified", "live", "gym", "smith", "rebench", "pro", "r2e"} <= set(known)
    assert "rows" not in known
    assert all(known.values())
