"""Source files as text, whatever they say of their encoding."""

from __future__ import annotations

import pytest

from agent.sources import as_text


@pytest.mark.parametrize("encoding", ["undefined", "no-such", "hex", "rot13", "idna", "punycode", "ascii"])
def test_an_encoding_that_does_not_read_the_file_is_passed_over(encoding: str) -> None:
    text = f"# coding: {encoding}\nname = 'caf\u00e9..\u00e9'\n"
    assert as_text(text.encode()) == text


def test_an_encoding_that_reads_the_file_is_used() -> None:
    text = "# -*- coding: latin-1 -*-\nname = 'caf\u00e9'\n"
    assert as_text(text.encode("latin-1")) == text
