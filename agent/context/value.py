"""What stands inside `<context>`."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = "(no source files found)"


@dataclass(frozen=True, slots=True)
class Context:
    """The repository as an agent first sees it.

    `parts` are, by `ContextSettings.kind`, lines `path:start-end kind qualified.name`, files with their
    signatures, or files with their text, best first. `tests` are the paths of existing tests, best first.
    """

    parts: tuple[str, ...]
    tests: tuple[str, ...]

    def render(self) -> str:
        """Return what stands inside `<context>`: the parts, then, apart, the test files."""
        text = "\n".join(self.parts) or NOTHING
        if self.tests:
            text += "\n\nExisting test files:\n" + "\n".join(self.tests)
        return text
