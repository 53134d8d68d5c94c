"""Conversations found again, forked, replayed, forgotten, and those of which nothing is kept."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Session, Start
from tests.e2e.editing import answering, opened
from tests.e2e.test_routing import asked
from tests.e2e.test_stats import page, put_cursor, shows
from tests.support.gateway import error


def history(session: Session, words: str = "") -> None:
    session.type_command(f"ZekeHistory {words}".strip())
    shows(session, "# history of grim")


def test_a_conversation_is_reopened_after_a_restart(start: Start, project: Path) -> None:
    session = start(*answering("One.", "Two."))
    opened(session, project)
    asked(session, "4,6ZekeExplain why a sum")
    asked(session, "ZekeReply and then?", answers=2)
    session.wait_rows([None, None])
    session.editor.quit()
    session = start(*answering("Three."))
    opened(session, project)
    history(session, "then")
    shows(session, "and then?")
    assert "why a sum" not in page(session)
    put_cursor(session, "and then?")
    session.editor.input("<CR>")
    session.editor.wait("vim.bo.filetype == 'zeke' or require('zeke').answer() ~= nil")
    text = "\n".join(session.scratch())
    assert text.index("> why a sum") < text.index("return a + b") < text.index("One.") < text.index("Two.")
    asked(session, "ZekeReply more")
    roles = [message["role"] for message in session.gateway.seen[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    # What is shown already is shown again, and not made twice.
    history(session, "then")
    put_cursor(session, "and then?")
    buffers = session.editor.lua("return #vim.api.nvim_list_bufs()")
    session.editor.input("<CR>")
    session.editor.wait("vim.bo.filetype == 'zeke'")
    assert session.editor.lua("return #vim.api.nvim_list_bufs()") == buffers


def test_a_fork_goes_on_from_an_earlier_turn_beside_the_original(start: Start, project: Path) -> None:
    session = start(*answering("One.", "Two.", "Other."))
    opened(session, project)
    asked(session, "Zeke first")
    asked(session, "ZekeReply second", answers=2)
    original = session.answer()["bufnr"]
    before = session.editor.lines(original)
    history(session, "first")
    put_cursor(session, "first")
    session.editor.input("f")
    session.wait_message("a fork: what you reply here goes on from this turn")
    fork = session.answer()["bufnr"]
    assert fork != original
    session.editor.lua("vim.api.nvim_set_current_win(vim.fn.bufwinid(...))", fork)
    asked(session, "ZekeReply instead", answers=3)
    contents = [message["content"] for message in session.gateway.seen[-1].body["messages"]]
    assert contents[1:] == ["first", "One.", "instead"]
    assert session.editor.lines(original) == before
    session.wait_rows([None] * 3)
    turns = session.rows_of("SELECT t.prompt, p.prompt AS parent FROM zeke_turns t"
                            " LEFT JOIN zeke_turns p ON p.request_id = t.parent_id ORDER BY t.seq", 3)  # fmt: skip
    assert [(turn["prompt"], turn["parent"]) for turn in turns] == [
        ("first", None),
        ("second", "first"),
        ("instead", "first"),
    ]


def test_an_earlier_request_is_asked_once_more_on_another_model(start: Start, project: Path) -> None:
    session = start(*answering("One."))
    opened(session, project)
    asked(session, "4,6ZekeTest latency=high only the edges")
    session.wait_rows([None])
    first = session.gateway.seen[-1].body
    session.editor.quit()
    session = start(*answering("Again."))
    opened(session, project)
    session.editor.lua("vim.ui.input = function(_, on) on('big') end")
    history(session)
    put_cursor(session, "only the edges")
    session.editor.input("r")
    session.wait_done()
    body = session.gateway.seen[-1].body
    assert body["messages"] == first["messages"]
    assert (body["model"], body["tags"]["latency"], body["tags"]["intent"]) == ("big", "high", "tests")
    session.wait_rows([None, None])
    turns = session.rows_of("SELECT request_id, replay_of, parent_id FROM zeke_turns ORDER BY seq", 2)
    assert (turns[1]["replay_of"], turns[1]["parent_id"]) == (turns[0]["request_id"], None)


def test_a_turn_is_forgotten_after_a_question(start: Start, project: Path) -> None:
    session = start(*answering("canaryanswer", "Two."))
    opened(session, project)
    asked(session, "Zeke canaryprompt")
    asked(session, "Zeke kept", answers=2)
    session.wait_rows([None, None])
    session.editor.lua("vim.ui.select = function(items, opts, on) _G.asked = opts.prompt; on(items[_G.choice]) end")
    history(session)
    put_cursor(session, "canaryprompt")
    session.editor.lua("_G.choice = 1")
    session.editor.input("d")
    assert session.editor.lua("return _G.asked") == "forget 1 turn for ever?"
    assert "canaryprompt" in page(session)
    session.editor.lua("_G.choice = 2")
    session.editor.input("d")
    session.editor.wait("not table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), ' '):find('canary')")
    assert "kept" in page(session)
    session.rows_of("SELECT 1 FROM zeke_turns", 1)
    session.wait_nowhere(b"canary")


def test_nothing_is_kept_of_a_request_or_a_project_that_does_not_want_it(start: Start, project: Path) -> None:
    refusal = error(400, b'{"error":{"message":"I will not read canarycode","type":"x"}}')
    session = start(*answering("canaryanswer"), refusal, *answering("canaryanswer", "canaryanswer"))
    opened(session, project)
    asked(session, "Zeke log=0 canaryprompt")
    asked(session, "Zeke log=0 canaryrefused", answers=2)
    session.type_command("ZekePrefs log=0")
    session.editor.wait("vim.api.nvim_buf_get_name(0):find('prefs') ~= nil")
    session.editor.input("q")
    asked(session, "Zeke canaryproject", answers=3)
    session.type_command("ZekeRate + canarynote")
    session.wait_message("rated +, without the note: no text of this project is kept")
    session.wait_rows([None, "http_400", None])
    assert session.rows_of("SELECT kind FROM zeke_signals", 1) == [{"kind": "up"}]
    assert session.nowhere(b"canary")
    session.editor.quit()
    assert session.nowhere(b"canary")
    history_rows = session.rows_on_disk("routing_stats")
    assert len(history_rows) == 3


def test_history_says_when_nothing_is_found_or_a_filter_is_wrong(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    history(session, "nothing here")
    shows(session, "No conversation is found.")
    session.type_command("ZekeHistory since=soon")
    session.wait_message("ZekeHistory: since=soon: accepted are a date like 2026-01-31 and an age like 12h, 7d or 2w")
