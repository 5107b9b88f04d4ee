from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from agent.models import registry
from agent.models.base import Model
from agent.models.errors import ModelUnavailableError, UnknownModelError
from agent.models.registry import known_models, load_model

BACKEND = """
class Echo:
    name = "echo"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        raise NotImplementedError


class Nothing:
    pass
"""


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bultin/repair", "did you mean builtin/repair?"),
        ("builtin/repare", "did you mean builtin/repair?"),
        ("litelm/gpt", "did you mean litellm/PROVIDER/MODEL?"),
        (
            "gpt-4o",
            "known: builtin/repair, litellm/PROVIDER/MODEL, vllm-offline/PATH, replay/FILE, manual/DIR",
        ),
        ("manual/", "did you mean manual/DIR?"),
        ("", "known:"),
        ("no_such_module:Model", "cannot be imported"),
        ("/nowhere/at/all.py:Model", "there is no file"),
        ("json:JSONDecodr", "did you mean JSONDecoder?"),
        ("json:JSONDecoder", "lacks one of: name, capabilities, generate"),
    ],
)
def test_unknown_names_say_what_is_known(name: str, hint: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        load_model(name)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_embedded_backend_needs_nothing() -> None:
    model = load_model("builtin/repair")
    assert isinstance(model, Model)
    assert model.capabilities.tools


def test_class_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "backend.py"
    path.write_text(BACKEND)
    assert isinstance(load_model(f"{path}:Echo"), Model)
    with pytest.raises(UnknownModelError, match="gives a Nothing"):
        load_model(f"{path}:Nothing")
    path.write_text("def broken(:")
    with pytest.raises(UnknownModelError, match="cannot be imported"):
        load_model(f"{path}:Echo")


def test_plugins_take_the_rest_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(name="scripts", value="agent.models.scripted:ScriptedModel", group=registry.GROUP)
    monkeypatch.setattr(registry, "_plugins", lambda: (point,))
    assert isinstance(load_model("scripts/anything"), Model)
    assert "scripts" in known_models()


@pytest.mark.parametrize(
    ("value", "problem"),
    [("no_such_module:Model", "cannot be imported"), ("agent.models.replay:nothing", "cannot be imported"),
     ("json:loads", "cannot be made: JSONDecodeError")],
)  # fmt: skip
def test_broken_plugins_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    point = EntryPoint(name="broken", value=value, group=registry.GROUP)
    monkeypatch.setattr(registry, "_plugins", lambda: (point,))
    with pytest.raises(ModelUnavailableError, match=problem) as caught:
        load_model("broken/x")
    assert "\n" not in str(caught.value)


def test_litellm_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)
    with pytest.raises(ModelUnavailableError, match=r'pip install "mangabey\[litellm\]"'):
        load_model("litellm/openai/x")


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'litellm', 'openai', 'numpy', 'bm25s', 'tree_sitter', 'docker', 'git', 'ray'}"
    code = "import sys; from agent.models import known_models; known_models(); "
    code += f"print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
