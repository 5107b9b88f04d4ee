from __future__ import annotations

import pytest

from envs.swebench.families import FAMILIES
from envs.swebench.rows import Row
from envs.swebench.source import environment_of
from sandbox.docker.images import Registry


def image(family: str, **columns) -> str:
    columns = {"instance_id": "sympy__sympy-20590"} | columns
    return environment_of(Row(**columns), FAMILIES[family]).image or ""


@pytest.fixture(autouse=True)
def no_platform(monkeypatch):
    monkeypatch.delenv("MANGABEY_PLATFORM", raising=False)
    monkeypatch.delenv("MANGABEY_REGISTRY", raising=False)


@pytest.mark.parametrize("family", ["full", "lite", "verified", "multilingual", "multimodal"])
def test_swe_bench_names_an_image_for_each_instance(family):
    assert image(family) == "swebench/sweb.eval.x86_64.sympy_1776_sympy-20590:latest"


def test_names_of_images_are_in_lower_case():
    name = image("multimodal", instance_id="chartjs__Chart.js-10301")
    assert name == "swebench/sweb.eval.x86_64.chartjs_1776_chart.js-10301:latest"


def test_swe_bench_live():
    name = image("live", instance_id="aws-cloudformation__cfn-lint-3798")
    assert name == "starryzhang/sweb.eval.x86_64.aws-cloudformation_1776_cfn-lint-3798:latest"
    assert image("live", docker_image="starryzhang/other:1") == "starryzhang/other:1"


def test_swe_gym():
    name = image("gym", instance_id="Project-MONAI__MONAI-1010")
    assert name == "xingyaoww/sweb.eval.x86_64.project-monai_s_monai-1010:latest"


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"image_name": "swesmith.x86_64.oauthlib__oauthlib.1fd52536"},
        {"image_name": "swebench/swesmith.x86_64.oauthlib_1776_oauthlib.1fd52536"},
    ],
    ids=["none", "older rows", "newer rows"],
)
def test_the_instances_of_swe_smith_share_the_image_of_their_repository(named):
    for instance in ("combine_file__09vlzwgc", "lm_rewrite__4f8m"):
        name = image(
            "smith",
            instance_id=f"oauthlib__oauthlib.1fd52536.{instance}",
            repo="swesmith/oauthlib__oauthlib.1fd52536",
            **named,
        )
        assert name == "swebench/swesmith.x86_64.oauthlib_1776_oauthlib.1fd52536"


def test_the_former_owner_of_swe_smiths_images_is_kept_where_a_row_names_it():
    name = "jyangballin/swesmith.x86_64.pandas-dev_1776_pandas.70c3acf6"
    assert image("smith", image_name=name) == name


def test_swe_rebench_by_the_row_and_else_by_its_rule():
    name = "swerebench/sweb.eval.x86_64.oemof_1776_tespy-653"
    assert image("rebench", docker_image=name) == name
    assert image("rebench", image_name=name) == name
    assert image("rebench", instance_id="oemof__tespy-653") == f"{name}:latest"


def test_swe_bench_pro_has_a_tag_for_each_instance():
    tag = "nodebb.nodebb-NodeBB__NodeBB-0499"
    assert image("pro", dockerhub_tag=tag) == f"jefzda/sweap-images:{tag}"
    assert image("pro") == ""


def test_r2e_gym_names_its_images_in_the_rows():
    name = "namanjain12/pandas_final:0123456789abcdef"
    assert image("r2e", docker_image=name) == name


@pytest.mark.parametrize("family", FAMILIES)
def test_the_image_of_harness_5_wins_in_every_family(family):
    assert (
        image(family, image="mine:1", docker_image="other", image_name="other", dockerhub_tag="x") == "mine:1"
    )


def test_a_row_of_ones_own_names_its_image_or_has_none():
    assert image("rows") == ""
    assert image("rows", docker_image="mine") == "mine"


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/arm64", "swebench/sweb.eval.arm64.sympy_1776_sympy-20590:latest"),
        ("linux/arm64/v8", "swebench/sweb.eval.arm64.sympy_1776_sympy-20590:latest"),
        ("linux/amd64", "swebench/sweb.eval.x86_64.sympy_1776_sympy-20590:latest"),
    ],
)
def test_the_processor_in_the_name_is_the_platforms(monkeypatch, platform, name):
    monkeypatch.setenv("MANGABEY_PLATFORM", platform)
    assert image("verified") == name
    assert image("smith", repo="swesmith/a__b.1").split(".")[1] == name.split(".")[2]


@pytest.mark.parametrize("family", ["live", "gym", "rebench"])
def test_families_that_publish_for_one_processor_keep_their_names(monkeypatch, family):
    monkeypatch.setenv("MANGABEY_PLATFORM", "linux/arm64")
    assert ".x86_64." in image(family)


def test_a_mirror_stands_before_every_name(monkeypatch):
    monkeypatch.setenv("MANGABEY_REGISTRY", "mirror.example.org/hub/")
    full = Registry.from_environment().full_name(image("verified"))
    assert full == "mirror.example.org/hub/swebench/sweb.eval.x86_64.sympy_1776_sympy-20590:latest"


def test_what_the_images_need_is_known():
    conda = {"full", "lite", "verified", "gym", "smith", "rebench"}
    for name in conda:
        assert FAMILIES[name].env["PATH"].startswith("/opt/miniconda3/envs/testbed/bin:")
    assert {name for name, one in FAMILIES.items() if one.env} == conda | {"r2e"}
    assert {name for name, one in FAMILIES.items() if one.workdir != "/testbed"} == {"pro"}
    assert {name for name, one in FAMILIES.items() if one.grades_as != "root"} == {"rows"}
    assert {name for name, one in FAMILIES.items() if one.hidden} == {"r2e"}
    assert {one.dataset for name, one in FAMILIES.items() if name == "verified"} == {
        "SWE-bench/SWE-bench_Verified"
    }
