from __future__ import annotations

import pytest

from runs.batch.digests import digest_of_rooms
from runs.batch.order import Order, check_drift, differences, read_order, write_order
from runs.failures import UsageError
from runs.recipe import Recipe


@pytest.fixture
def order():
    return Order(tasks="pypi", recipe=Recipe())


def test_an_order_comes_back_as_it_was_written(order, tmp_path):
    write_order(tmp_path, order)
    assert read_order(tmp_path) == order
    assert check_drift(tmp_path, order) == ()


def test_how_it_is_run_may_change_and_what_results_depend_on_may_not(order, tmp_path):
    write_order(tmp_path, order)
    free = {"parallel": 7, "instances": ("a",), "limit_time": 5.0, "sandboxes": 3, "executor": "ray"}
    assert check_drift(tmp_path, order.model_copy(update=free)) == ()
    side = order.model_copy(update={"recipe": Recipe(parallel=9)})
    assert check_drift(tmp_path, side) == ()
    other = order.model_copy(update={"recipe": Recipe(seed=9), "tasks": "verified"})
    assert check_drift(tmp_path, other) == ("recipe.seed: 0 -> 9", "tasks: pypi -> verified")


def test_the_users_own_files_are_part_of_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class Mine: pass\n")
    order = Order(tasks="pypi", recipe=Recipe(model=f"{file}:Mine"))
    write_order(tmp_path / "run", order)
    file.write_text("class Mine: x = 1\n")
    (line,) = check_drift(tmp_path / "run", order)
    assert line.startswith(f"files.{file}: ")


@pytest.mark.parametrize(
    "named",
    [
        lambda file: {"recipe": Recipe(selection={"system": str(file)})},
        lambda file: {"suite": file},
        lambda file: {"tasks": f"{file}/some-*"},
        lambda file: {"recipe": Recipe(sandbox=f"{file}:Room")},
        lambda file: {"recipe": Recipe(image=str(file))},
        lambda file: {"recipe": Recipe(model=f"{file}:Mine/{file.parent}/script.json")},
        lambda file: {"recipe": Recipe(model=f"0.5*{file}:Mine + 0.5*litellm/x")},
        lambda file: {"recipe": Recipe(model=f"replay/{file.parent}/replayed")},
    ],
)
def test_every_file_that_is_named_is_part_of_it(named, tmp_path):
    file = tmp_path / "mine.py"
    others = [tmp_path / "script.json", tmp_path / "replayed" / "issue" / "journal.jsonl"]
    others[1].parent.mkdir(parents=True)
    for one in (file, *others):
        one.write_text("1")
    order = Order(**{"tasks": "pypi", "recipe": Recipe()} | named(file))
    write_order(tmp_path / "run", order)
    assert check_drift(tmp_path / "run", order) == ()
    for one in (file, *others):
        one.write_text("2")
    lines = check_drift(tmp_path / "run", order)
    assert lines
    assert all(line.startswith(f"files.{tmp_path}/") for line in lines)


def test_a_module_that_is_named_is_part_of_it():
    conditions = Order(tasks="pypi", recipe=Recipe(sandbox="benchmarks.null_sandbox:NullHost")).conditions()
    assert [key.rpartition("/")[2] for key in conditions if key.startswith("files.")] == ["null_sandbox.py"]


def test_data_that_is_installed_counts_as_code_and_displays_do_not(tmp_path):
    for name in ("selection/weights/features.json", "runs/recipes/demo.yaml", "sandbox/docker/put.sh"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("1")
        before = digest_of_rooms(tmp_path)
        path.write_text("2")
        assert digest_of_rooms(tmp_path) != before
    before = digest_of_rooms(tmp_path)
    for name in ("runs/page/style.css", "agent/__pycache__/talk.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("1")
    assert digest_of_rooms(tmp_path) == before


def test_another_kind_of_run_is_refused(order, tmp_path):
    (tmp_path / "run.json").write_text('{"recipe": {}}')
    with pytest.raises(UsageError, match="no batch"):
        check_drift(tmp_path, order)
    with pytest.raises(UsageError, match="holds no batch"):
        read_order(tmp_path)
    (tmp_path / "run.json").write_text("{torn")
    with pytest.raises(UsageError, match="no run that can be read"):
        check_drift(tmp_path, order)


def test_what_is_new_and_what_is_gone_is_told():
    assert differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == (
        "a: 1 -> nothing",
        "b: 2 -> 3",
        "c: nothing -> 4",
    )
    many = differences({}, {str(n): "x" for n in range(50)})
    assert many[-1] == "and 30 more"
