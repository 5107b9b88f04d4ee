"""Where keys come from, and how they stay out of what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.models import keys
from agent.models.keys import KeyFileError, data_without_keys, known_keys, load_keys, redacted, without_keys

PLANTED = "sk-planted/0123456789+abcdef"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keys, "_filed", {})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(keys.KEYS, raising=False)
    monkeypatch.setenv("SOME_API_KEY", PLANTED)


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_key_goes_in_every_way_it_is_written() -> None:
    for text in (
        f"key {PLANTED}!",
        "?key=sk-planted%2F0123456789%2Babcdef&x",
        json.dumps({"k": PLANTED}),
    ):
        assert "0123456789" not in without_keys(text)
        assert "[SOME_API_KEY]" in without_keys(text)
    assert without_keys("nothing secret") == "nothing secret"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc123def456",
        '{"authorization": "Bearer abc123def456"}',
        "{'Authorization': 'Basic abc123def456'}",
        "x-api-key: abc123def456",
        '\\"api-key\\": \\"abc123def456\\"',
        "sent bearer abc123def456 to",
    ],
)
def test_what_stands_where_requests_carry_a_key_goes_from_messages(text: str) -> None:
    assert "abc123def456" not in redacted(text)
    assert "[key]" in redacted(text)
    assert without_keys(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization required",
        "bearer authentication is needed",
        "the api key is wrong",
        "Authorization: none",
    ],
)
def test_words_stay(text: str) -> None:
    assert redacted(text) == text


def test_data_keeps_its_shape() -> None:
    data = {"a": [PLANTED, 1, None], f"x{PLANTED}": {"b": f"<{PLANTED}>"}}
    assert data_without_keys(data) == {
        "a": ["[SOME_API_KEY]", 1, None],
        "x[SOME_API_KEY]": {"b": "<[SOME_API_KEY]>"},
    }
    clean = {"a": ["b"]}
    assert data_without_keys(clean) is clean


def test_placeholders_and_paths_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "EMPTY")
    monkeypatch.setenv("SSH_KEY", "/home/somebody/.ssh/id")
    monkeypatch.setenv("MONKEY", "a long value, no key at all")
    assert not {"VLLM_API_KEY", "SSH_KEY", "MONKEY"} & set(known_keys().values())


def test_keys_of_a_private_file_are_used_and_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# mine\nFIRST_API_KEY=first-key\n\nexport MY_PASS = 'quoted-one'\nSOME_API_KEY=of-the-file\n"
    key_file(tmp_path / "config" / "mangabey" / "keys", text)
    for name in ("FIRST_API_KEY", "MY_PASS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    load_keys()
    import os

    assert (os.environ["FIRST_API_KEY"], os.environ["MY_PASS"]) == ("first-key", "quoted-one")
    assert os.environ["SOME_API_KEY"] == PLANTED
    assert without_keys("first-key quoted-one of-the-file") == "[FIRST_API_KEY] [MY_PASS] [SOME_API_KEY]"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_open_to_others_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    path = key_file(tmp_path / "keys", "A_KEY=very-secret-value\n", mode)
    monkeypatch.setenv(keys.KEYS, str(path))
    with pytest.raises(KeyFileError, match=f"mode {mode:o}.*chmod 600 {path}") as caught:
        load_keys()
    assert "very-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_wrong_with_a_key_file_is_said_without_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(keys.KEYS, str(key_file(tmp_path / "keys", "A_KEY=fine-value\nsecret text\n")))
    with pytest.raises(KeyFileError, match="line 2, is not NAME=value") as caught:
        load_keys()
    assert "secret" not in str(caught.value)
    monkeypatch.setenv(keys.KEYS, str(tmp_path / "nowhere"))
    with pytest.raises(KeyFileError, match="no such file"):
        load_keys()
    monkeypatch.delenv(keys.KEYS)
    load_keys()


def test_logs_hold_no_key() -> None:
    code = (
        "import logging, os\nfrom agent.models.keys import guard_logs\n"
        "assert logging.getLogRecordFactory() is logging.LogRecord\nguard_logs()\nguard_logs()\n"
        "key = os.environ['SOME_API_KEY']\nlogging.warning('sent %s', key)\n"
        "try:\n    raise ValueError(key)\nexcept ValueError:\n    logging.exception('failed')\n"
        "logging.warning('bad %d', 'x')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sent [SOME_API_KEY]" in done.stderr
    assert "ValueError: [SOME_API_KEY]" in done.stderr
    assert PLANTED not in done.stderr
