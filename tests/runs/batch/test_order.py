from __future__ import annotations

import pytest

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
