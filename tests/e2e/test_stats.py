""":ZekeStats from the split to the conversation, and its figures for programs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Session, Start
from tests.e2e.editing import answering, opened
from tests.e2e.test_routing import asked
from tests.support.gateway import error
from tests.unit.logged import opened as cache
from tests.unit.logged import row
from zeke.report.notices import ENOUGH

STATE = "require('zeke.page').current().state"
FRESH = "(function() local p = require('zeke.page').current(); return p and #p.targets > 0 end)()"


def page(session: Session) -> str:
    """What the page under the cursor shows."""
    return "\n".join(session.editor.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))


def shows(session: Session, text: str) -> None:
    """Wait until the page shows a text."""
    session.editor.wait(
        f"table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n'):find([==[{text}]==], 1, true) ~= nil"
    )


def put_cursor(session: Session, text: str) -> None:
    session.editor.lua("vim.fn.cursor(2, 1); assert(vim.fn.search(...) > 0)", text)


def test_a_figure_leads_to_its_requests_and_a_request_to_its_conversation(start: Start, project: Path) -> None:
    session = start(*answering("First answer.", "Second answer."), error(500), ui=(120, 50))
    opened(session, project)
    asked(session, "ZekeExplain what is it")
    asked(session, "Zeke another thing", answers=2)
    session.editor.lua("require('zeke').setup({ fallback = false })")
    asked(session, "Zeke fails", answers=3)
    session.type_command("ZekeStats")
    # Something is there before the host has read anything.
    assert session.editor.lua("return vim.bo.filetype") == "zeke-page"
    session.editor.wait(FRESH)
    text = page(session)
    assert text.startswith("# grim · last 30 days\n3 requests · 67 % complete · first token p50 ")
    assert "spent ¢?" in text
    assert "2 answers of unknown cost" in text
    assert "by intent × model" in text
    assert "http_500" in text.partition("what is failing")[2]
    assert "failed (500)" in text.partition("what is failing")[2]
    screen = session.editor.screen()
    assert any("s sort  S reverse  b group  p period  P project" in line for line in screen)
    put_cursor(session, "explain")
    session.editor.input("<CR>")
    shows(session, "# grim · last 30 days · explain · m-1")
    shows(session, "what is it")
    put_cursor(session, "what is it")
    session.editor.input("<CR>")
    session.editor.wait("vim.bo.filetype == 'zeke'")
    assert "First answer." in page(session)
    session.editor.input("<C-w>p<BS>")
    shows(session, "by intent × model")
    put_cursor(session, "http_500")
    session.editor.input("<CR>")
    shows(session, "http_500 · failed")
    put_cursor(session, "code")
    session.editor.input("<CR>")
    session.editor.wait("vim.bo.filetype == 'zeke'")
    assert "✗ " in page(session)


def test_keys_group_sort_and_choose_and_a_finished_request_refreshes(start: Start, project: Path) -> None:
    session = start(*answering("One.", "Two."), ui=(100, 60))
    opened(session, project)
    asked(session, "Zeke one")
    session.type_command("ZekeStats")
    session.editor.wait(FRESH)
    assert "1 request ·" in page(session)
    for key, name, value in (("b", "by", "intent"), ("s", "sort", "success"), ("p", "period", "all")):
        session.editor.input(key)
        session.editor.wait(f"{STATE}.{name} == '{value}'")
    shows(session, "# grim · all time")
    session.editor.input("S")
    shows(session, "ok▴")
    session.editor.lua("vim.ui.select = function(items, _, on) on(items[1]) end")
    session.editor.input("P")
    shows(session, "# all projects · all time")
    # A request that ends meanwhile is counted without a key.
    session.editor.lua("require('zeke').ask({ prompt = 'two' })")
    session.wait_done(2)
    shows(session, "2 requests ·")
    session.editor.input("q")
    assert session.editor.lua("return vim.bo.filetype") != "zeke-page"
    session.type_command("ZekeStats today by=day")
    shows(session, "# grim · today")


@pytest.mark.parametrize("columns", [60, 200])
def test_it_fits_narrow_and_wide_screens_and_follows_a_resize(start: Start, project: Path, columns: int) -> None:
    session = start(ui=(columns, 40))
    opened(session, project)
    asked(session, "Zeke one")
    session.type_command("tab ZekeStats")
    session.editor.wait(FRESH)
    assert max(len(line) for line in page(session).splitlines()) <= columns
    assert ("tok/s" in page(session)) == (columns == 200)
    if columns == 200:
        session.type_command("vsplit")
        session.editor.input("<C-w>=")
        session.type_command("vertical resize 60")
        session.editor.wait(
            "vim.iter(vim.api.nvim_buf_get_lines(0, 0, -1, false)):all(function(l)"
            " return vim.fn.strdisplaywidth(l) <= 100 end)"
        )


def test_a_wrong_word_and_a_missing_log_are_one_sentence(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.type_command("ZekeStats yesterday")
    session.wait_message("ZekeStats: `yesterday`: accepted are today, week, month, all, by=, export=")
    shows(session, "accepted are today")
    session.editor.input("q")
    session.type_command("ZekeStats")
    shows(session, "Nothing was asked here yet")


def test_a_file_that_is_no_log_is_one_sentence_on_the_page(start: Start, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("my own notes " * 100)
    session = start(env={"ZEKE_DB": str(other)})
    opened(session, project)
    for command in ("ZekeStats", "ZekeHistory"):
        session.type_command(command)
        shows(session, f"{command}: {other} is no SQLite database of ours: point ZEKE_DB to another file")
    assert other.read_text() == "my own notes " * 100


def test_exports_are_written_and_a_page_is_opened(start: Start, project: Path, tmp_path: Path) -> None:
    session = start()
    opened(session, project)
    asked(session, "Zeke one")
    session.editor.lua("vim.ui.open = function(path) _G.browsed = path end")
    session.editor.command(f"cd {tmp_path}")
    for name in ("out.csv", "out.json", "a page.html"):
        session.type_command(f"ZekeStats week export={name}")
        session.wait_message(f"1 attempt is in {tmp_path / name}")
    session.editor.wait("_G.browsed ~= nil")
    assert session.editor.lua("return _G.browsed") == str(tmp_path / "a page.html")
    assert json.loads((tmp_path / "out.json").read_text())["whole"]["attempts"] == 1
    session.type_command("ZekeStats export=out.pdf")
    session.wait_message("ZekeStats: export=out.pdf: accepted are files that end in .csv, .json, .html")


def test_programs_get_the_same_figures(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    asked(session, "Zeke one")
    figures = session.editor.lua("return require('zeke').stats({ period = 'today', by = 'model' })")
    assert figures["whole"]["attempts"] == 1
    assert figures["groups"][0]["model"] == "m-1"
    assert "provider" not in figures["groups"][0]
    assert session.editor.lua("return { require('zeke').stats({ by = 'colour' }) }")[1].startswith(
        "by=colour: accepted"
    )
    found = session.editor.lua("return require('zeke').why()")
    assert found["attempts"][0]["model"] == "m-1"
    assert found["record"]["successes"] == 1


def test_what_changed_is_said_once_a_day(start: Start, project: Path, tmp_path: Path) -> None:
    now = int(time.time())
    with cache(tmp_path / "home" / "data" / "zeke" / "routing.sqlite3") as connection:
        for _ in range(ENOUGH):
            row(connection, project="grim", created_at=now - 86400, latency_ms=3000)
            row(connection, project="grim", created_at=now - 20 * 86400, latency_ms=300)
    session = start(*answering("One.", "Two."))
    opened(session, project)
    asked(session, "Zeke one")
    session.wait_message("grim: m takes 3.0 s to its first token (p95), 0.3 s in the weeks before (:ZekeStats)")
    assert session.rows_of("SELECT what FROM zeke_done WHERE what LIKE 'notice%'", 1) == [{"what": "notice grim"}]
    session.editor.wait("true")
    session.editor.quit()
    session = start(*answering("One."))
    opened(session, project)
    asked(session, "Zeke again")
    # The log is looked after when the look is over; then nothing was said.
    session.rows_of("SELECT what FROM zeke_done WHERE what = 'maintenance'", 1)
    assert "weeks before" not in session.editor.messages()
