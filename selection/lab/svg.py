"""Small drawings as self-contained SVG: axes, lines, points, cells. Nothing is loaded, no script runs.

Three plots do not carry a plotting library of 40 MB; text and lines are all that they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#117733", "#999933")
"""Okabe and Ito's, which colour-blind readers tell apart, and of Tol's."""
INK, PALE = "#333333", "#dddddd"
_STYLE = "font-family: sans-serif; font-size: 11px"


class Drawing:
    """Shapes on a white page, in pixels from the upper left."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._shapes: list[str] = []

    def line(self, ends: Sequence[tuple[float, float]], colour: str = INK, dash: str = "") -> None:
        """Draw a line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._shapes.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"{dashed}/>'
        )

    def dot(self, x: float, y: float, radius: float, colour: str, told: str = "") -> None:
        """Draw a dot; `told` is shown when somebody points at it."""
        self._shapes.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}">{_told(told)}</circle>'
        )

    def cell(self, x: float, y: float, width: float, height: float, colour: str, told: str = "") -> None:
        """Draw a filled rectangle."""
        self._shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{colour}">{_told(told)}</rect>'
        )

    def text(self, x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> None:
        """Write words; `anchor` is start, middle or end."""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
        )

    def render(self) -> str:
        """Return the file."""
        width, height = self._size
        shapes = "\n".join(self._shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" style="{_STYLE}">\n'
            f"<title>{escape(self._title)}</title>\n"
            f'<rect width="100%" height="100%" fill="white"/>\n{shapes}\n</svg>\n'
        )


class Plane:
    """A plotting area within a drawing: numbers to pixels, and the axes around it."""

    def __init__(
        self,
        drawing: Drawing,
        area: tuple[float, float, float, float],
        across: tuple[float, float],
        up: tuple[float, float],
    ) -> None:
        self._drawing = drawing
        self._left, self._top, self._width, self._height = area
        self._across, self._up = across, up

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the plane lies."""
        (low, high), (bottom, top) = self._across, self._up
        right = (x - low) / (high - low) if high > low else 0.5
        above = (y - bottom) / (top - bottom) if top > bottom else 0.5
        return self._left + right * self._width, self._top + (1 - above) * self._height

    def axes(self, ticks: Sequence[tuple[float, str]], levels: Sequence[float], across: str, up: str) -> None:
        """Draw the axes: labelled ticks below, levels in percent at the left, and what they are."""
        drawing = self._drawing
        for level in levels:
            x, y = self.place(self._across[0], level)
            drawing.line([(x, y), (x + self._width, y)], PALE)
            drawing.text(x - 6, y + 4, f"{100 * level:.0f}", "end")
        for value, name in ticks:
            x, y = self.place(value, self._up[0])
            drawing.line([(x, y), (x, y + 4)])
            drawing.text(x, y + 16, name, "middle")
        drawing.text(self._left + self._width / 2, self._top + self._height + 34, across, "middle")
        drawing.text(self._left - 34, self._top - 10, up)


def _told(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""
