"""Code of packages that runs on the host sees no key of the user's."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from envs.clean_environment import clean_environment
from envs.sdists import pip
from envs.task import Environment
from envs.venvs import venv_for

TELLING = """import json, os, pathlib
pathlib.Path({told!r}).write_text(json.dumps(dict(os.environ)))
"""
BACKEND = """
def _metadata(folder):
    folder.mkdir()
    folder.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: telling\\nVersion: 1\\n")

def prepare_metadata_for_build_wheel(directory, settings=None):
    _metadata(pathlib.Path(directory, "telling-1.dist-info"))
    return "telling-1.dist-info"

def build_wheel(directory, settings=None, metadata=None):
    raise NotImplementedError
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n'
KEYS = {
    "OPENAI_API_KEY": "sk-planted-0123456789",
    "HF_TOKEN": "hf-planted-0123456789",
    "my_secret": "planted-0123456789",
    "NAMED_BY_A_KEY_FILE": "planted-anyhow-0123456789",
    "DATABASE_URL": "postgres://me:planted@host/db",
}


@pytest.fixture
def planted(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def test_a_build_script_sees_no_key_and_all_of_pips_settings(planted, tmp_path):
    told = tmp_path / "told.json"
    archive = tmp_path / "telling-1.tar.gz"
    files = {"setup.py": TELLING.format(told=str(told)) + BACKEND, "pyproject.toml": PYPROJECT}
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"telling-1/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    pip("download", "--quiet", "--no-deps", "--dest", str(tmp_path / "got"), str(archive))
    seen = json.loads(told.read_text())
    assert not seen.keys() & KEYS.keys()
    assert "planted" not in told.read_text()
    assert seen["PIP_NO_INDEX"] == "1"
    assert seen["https_proxy"] == "http://127.0.0.1:9"
    assert seen["PATH"]


def test_what_a_package_runs_at_every_start_sees_no_key(planted, tmp_path, monkeypatch):
    told = tmp_path / "told.json"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    files = {
        "telling.py": TELLING.format(told=str(told)),
        "telling.pth": "import telling\n",
        "telling-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: telling\nVersion: 1\n",
        "telling-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["telling-1.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(wheels / "telling-1-py3-none-any.whl", "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    version = ".".join(map(str, sys.version_info[:2]))
    venv_for(Environment(python=version, requirements=("telling==1",)), tmp_path / "home")
    assert told.exists()
    assert "planted" not in told.read_text()


def test_nothing_but_what_a_build_needs_goes_in(planted, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-O1")
    monkeypatch.setenv("HOME", str(Path.home()))
    seen = clean_environment()
    assert seen["CFLAGS"] == "-O1"
    assert seen["HOME"] == str(Path.home())
    assert not seen.keys() & (KEYS.keys() | {"PYTHONPATH"})
