from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from runs.failures import UsageError
from runs.job import Job
from runs.recipe import CREW_KEYS, Allowance, Crew, Recipe, Rounds
from runs.recipe_files import DEFAULT, ordered_recipe, packaged, read_changes, read_recipe, to_yaml

HOME = Path(__file__).parent.parent.parent
PAGE = (HOME / "docs" / "recipes.md").read_text()
NAMES = {"adaptive", "best-of-n", "codemonkeys", "demo", "posterior", "r2e-hybrid", "refine", "single"}


def rows(heading):
    """The rows of the table below a heading of the page: cells without their ticks."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_packaged_recipes_are_those_of_the_page():
    assert set(packaged()) == NAMES
    assert {row[0] for row in rows("The packaged recipes")} == NAMES


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("What a recipe holds", Recipe),
        ("What a crew holds", Crew),
        ("What `rounds` holds", Rounds),
        ("What `budget` holds", Allowance),
    ],
)
def test_every_documented_default_is_the_resolved_one(heading, model):
    documented = {key: yaml.safe_load(default) for key, default, *_ in rows(heading)}
    resolved = model().model_dump(mode="json")
    assert set(documented) == set(model.model_fields)
    structured = {"crews", "rounds", "budget", "context", "selection"}
    for key in set(documented) - structured:
        assert documented[key] == resolved[key], key
    assert resolved.get("rounds") is None
    assert [Crew()] == list(Recipe().crews)


def test_every_documented_value_of_a_packaged_recipe_is_the_resolved_one():
    checked = 0
    for name, crews, calls, settings, *_ in rows("The packaged recipes"):
        recipe = read_recipe(name)
        assert crews == " + ".join(f"{crew.samples} {crew.kind}" for crew in recipe.crews)
        assert int(calls) == recipe.calls_at_most()
        data = recipe.model_dump(mode="json")
        for setting in filter(None, settings.split(", ")):
            key, value = setting.strip("`").split("=")
            place = data
            for part in key.split("."):
                place = place[int(part)] if isinstance(place, list) else place[part]
            assert place == yaml.safe_load(value), (name, key)
            checked += 1
    assert checked > 20


def test_a_recipe_says_what_it_is_in_one_short_line():
    for name in packaged():
        recipe = read_recipe(name)
        assert recipe.name == name
        assert 10 < len(recipe.about) < 56


def test_the_default_is_four_samples_of_the_tool_agent_with_the_offline_engine():
    recipe = read_recipe()
    (crew,) = recipe.crews
    assert (DEFAULT, recipe.model, recipe.rounds) == ("best-of-n", "builtin/repair", None)
    assert (crew.kind, crew.samples, crew.temperature, crew.greedy_first) == ("tool-agent", 4, 0.8, True)
    assert (crew.steps, crew.seconds, crew.dollars, crew.tokens) == (80, 300.0, None, None)
    assert not crew.share_tests
    unshared = Recipe(crews=(Crew(share_tests=False),))
    assert recipe.model_copy(update={"name": "", "about": ""}) == unshared
    assert read_recipe("demo").model_dump(exclude={"name", "about"}) == recipe.model_dump(
        exclude={"name", "about"}
    )


def test_a_shown_recipe_is_read_back_as_it_was(tmp_path):
    for name in packaged():
        recipe = read_recipe(name)
        path = tmp_path / f"{name}.yaml"
        path.write_text(to_yaml(recipe))
        assert read_recipe(str(path)) == recipe


def test_single_values_change_at_any_place():
    changes = read_changes(["crews.0.samples=8", "rounds.more=3", "budget.dollars=2.5", "models.test=a/b"])
    recipe = read_recipe("adaptive", changes)
    assert recipe.crews[0].samples == 8
    assert recipe.rounds is not None
    assert (recipe.rounds.first, recipe.rounds.more) == (4, 3)
    assert recipe.budget.dollars == 2.5
    assert recipe.model_of(recipe.crews[1]) == "a/b"
    assert recipe.model_of(recipe.crews[0]) == "builtin/repair"
    one = read_recipe("single", read_changes(["samples=3", "grade=no", "rounds.first=2"]))
    assert (one.crews[0].samples, one.grade, one.rounds) == (3, False, Rounds(first=2))
    crews = read_recipe("single", read_changes(["crews=[{samples: 2}, {kind: tester, samples: 1}]"]))
    assert [crew.kind for crew in crews.crews] == ["tool-agent", "tester"]


def test_the_judges_text_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe("single", read_changes(["selection.system=judge.txt"]))
    assert recipe.selection.system == str(tmp_path / "judge.txt")


def test_options_are_short_for_changes_and_come_last():
    recipe = ordered_recipe("best-of-n", ["samples=2", "steps=7"], {"samples": 9, "seed": None}, None)
    assert (recipe.crews[0].samples, recipe.crews[0].steps, recipe.seed) == (9, 7, 0)
    models = ordered_recipe("refine", ["models.verify=x/y"], {}, "a/b,edit=c/d")
    assert (models.model, models.models) == ("a/b", {"verify": "x/y", "edit": "c/d"})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("single", "sampels=3", "there is no key 'sampels'; did you mean samples?"),
        ("single", "crews.0.sampels=3", "no key 'crews.0.sampels'; did you mean samples? (known: kind, "),
        ("single", "rounds.frist=3", "no key 'rounds.frist'; did you mean first?"),
        ("single", "samples=many", "crews.0.samples: 'many' is wrong, it should be a valid integer"),
        ("single", "samples=0", "crews.0.samples: 0 is wrong, it should be greater than or equal to 1"),
        ("single", "temperature=3", "it should be less than or equal to 2"),
        ("single", "budget.tokens=no", "budget.tokens: False is wrong, it should be"),
        ("single", "crews.4.samples=3", "there is no '4' of 1: 0 only"),
        ("refine", "crews.x.samples=3", "there is no 'x' of 3: 0 to 2"),
        ("refine", "samples=3", "samples is a crew's, and the recipe has 3: name one, as in crews.0.samples"),
        ("single", "model.x=3", "model is one value and holds no 'x'"),
        ("single", "crews=[]", "crews: [] is wrong, it should have at least 1 item"),
        ("single", "crews=7", "crews: 7 is wrong, it should be a valid list"),
        ("single", "crews.0=3", "crews.0: 3 is wrong, it should be a valid"),
        ("single", "samples", "write KEY=VALUE"),
        ("single", "samples=[", "the value is no YAML (line 1, column"),
        ("single", "models.edti=a/b", "models.edti"),
        ("single", "kind=tester", "no crew makes candidates"),
        ("single", "kind=refiner", "a refiner needs a `round` after that of another crew"),
        ("single", "seed_test=yes", "no tester shares tests in an earlier `round`"),
        ("single", "first_phase=edit", "only a test-and-edit has phases"),
        ("adaptive", "crews.1.round=2", "what is known decides who is next"),
        ("adaptve", "seed=1", "there is no recipe 'adaptve'; did you mean adaptive? (known: adaptive, best-"),
        ("nowhere.yaml", "seed=1", "the recipe nowhere.yaml cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name, change, said):
    with pytest.raises(UsageError) as error:
        read_recipe(name, read_changes([change]))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("samples: 4\n  kind: x\n", "is no YAML: line 2, column 7: mapping values are not allowed here"),
        ("crews: [\n", "is no YAML: line 2, column 1"),
        ("- 1\n", "holds no keys with values"),
        ("crews:\n  - kind: tool-agent\n    step: 3\n", "no key 'crews.0.step'; did you mean steps?"),
        ("a: &x [*x]\n", "there is no key 'a'"),
        ("!!python/object:os.system {}\n", "is no YAML: line 1, column 1"),
    ],
)
def test_a_broken_file_says_where(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_recipe(str(path))
    assert said in str(error.value)


@pytest.mark.parametrize("kind", ["map", "files"])
def test_a_share_of_a_context_that_ranks_nothing_is_refused(kind):
    changes = {"context_share": 0.5, "samples": 4}
    assert read_recipe("single", changes).crews[0].context_share == 0.5
    with pytest.raises(UsageError, match=r"crews\.0\.context_share: only context\.kind definitions"):
        read_recipe("single", changes | {"context.kind": kind})


def test_a_whole_crew_may_be_given():
    changed = read_recipe("refine", read_changes(["crews.0={kind: test-and-edit, samples: 2}"]))
    assert [crew.kind for crew in changed.crews] == ["test-and-edit", "refiner", "refiner"]


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(str(path))


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("root").mkdir()
    Path("mine.yaml").write_text("model: my.py:Model\nimage: ./root\ncrews: [{model: replay/x.jsonl}]\n")
    recipe = read_recipe("mine.yaml")
    assert recipe.model == f"{tmp_path}/my.py:Model"
    assert recipe.image == f"{tmp_path}/root"
    assert recipe.crews[0].model == f"replay/{tmp_path}/x.jsonl"


OLD = {
    "model": "builtin/repair",
    "models": {},
    "call_seconds": 600.0,
    "attempts": 6,
    "samples": 3,
    "parallel": 2,
    "temperature": 0.5,
    "seed": 7,
    "steps": 9,
    "seconds": 60.0,
    "dollars": None,
    "sandbox": "daemonless",
    "image": None,
    "memory_mb": 2048,
    "test_seconds": 120.0,
    "grade": True,
}


def test_an_order_from_before_there_were_crews_is_still_understood(tmp_path):
    order = {
        "recipe": OLD,
        "task": "pypi/funcy__2.0-1",
        "suite": None,
        "repo": None,
        "issue": None,
        "python": None,
        "candidates": [],
        "plant_cheater": False,
    }
    job = Job.from_json(order, tmp_path)
    assert job.recipe.crews == (Crew(samples=3, temperature=0.5, steps=9, seconds=60.0),)
    assert (job.recipe.seed, job.recipe.parallel, job.recipe.sandbox) == (7, 2, "daemonless")
    assert Job.from_json(job.to_json(), tmp_path) == job
    with pytest.raises(UsageError, match="start anew without --resume"):
        Job.from_json(order | {"recipe": OLD | {"samples": "some"}}, tmp_path)


def test_a_crews_key_beside_the_recipes_means_its_only_crew():
    assert Recipe.model_validate({"samples": 2, "crews": [{"steps": 3}]}).crews == (Crew(samples=2, steps=3),)
    assert {"samples", "steps", "seconds", "temperature", "kind"} <= CREW_KEYS
    assert "model" not in CREW_KEYS


def test_the_commands(mangabey, tmp_path):
    listed = mangabey("recipes", "list")
    assert listed.returncode == 0, listed.stderr
    assert {line.split()[0] for line in listed.stdout.splitlines()} == NAMES
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert re.search(r"codemonkeys .* 160 calls", listed.stdout)
    shown = mangabey("recipes", "show", "refine", "-c", "crews.1.samples=5", "--json")
    assert Recipe.model_validate_json(shown.stdout).crews[1].samples == 5
    wrong = mangabey("recipes", "show", "refine", "-c", "crews.1.kind=9")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("mangabey: the recipe refine: crews.1.kind: 9 is wrong, it should be a ")


def test_an_unknown_kind_in_a_recipe_is_refused_before_anything_is_made(mangabey, tmp_path):
    path, out = tmp_path / "mine.yaml", tmp_path / "run"
    path.write_text("kind: tool-agnet\n")
    done = mangabey("solve", "--task", "pypi/funcy__2.0-1", "--recipe", path, "--out", out)
    assert done.returncode == 2
    assert "there is no kind of trajectory 'tool-agnet'; did you mean tool-agent?" in done.stderr
    assert not out.exists()


def test_a_kind_that_the_model_cannot_play_is_refused_before_anything_is_made(mangabey, tmp_path):
    out = tmp_path / "run"
    done = mangabey("solve", "--task", "pypi/funcy__2.0-1", "--recipe", "codemonkeys", "--out", out)
    assert done.returncode == 2
    assert "builtin/repair works through a shell, which a test-and-edit does not offer" in done.stderr
    assert not out.exists()
