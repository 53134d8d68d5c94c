"""Lines with highlights and with what each part of them opens. Widths are the screen's, columns are bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wcwidth import wcwidth

from zeke.exchange.hostile import visible

EIGHTHS = "▏▎▍▌▋▊▉█"
LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text with a highlight group and the target that it opens, if any."""

    text: str
    group: str | None = None
    opens: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Page:
    """Built line by line. `spans` are [row, first byte, end byte, group], `targets` the same with what is opened."""

    columns: int
    """What does not fit is cut off."""
    lines: list[str] = field(default_factory=list)
    spans: list[tuple[int, int, int, str]] = field(default_factory=list)
    targets: list[tuple[int, int, int, Mapping[str, Any]]] = field(default_factory=list)

    def line(self, *pieces: Piece | str) -> None:
        """Add a line of pieces."""
        row, column, texts, left = len(self.lines), 0, [], self.columns
        for piece in pieces:
            piece = Piece(piece) if isinstance(piece, str) else piece
            text = visible(piece.text)
            if width(text) > left:
                text = fit(text, left)
            left -= width(text)
            end = column + len(text.encode())
            if piece.group:
                self.spans.append((row, column, end, piece.group))
            if piece.opens:
                self.targets.append((row, column, end, piece.opens))
            texts.append(text)
            column = end
        self.lines.append("".join(texts))

    def section(self, title: str) -> None:
        """Add a heading with an empty line above it."""
        self.line()
        self.line(Piece(title, "Title"))


def width(text: str) -> int:
    """Columns on the screen of a text that `visible` has seen."""
    return len(text) if text.isascii() else sum(max(wcwidth(character), 0) for character in text)


def fit(text: str, columns: int, *, right: bool = False) -> str:
    """Exactly so many columns: filled with spaces, or cut with an ellipsis."""
    text = visible(text)
    if width(text) > columns:
        kept, used = "", 0
        for character in text:
            used += max(wcwidth(character), 0)
            if used > columns - 1:
                break
            kept += character
        text = kept + "…" if columns > 0 else ""
    filling = " " * (columns - width(text))
    return filling + text if right else text + filling


def bar(value: float, most: float, columns: int) -> str:
    """A bar to the right, in eighths of a column; anything above nothing can be seen."""
    if value <= 0 or most <= 0 or columns <= 0:
        return ""
    eighths = max(round(value / most * columns * 8), 1)
    full, rest = divmod(min(eighths, columns * 8), 8)
    return EIGHTHS[-1] * full + (EIGHTHS[rest - 1] if rest else "")


def column(value: float, most: float, rows: int) -> list[str]:
    """A bar upwards as one character a row, the top row first; anything above nothing can be seen."""
    levels = max(round(value / most * rows * 8), 1) if value > 0 and most > 0 else 0
    cells = []
    for row in range(rows):
        left = min(max(levels - row * 8, 0), 8)
        cells.append(LEVELS[left - 1] if left else " ")
    return cells[::-1]


def wrapped(parts: Sequence[str], columns: int, joint: str = " · ") -> list[str]:
    """Parts on as few lines as they fit on; none is cut in two."""
    lines: list[str] = []
    for part in map(visible, parts):
        if lines and width(lines[-1] + joint + part) <= columns:
            lines[-1] += joint + part
        else:
            lines.append(part)
    return lines
