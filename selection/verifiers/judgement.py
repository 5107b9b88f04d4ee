"""The layout that trained verifiers read: R2E-Gym's (Jain et al. 2025) and DeepSWE's (Luo et al. 2025).

A judge's text, a log of the task and of numbered steps, the final patch, and a label inside judgement tags.
The marks are those the models were trained on; the words between them are ours unless the user brings the
authors'.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.messages import Message
from selection.verifiers.digest import Step

TAG = "<judgement>"
"""What the reply begins with, and the label stands behind."""
SYSTEM = """\
You judge whether an assistant that worked on a code repository solved the task its user gave it. What counts:
1. Is the whole task done, not only a part of it?
2. Does the result meet every requirement that the user states?
3. Is the final patch free of mistakes?
4. Does what was run show that it works?

Answer with "<judgement>YES</judgement>" or "<judgement>NO</judgement>" and nothing else.
"""
_QUESTION = "Judging by this interaction, did the assistant solve the user's task? Answer with YES or NO."


def judgement_messages(system: str, issue: str, steps: Sequence[Step], patch: str) -> tuple[Message, ...]:
    """Return the conversation; its last message begins the reply, so that the label comes next.

    Args:
        system: the judge's text; ours where it is empty.
        issue: the task.
        steps: what was done; thoughts are not in it.
        patch: the final patch.
    """
    system = system or SYSTEM
    log = [f"[SYSTEM]\n{system.strip()}\n[/SYSTEM]", f"[USER]\n{issue.strip(chr(10))}\n[/USER]"]
    for number, step in enumerate(steps):
        log += [
            f"[STEP]\n{number}\n[/STEP]",
            f"[ASSISTANT]\n{step.action}\n[/ASSISTANT]",
            f"[USER]\n{step.observation}\n[/USER]",
        ]
    parts = [
        "=== INTERACTION LOG ===",
        *log,
        "=== END INTERACTION ===",
        "=== FINAL PATCH ===",
        f"[PATCH]\n{patch.strip(chr(10))}\n[/PATCH]",
        "=== END FINAL PATCH ===",
        _QUESTION,
    ]
    return (
        Message(role="system", content=system),
        Message(role="user", content="\n\n".join(parts)),
        Message(role="assistant", content=TAG),
    )
