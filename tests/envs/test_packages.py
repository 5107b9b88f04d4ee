from __future__ import annotations

import os
from pathlib import Path

import pytest

from envs.packages import _CERTIFICATES, pip_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    """Pip has no settings but those that a test makes."""
    for name in list(os.environ):
        if name.startswith("PIP_") or "proxy" in name.lower() or name == "SSL_CERT_FILE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def config(monkeypatch, tmp_path):
    def write(text: str) -> None:
        (tmp_path / "pip.conf").write_text(text)
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    return write


def test_without_settings_pip_is_only_kept_quiet():
    found = pip_settings()
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR", "PIP_ROOT_USER_ACTION"}
    assert set(found.env) <= {*quiet, "PIP_CERT"}
    assert set(found.mounts) <= {_CERTIFICATES}


def test_variables_are_passed_on(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.org/simple")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "packages.example.org")
    env = pip_settings().env
    assert env["PIP_INDEX_URL"] == "https://packages.example.org/simple"
    assert env["PIP_TRUSTED_HOST"] == "packages.example.org"


def test_a_configuration_file_is_passed_on_as_variables(config):
    config(
        "[global]\nindex-url = https://a.example.org/simple\nextra-index-url =\n  https://b/s\n  https://c/s\n"
    )
    env = pip_settings().env
    assert env["PIP_INDEX_URL"] == "https://a.example.org/simple"
    assert env["PIP_EXTRA_INDEX_URL"] == "https://b/s https://c/s"
    assert "PIP_CONFIG_FILE" not in env


def test_a_variable_wins_over_a_file(config, monkeypatch):
    config("[global]\nindex-url = https://file/simple\n[install]\ntimeout = 7\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable/simple")
    env = pip_settings().env
    assert (env["PIP_INDEX_URL"], env["PIP_TIMEOUT"]) == ("https://variable/simple", "7")


def test_certificates_are_mounted_where_the_distribution_has_its_own(monkeypatch, tmp_path):
    (tmp_path / "ca.pem").write_text("certificates")
    for name in ("PIP_CERT", "SSL_CERT_FILE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(tmp_path / "ca.pem"))
            found = pip_settings()
        assert found.env["PIP_CERT"] == _CERTIFICATES
        assert found.mounts[_CERTIFICATES] == tmp_path / "ca.pem"


def test_certificates_that_are_not_there_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    found = pip_settings()
    assert "PIP_CERT" not in found.env
    assert found.mounts == {}


def test_a_local_index_is_mounted(monkeypatch, tmp_path):
    (tmp_path / "in dex").mkdir()
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "in dex").as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example.org/simple")
    found = pip_settings()
    assert found.mounts[str(tmp_path / "in dex")] == tmp_path / "in dex"
    assert found.env["PIP_INDEX_URL"] == (tmp_path / "in dex").as_uri()
    assert set(found.mounts.values()) <= {tmp_path / "in dex", Path(_CERTIFICATES)}


def test_settings_about_the_hosts_own_packages_and_folders_are_left_out(monkeypatch, tmp_path):
    (tmp_path / "wheels").mkdir()
    for name in ("FIND_LINKS", "CONSTRAINT", "TARGET", "PREFIX", "CACHE_DIR", "LOG", "PYTHON", "USER"):
        monkeypatch.setenv(f"PIP_{name}", str(tmp_path / "wheels"))
    found = pip_settings()
    assert not any(str(tmp_path) in value for value in found.env.values())
    assert str(tmp_path / "wheels") not in found.mounts


def test_proxies_are_passed_on(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    env = pip_settings().env
    assert (env["https_proxy"], env["NO_PROXY"]) == ("http://proxy:3128", "localhost")
