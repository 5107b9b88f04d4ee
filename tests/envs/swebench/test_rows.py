from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.swebench.rows import Row, read_row
from envs.task import TaskError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
COLUMNS = st.sampled_from(
    sorted(
        {*Row.model_fields, "FAIL_TO_PASS", "expected_output_json", "install_config", "test_cmds"}
        | {"repo_name", "commit_hash", "interface"}
    )
)
TEXTS = st.sampled_from(
    ["", "[", "{[]: 1}", "[1]", '{"a": 1}', "x" * 300, "(" * 500, "[" * 20000, "\0", "\ud800"]
)


def read(**columns) -> Row:
    return read_row({"instance_id": "a-1"} | columns, "rows.jsonl, line 3")


def refused(**columns) -> str:
    with pytest.raises(TaskError) as error:
        read(**columns)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("rows.jsonl, line 3: ")
    return message.removeprefix("rows.jsonl, line 3: ")


def test_the_columns_of_swe_bench(row):
    found = read_row(row, "here")
    assert (found.instance_id, found.repo, found.version) == ("psf__requests-1", "psf/requests", "2.4")
    assert found.fail_to_pass == ("tests/test_a.py::test_secret",)
    assert found.pass_to_pass == ("tests/test_a.py::test_kept",)
    assert found.title == "It fails"


def test_an_id_is_all_that_a_row_needs():
    found = read()
    assert (found.repo, found.base_commit, found.fail_to_pass, found.image) == ("", "", (), "")


@pytest.mark.parametrize(
    "value",
    [
        ["a", "b's"],
        ("a", "b's"),
        '["a", "b\'s"]',
        "['a', \"b's\"]",
        "('a', \"b's\")",
    ],
    ids=["list", "tuple", "JSON", "Python", "Python tuple"],
)
def test_tests_may_come_as_a_list_as_json_or_in_pythons_notation(value):
    for name in ("FAIL_TO_PASS", "fail_to_pass"):
        assert read(**{name: value}).fail_to_pass == ("a", "b's")
    for name in ("PASS_TO_PASS", "pass_to_pass"):
        assert read(**{name: value}).pass_to_pass == ("a", "b's")


@pytest.mark.parametrize("value", [None, "", "  ", "[]", []])
def test_no_tests_have_many_spellings(value):
    assert read(PASS_TO_PASS=value).pass_to_pass == ()


def test_empty_columns_of_a_table_count_as_absent():
    found = read(version=None, patch=None, image=None, setup=None, expected_output_json=None, test_cmd=None)
    assert (found.version, found.patch, found.image, found.setup, found.test_command) == ("", "", "", (), "")


def test_a_version_may_be_a_number():
    assert read(version=1.12).version == "1.12"


def test_the_columns_of_swe_bench_pro_make_its_issue():
    found = read_row(
        {
            "instance_id": "instance_NodeBB__NodeBB-04998908ba6721d64eba79ae3b65a351dcfbc5b5-vnan",
            "repo": "NodeBB/NodeBB",
            "base_commit": "1e137b07052bc3ea0da44ed201702c94055b8ad2",
            "problem_statement": "Title\n\nIt fails.",
            "requirements": "- It should not.",
            "interface": "Function `f()` in `src/f.js`",
            "fail_to_pass": "['test/a.js | it works', \"test/a.js | it's fine\"]",
            "pass_to_pass": "[]",
            "selected_test_files_to_run": '["test/a.js"]',
            "before_repo_set_cmd": "git checkout 0499 -- test/a.js",
            "dockerhub_tag": "nodebb.nodebb-NodeBB__NodeBB-0499",
        },
        "here",
    )
    assert found.fail_to_pass == ("test/a.js | it works", "test/a.js | it's fine")
    assert found.requirements == ()
    assert found.problem_statement == (
        "Title\n\nIt fails.\n\nRequirements:\n- It should not.\n\nNew interfaces introduced:\n"
        "Function `f()` in `src/f.js`"
    )


def test_the_columns_of_r2e_gym():
    commit = "0123456789abcdef0123456789abcdef01234567"
    found = read_row(
        {
            "repo_name": "pandas",
            "docker_image": f"namanjain12/pandas_final:{commit}",
            "commit_hash": commit,
            "problem_statement": "It fails.",
            "expected_output_json": '{"TestA.test_b": "PASSED"}',
            "parsed_commit_content": "{}",
        },
        "here",
    )
    assert (found.instance_id, found.repo) == ("pandas__0123456789ab", "pandas")
    assert found.docker_image.endswith(commit)
    assert found.expected == {"TestA.test_b": "PASSED"}


def test_the_columns_of_swe_rebench():
    found = read(
        install_config={
            "python": "3.9",
            "test_cmd": "pytest --no-header -rA",
            "log_parser": "parse_log_pytest",
            "install": "pip install -e .",
            "packages": "requirements.txt",
        },
        requirements="numpy==1.26.4\nsix @ file:///tmp/six\n",
        environment="name: testbed\nchannels:\n  - defaults\n",
        docker_image="swerebench/sweb.eval.x86_64.a_1776_a-1",
        FAIL_TO_PASS=["a"],
    )
    assert (found.runner, found.test_command) == ("pytest --no-header -rA", "")
    assert (found.log_parser, found.python) == ("parse_log_pytest", "3.9")
    assert (found.environment, found.requirements) == ("", ())


