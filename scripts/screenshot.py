"""Draws the pictures of the README: a real Neovim, a real model, the cells of the screen as a terminal shows them.

`doc/statistics.png` has rows that were made up.

Needs Pillow (`pip install pillow`) beside the environment of `make setup`, and a monospaced TrueType font.
Usage: python -m scripts.screenshot FONT.ttf
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from bench.rows import fill
from tests.support.editor import Editor
from zeke.cache.database import open_connection
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, ROWS = 132, 34
SIZE = 15


def colour(value: int | None, default: int) -> str:
    """A colour of Neovim as a web colour."""
    return f"#{default if value is None else value:06x}"


def draw(editor: Editor, font_file: str, target: Path, rows: int = ROWS) -> None:
    """Paint every cell with its own colours."""
    regular = ImageFont.truetype(font_file, SIZE)
    width, height = round(regular.getlength("M")), round(SIZE * 1.35)
    image = Image.new("RGB", (COLUMNS * width, rows * height))
    canvas = ImageDraw.Draw(image)
    lines = editor.screen()
    for row in range(rows):
        for column in range(COLUMNS):
            look: Any = editor.highlight(row, column)
            ink, paper = colour(look.get("foreground"), 0xE0E2EA), colour(look.get("background"), 0x14161B)
            if look.get("reverse"):
                ink, paper = paper, ink
            place = (column * width, row * height)
            canvas.rectangle((*place, place[0] + width, place[1] + height), fill=paper)
            text = lines[row][column] if column < len(lines[row]) else " "
            canvas.text((place[0], place[1] + 1), text, font=regular, fill=ink)
    image.save(target, optimize=True)


async def serve(model: EmbeddedModel) -> tuple[str, str]:
    """The embedded model as the gateway of the picture."""
    endpoint = await model.endpoint()
    return endpoint.base_url, endpoint.key


def statistics(font_file: str) -> None:
    """Draw the figures of a month that was made up."""
    home = Path(tempfile.mkdtemp())
    connection, _ = open_connection(home / "routing.sqlite3", owned=False)
    fill(connection, rows=20_000, turn_count=0)
    connection.execute("UPDATE routing_stats SET project = 'grim' WHERE project < 'project-04' AND intent <> 'fix'")
    connection.execute("UPDATE zeke_signals SET project = 'grim' WHERE project < 'project-04'")
    connection.close()
    (home / "grim" / ".git").mkdir(parents=True)
    with Editor(home, env={"ZEKE_DB": str(home / "routing.sqlite3")}, ui=(COLUMNS, ROWS + 6)) as editor:
        editor.command(f"cd {home / 'grim'} | set termguicolors laststatus=2 noruler")
        editor.command("tab ZekeStats by=model")
        editor.wait("require('zeke.page').current() and #require('zeke.page').current().targets > 0")
        editor.command("tabonly | redraw!")
        draw(editor, font_file, ROOT / "doc" / "statistics.png", ROWS + 6)


def main(font_file: str) -> None:
    """Ask for tests of a selection and draw what is on the screen, then the figures."""
    statistics(font_file)
    model = EmbeddedModel(EmbeddedOptions())
    base, key = asyncio.run(serve(model))
    try:
        with Editor(
            Path(tempfile.mkdtemp()), env={"ZEKE_API_BASE": base, "ZEKE_API_KEY": key}, ui=(COLUMNS, ROWS)
        ) as editor:
            os.chdir(ROOT)
            editor.command(f"cd {ROOT} | set termguicolors laststatus=2 noruler | edit scripts/sample.py")
            editor.lua("require('zeke').setup({ ui = { width = 72 } })")
            editor.input("/def slug<CR>V3j:ZekeTest only one short assert<CR>")
            editor.wait("require('zeke').answer() ~= nil and require('zeke').pending() == 0", 120)
            editor.command("nohlsearch | redraw!")
            draw(editor, font_file, ROOT / "doc" / "screenshot.png")
    finally:
        model.kill()


if __name__ == "__main__":
    main(sys.argv[1])
