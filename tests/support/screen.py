"""The grid of an attached user interface (`:help ui-linegrid`), kept as text and highlights. Knows no Neovim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Cell = tuple[str, int]
"""Text and highlight id. The second half of a wide character is the empty text."""


class Screen:
    """One global grid, fed with `redraw` batches."""

    def __init__(self, width: int, height: int) -> None:
        self.cursor = (0, 0)
        """Row and column, counted from 0."""
        self._cells: list[list[Cell]] = []
        self._highlights: dict[int, Mapping[str, Any]] = {0: {}}
        self._resize(1, width, height)
        self._handlers: dict[str, Callable[..., None]] = {
            "grid_resize": self._resize,
            "grid_clear": self._clear,
            "grid_line": self._line,
            "grid_scroll": self._scroll,
            "grid_cursor_goto": self._goto,
            "hl_attr_define": self._define,
        }

    def redraw(self, batches: Sequence[Sequence[Any]]) -> None:
        """Apply one `redraw` notification: a list of `[event, arguments, arguments, …]`."""
        for name, *calls in batches:
            handler = self._handlers.get(name)
            if handler:
                for arguments in calls:
                    handler(*arguments)

    def lines(self) -> list[str]:
        """The rows as text, without trailing spaces."""
        return ["".join(text for text, _ in row).rstrip() for row in self._cells]

    def highlight(self, row: int, column: int) -> Mapping[str, Any]:
        """The attributes (`foreground`, `bold`, …) of a cell; row and display column counted from 0."""
        return self._highlights.get(self._cells[row][column][1], {})

    def _resize(self, _grid: int, width: int, height: int) -> None:
        kept = [row[:width] + [(" ", 0)] * (width - len(row)) for row in self._cells[:height]]
        self._cells = kept + [[(" ", 0)] * width for _ in range(height - len(kept))]

    def _clear(self, _grid: int) -> None:
        self._cells = [[(" ", 0)] * len(row) for row in self._cells]

    def _line(self, _grid: int, row: int, column: int, cells: Sequence[Sequence[Any]], *_wrap: bool) -> None:
        highlight = 0
        for text, *rest in cells:
            # A cell without a highlight has that of the cell before it.
            highlight = rest[0] if rest else highlight
            repeat = rest[1] if len(rest) > 1 else 1
            self._cells[row][column : column + repeat] = [(text, highlight)] * repeat
            column += repeat

    def _scroll(self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, _columns: int) -> None:
        # Rows move towards the side they are copied to, so none is overwritten before it is read.
        order = range(top, bottom - rows) if rows > 0 else range(bottom - 1, top - rows - 1, -1)
        for row in order:
            self._cells[row][left:right] = self._cells[row + rows][left:right]

    def _goto(self, _grid: int, row: int, column: int) -> None:
        self.cursor = (row, column)

    def _define(self, number: int, rgb: Mapping[str, Any], *_others: Any) -> None:
        self._highlights[number] = rgb
