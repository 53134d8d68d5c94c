"""Follow-ups, forks, retries, and conversations that come back."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.e2e.conftest import Start
from tests.e2e.editing import answering, opened
from tests.e2e.test_routing import asked
from tests.support.gateway import Reply, stream


def test_follow_ups_go_below_with_the_history(start: Start, project: Path) -> None:
    session = start(*answering("One.", "Two.", "Three."))
    opened(session, project)
    asked(session, "4,6ZekeExplain")
    bufnr = session.answer()["bufnr"]
    asked(session, "ZekeReply and then?", answers=2)
    messages = session.gateway.seen[-1].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert "return a + b" in messages[1]["content"]
    assert (messages[2]["content"], messages[3]["content"]) == ("One.", "and then?")
    assert session.gateway.seen[-1].body["tags"]["intent"] == "explain"
    assert session.answer()["bufnr"] == bufnr
    # :Zeke and <CR> inside the answer go on as well.
    session.editor.input("<C-w>l")
    session.editor.input("<CR>why?<CR>")
    session.wait_done(3)
    assert [m["content"] for m in session.gateway.seen[-1].body["messages"]][2::2] == ["One.", "Two."]
    text = "\n".join(session.editor.lines(bufnr))
    assert (
        text.index("One.")
        < text.index("> and then?")
        < text.index("Two.")
        < text.index("> why?")
        < text.index("Three.")
    )
    session.editor.input("gg]]")
    assert session.editor.lua("return vim.fn.getline('.')") == "# explain"


def test_a_fork_from_an_earlier_answer(start: Start) -> None:
    session = start(*answering("One.", "Two.", "Other."))
    asked(session, "Zeke first")
    asked(session, "ZekeReply second", answers=2)
    session.editor.input("<C-w>l")
    session.editor.lua("vim.fn.search('One.', 'w')")
    session.type_command("ZekeReply! instead")
    session.wait_done(3)
    contents = [message["content"] for message in session.gateway.seen[-1].body["messages"]]
    assert contents[1:] == ["first", "One.", "instead"]


def test_a_fresh_conversation_and_retries(start: Start) -> None:
    session = start(*answering("One.", "Again.", "New."))
    asked(session, "Zeke latency=high first")
    first = session.answer()["bufnr"]
    session.editor.input("<C-w>l")
    asked(session, "ZekeRetry model=other", answers=2)
    body = session.gateway.seen[-1].body
    assert (body["model"], body["tags"]["latency"], session.sent()) == ("other", "high", "first")
    assert session.answer()["bufnr"] == first
    asked(session, "ZekeNew fresh", answers=3)
    assert len(session.gateway.seen[-1].body["messages"]) == 2
    assert session.answer()["bufnr"] != first


def test_old_turns_are_dropped_visibly(start: Start) -> None:
    session = start(*answering("x" * 40_000, "y" * 20_000, "Done."), ui=(160, 40))
    asked(session, "Zeke first")
    asked(session, "ZekeReply second", answers=2)
    asked(session, "ZekeReply third", answers=3)
    contents = [message["content"] for message in session.gateway.seen[-1].body["messages"]]
    assert contents[1:] == ["second", "y" * 20_000, "third"]
    assert session.editor.lua("return require('zeke.answers').newest().facts.dropped") == 1


def test_answers_survive_windows_and_buffers(start: Start) -> None:
    session = start()
    asked(session, "Zeke hi")
    bufnr = session.answer()["bufnr"]
    session.type_command("ZekeToggle")
    assert session.editor.lua("return #vim.fn.win_findbuf(...)", bufnr) == 0
    session.type_command("ZekeToggle")
    assert session.editor.lua("return #vim.fn.win_findbuf(...)", bufnr) == 1
    session.editor.input("<C-w>l:q<CR>")
    session.type_command("ZekeToggle")
    assert "assert add(1, 2) == 3" in "\n".join(session.editor.screen())


def test_a_winbar_of_the_users_own_stays(start: Start) -> None:
    gate = threading.Event()
    session = start(Reply(stream("One.", " Two."), gate=gate, held=2))
    session.type_command("Zeke first")
    session.editor.wait("require('zeke.answers').newest().state == 'streaming'")
    window = session.editor.lua("return vim.fn.bufwinid(...)", session.answer()["bufnr"])
    assert "code →" in session.editor.lua("return vim.wo[...].winbar", window)
    session.editor.lua("vim.wo[...].winbar = 'mine'", window)
    gate.set()
    session.wait_done()
    assert session.editor.lua("return vim.wo[...].winbar", window) == "mine"


def test_an_answer_that_was_deleted_comes_back(start: Start) -> None:
    session = start(*answering("One.", "Two."))
    asked(session, "Zeke first")
    asked(session, "ZekeReply second", answers=2)
    whole = session.scratch()
    assert [line for line in whole if line] == ["# code", "> first", "One.", "# code", "> second", "Two."]
    session.type_command(f"bdelete {session.answer()['bufnr']}")
    session.type_command("ZekeToggle")
    assert session.scratch() == whole
    session.editor.input("<C-w>l:edit<CR>")
    assert session.scratch() == whole
    assert "code →" in session.editor.lua("return vim.wo.winbar")
    assert session.editor.lua("return {vim.bo.buftype, vim.bo.filetype, vim.bo.modifiable}") == [
        "nofile",
        "zeke",
        False,
    ]
    asked(session, "ZekeReply third", answers=3)
    assert len(session.gateway.seen[-1].body["messages"]) == 6
    assert session.editor.lua("return #require('zeke.answers').thread(...)", session.answer()["bufnr"]) == 3


def test_the_prompt_buffer_recalls_breaks_lines_and_cancels(start: Start) -> None:
    session = start()
    session.type_command("Zeke")
    session.editor.input("one<C-j>two<CR>")
    session.wait_done()
    assert session.sent() == "one\ntwo"
    session.type_command("Zeke")
    session.editor.input("draft")
    session.editor.input("<Up>")
    session.editor.wait("vim.api.nvim_buf_get_lines(0, 0, -1, false)[2] == 'two'", 5)
    session.editor.input("<Down>")
    session.editor.wait("vim.api.nvim_buf_get_lines(0, 0, -1, false)[1] == 'draft'", 5)
    session.editor.input("<Esc>q")
    assert session.editor.lua("return vim.api.nvim_win_get_config(0).relative") == ""
    assert len(session.gateway.seen) == 1


def test_an_answer_that_is_deleted_while_it_comes_goes_on(start: Start) -> None:
    gate = threading.Event()
    session = start(Reply(stream("one ", "two"), gate=gate, held=2))
    session.type_command("Zeke hi")
    session.editor.wait("require('zeke').answer() ~= nil and require('zeke').answer().text == 'one '")
    bufnr = session.answer()["bufnr"]
    session.editor.command(f"bdelete {bufnr}")
    gate.set()
    session.wait_done()
    assert session.answer()["text"] == "one two"
    assert "Error" not in session.editor.messages()
    session.editor.command("ZekeToggle")
    assert "one two" in session.editor.lines(bufnr)


def test_a_conversation_is_highlighted_only_when_nothing_comes(start: Start) -> None:
    session = start(*answering("One."))
    asked(session, "Zeke first")
    is_highlighted = "vim.treesitter.highlighter.active[require('zeke.answers').newest().bufnr] ~= nil"
    session.editor.wait(is_highlighted)
    gate = threading.Event()
    session.gateway.replies[:] = [Reply(stream("Two ", "more"), gate=gate, held=2)]
    session.type_command("ZekeReply second")
    session.editor.wait("require('zeke').answer().text == 'Two '")
    assert session.editor.lua(f"return {is_highlighted}") is False
    gate.set()
    session.wait_done(2)
    session.editor.wait(is_highlighted)


def test_answers_of_wiped_buffers_are_forgotten_in_the_end_and_shown_ones_never(start: Start) -> None:
    session = start(*answering("shown"))
    asked(session, "ZekeNew keep me")
    shown = session.answer()["id"]
    ids = []
    for number in range(22):
        asked(session, f"ZekeNew {number}", answers=number + 2)
        ids.append(session.answer()["id"])
        session.editor.command(f"bwipeout {session.answer()['bufnr']}")
    known = session.editor.lua(
        "return vim.tbl_map(function(id) return require('zeke').answer(id) ~= nil end, ...)", [shown, *ids]
    )
    assert known == [True, False, False, *[True] * 20]
    assert session.editor.lua("return require('zeke').answer(...).text", shown) == "shown"
