"""What the host's environment holds stays there."""

from __future__ import annotations

import pytest

from sandbox.base import Sandbox

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment before the sandbox is made."""
    monkeypatch.setenv("SOME_API_KEY", KEY)


async def test_sandboxes_get_no_key(planted: None, box: Sandbox) -> None:
    seen = await box.exec("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; true", timeout=30)
    assert "PATH=" in seen.text
    assert "SOME_API_KEY" not in seen.text
    assert KEY not in seen.text