def test_the_columns_of_swe_bench_live():
    found = read(test_cmds=["pytest -rA a", "pytest -rA b"], log_parser="pytest", pull_number="7")
    assert found.test_command == "pytest -rA a ; pytest -rA b"
    assert found.log_parser == "pytest"


def test_the_columns_of_swe_smith():
    found = read_row(
        {
            "instance_id": "oauthlib__oauthlib.1fd52536.combine_file__09vlzwgc",
            "repo": "swesmith/oauthlib__oauthlib.1fd52536",
            "image_name": "swebench/swesmith.x86_64.oauthlib_1776_oauthlib.1fd52536",
            "patch": "",
            "FAIL_TO_PASS": ["tests/a.py::test_b"],
            "PASS_TO_PASS": [],
        },
        "here",
    )
    assert found.image_name.endswith("1fd52536")
    assert found.base_commit == ""


def test_the_columns_of_harness_5():
    found = read(
        image="i:1", eval_script="#!/bin/bash\n", log_parser="parse_log_django", eval_type="fail_only"
    )
    assert (found.image, found.eval_script, found.eval_type) == ("i:1", "#!/bin/bash\n", "fail_only")


def test_the_columns_of_ones_own():
    found = read(
        setup=["pip install x", "true", ""],
        pre_install="sed -i s/a/b/ setup.py",
        install="true",
        env={"A": "1"},
        requirements=["six==1.16.0"],
    )
    assert found.setup == ("pip install x",)
    assert found.pre_install == ("sed -i s/a/b/ setup.py",)
    assert found.install == ()
    assert (found.env, found.requirements) == ({"A": "1"}, ("six==1.16.0",))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"instance_id": None}, "instance_id: "),
        ({"instance_id": ""}, "instance_id: "),
        ({"instance_id": "../../etc/passwd"}, "instance_id: "),
        ({"instance_id": "a b"}, "instance_id: "),
        ({"instance_id": "a" * 201}, "instance_id: "),
        ({"instance_id": 7}, "instance_id: "),
        ({"base_commit": "HEAD"}, "base_commit: "),
        ({"base_commit": "--upload-pack=x"}, "base_commit: "),
        ({"base_commit": "abc123\n"}, "base_commit: "),
        ({"repo": 7}, "repo: "),
        ({"patch": ["a"]}, "patch: "),
        ({"FAIL_TO_PASS": "neither JSON nor Python"}, "FAIL_TO_PASS: "),
        ({"FAIL_TO_PASS": "[1]"}, "FAIL_TO_PASS.0: "),
        ({"FAIL_TO_PASS": {"a": 1}}, "FAIL_TO_PASS: "),
        ({"PASS_TO_PASS": "[" * 100_000}, "PASS_TO_PASS: "),
        ({"PASS_TO_PASS": "{[]: 1}"}, "PASS_TO_PASS: "),
        ({"expected_output_json": "{"}, "expected_output_json: "),
        ({"expected_output_json": "[" * 100_000}, "expected_output_json: "),
        ({"expected_output_json": '{"a": 1}'}, "expected_output_json.a: "),
        ({"env": "[]"}, "env: "),
        ({"setup": 5}, "setup: "),
        ({"install": [1]}, "install.0: "),
        ({"test_cmds": [1, 2]}, "test_cmds: "),
        ({"image": {"name": "x"}}, "image: "),
    ],
)
def test_a_bad_column_is_told_by_name_in_one_line(columns, message):
    assert refused(**columns).startswith(message)


def test_nothing_of_the_grading_is_in_what_is_printed(row):
    more = {
        "test_command": "SECRET",
        "eval_script": "SECRET",
        "known_failures": ["SECRET"],
        "runner": "SECRET",
    }
    more |= {"expected_output_json": '{"SECRET": "PASSED"}', "test_files": ["SECRET"]}
    found = read_row(row | more, "here")
    for printed in (repr(found), str(found)):
        assert "SECRET" not in printed
        assert "test_secret" not in printed
        assert "test_kept" not in printed
        assert "psf__requests-1" in printed


def test_a_row_is_frozen(row):
    with pytest.raises(ValueError, match="frozen"):
        read_row(row, "here").patch = ""


@given(data=st.dictionaries(COLUMNS, JSON | TEXTS, max_size=6), named=st.booleans())
def test_no_json_object_raises_anything_but_a_task_error(data, named):
    data |= {"instance_id": "a-1"} if named else {}
    try:
        found = read_row(data, "here")
        message = "here: "
    except TaskError as error:
        found, message = None, str(error)
    assert message.startswith("here: ")
    assert "\n" not in message
    assert found is None or found.instance_id


@given(tests=st.lists(st.text(max_size=12)))
def test_any_names_of_tests_come_back_from_each_spelling(tests):
    for value in (tests, json.dumps(tests), repr(tests)):
        assert read(FAIL_TO_PASS=value).fail_to_pass == tuple(tests)
