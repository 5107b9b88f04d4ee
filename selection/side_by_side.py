"""Several candidates in one prompt: by letters, in the order they are shown, with what is known of each."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from selection.candidate import Candidate
from selection.verifiers.fitting import Fitted, Section, fit
from selection.verifiers.material import Material

AROUND = 1_600
"""Tokens of a prompt beside its sections."""
CODE = "The code around the changes, before any patch (the numbers are the lines'):"
ABOUT = {
    "patch": "",
    "executed": "What was observed with it:",
    "inputs": "Inputs with which it does otherwise:",
}


def letters(number: int) -> tuple[str, ...]:
    """Return the names under which so many candidates are shown."""
    return tuple(string.ascii_uppercase[:number])


def fitted(material: Material, shown: Sequence[Candidate], *, reserved: int = 0) -> Fitted:
    """Return all that is shown of some candidates, cut to fit.

    Args:
        material: what there is.
        shown: in the order they are shown.
        reserved: tokens that the rest of the conversation needs.
    """
    sections: list[Section] = [material.issue(), material.code(shown)]
    for letter, one in zip(letters(len(shown)), shown, strict=True):
        sections += [
            material.patch(one, f"patch {letter}"),
            material.executed(one, f"executed {letter}"),
            material.differing(one, f"inputs {letter}"),
        ]
    return fit(sections, max(1_000, material.tokens - AROUND - reserved), material.count)


def rendered(texts: Mapping[str, str], number: int) -> str:
    """Return code and candidates as the body of a prompt, behind the issue."""
    code = texts.get("code", "").strip("\n")
    parts = [f"{CODE}\n\n<code>\n{code}\n</code>"] if code else []
    for letter in letters(number):
        told = [
            f"{ABOUT[name]}\n{text}" if ABOUT[name] else text
            for name in ABOUT
            if (text := texts.get(f"{name} {letter}", "").strip("\n"))
        ]
        parts.append(f'<candidate id="{letter}">\n' + "\n".join(told) + "\n</candidate>")
    return "\n\n".join(parts)
