"""An answer on the screen: streamed, followed, described, stopped; the user's own things untouched."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.e2e.conftest import ANSWER, Session, Start
from tests.support.gateway import HEAD, Reply, event, recorded, stream

LONG = "".join(f"line {number}\n" for number in range(200))


def held(*texts: str, before: int = 2) -> tuple[Reply, threading.Event]:
    """A stream that waits before piece number `before`."""
    gate = threading.Event()
    return Reply(stream(*texts), gate=gate, held=before), gate


def ask_about_a_file(session: Session, project: Path, command: str = "%ZekeTest") -> None:
    path = project / "lib.py"
    path.write_text("def add(a, b):\n    return a + b\n\n\nx = add(1, 2)\n")
    session.editor.command(f"edit {path}")
    session.type_command(command)


def text_shown(session: Session, text: str) -> None:
    session.editor.wait(f"(require('zeke').answer(require('zeke.answers').newest().id).text):find('{text}') ~= nil")


def test_the_answer_its_header_and_its_rows(start: Start, project: Path) -> None:
    session = start(recorded("litellm/llama_stream_include_usage"))
    ask_about_a_file(session, project, '1,2ZekeTest latency=high only the edges | 100% #1 "it\'s"')
    session.wait_done()
    answer = session.answer()
    assert answer["success"] is True
    assert answer["text"].startswith("```python\ndef add(a, b):")
    lines = session.scratch()
    assert lines[0] == "# tests · lib.py:1-2 · lines"
    assert '> only the edges | 100% #1 "it\'s"' in lines
    assert lines[4:8] == ["```python", "def add(a, b):", "    return a + b", "```"]
    assert "\n".join(lines[9:]).startswith(answer["text"])
    bufnr = answer["bufnr"]
    assert session.editor.lua("return vim.api.nvim_buf_get_name(...)", bufnr).endswith("zeke://tests/1")
    options = session.editor.lua(
        "local o = vim.bo[...]; return {o.filetype, o.buftype, o.bufhidden, o.swapfile, o.modeline, o.buflisted}", bufnr
    )
    assert options == ["zeke", "nofile", "hide", False, False, False]
    (row,) = session.wait_rows([None])
    assert (row["project"], row["alias"], row["intent"], row["size_hint"]) == ("grim", "auto", "tests", "tiny")
    assert (row["model"], row["provider"], row["success"]) == ("smol.gguf", "openai", 1)
    assert (row["tokens_in"], row["tokens_out"], row["cost_cents"]) == (40, 12, 0.00088)
    assert row["request_id"] == answer["id"] == session.gateway.seen[0].headers["x-request-id"]
    assert isinstance(row["latency_ms"], int)
    assert row["total_duration_ms"] >= row["latency_ms"]
    (trace,) = session.traces()
    assert '"x-litellm-model-name"' in trace["trace"]
    body = session.gateway.seen[0].body
    assert body["tags"] == {
        "intent": "tests",
        "project": "grim",
        "latency": "high",
        "budget": "frugal",
        "size_hint": "tiny",
    }
    assert "return a + b" not in str(session.rows()) + str(session.traces())


def test_the_screen_says_who_answered(start: Start, project: Path) -> None:
    session = start(recorded("litellm/llama_stream_include_usage"), ui=(160, 40))
    ask_about_a_file(session, project)
    session.wait_done()
    screen = session.editor.screen()
    assert "tests → openai/smol.gguf · " in screen[0]
    assert "40→12 tok · ¢0.00" in screen[0]
    assert any("▸ 5 lines sent" in line for line in screen)
    assert "ERR" not in "".join(session.editor.messages())


def test_events_in_order_and_exactly_one_end(start: Start, project: Path) -> None:
    session = start()
    ask_about_a_file(session, project)
    session.wait_done()
    events = session.events()
    assert [name for name, _ in events] == ["ZekeRequestStarted", "ZekeRouted", "ZekeFirstToken", "ZekeFinished"]
    ended = events[-1][1]
    assert (ended["success"], ended["model"], ended["intent"], ended["project"]) == (True, "m-1", "tests", "grim")
    assert "message" not in ended
    assert "cost_cents" not in ended


def test_nothing_of_the_users_is_touched(start: Start, project: Path) -> None:
    session = start(Reply(stream(ANSWER)), ui=(160, 20))
    path = project / "long.txt"
    path.write_text(LONG)
    editor = session.editor
    editor.command(f"edit {path}")
    editor.input('"ayy"byyixyz<Esc>u50Gzt10jVjj<Esc>5k')
    state = """
        return { vim.fn.winsaveview(), vim.api.nvim_get_current_win(), vim.fn.getreg('"'), vim.fn.getreg('a'),
          vim.fn.getreg('0'), vim.fn.getpos("'<"), vim.fn.getpos("'>"), vim.fn.undotree().seq_cur,
          vim.bo.modified, vim.fn.getreg('/'), vim.fn.line("''"), vim.o.shortmess, vim.fn.visualmode() }
    """
    before = editor.lua(state)
    editor.lua("vim.cmd('10,20ZekeTest')")
    session.wait_done()
    assert editor.lua(state) == before
    editor.input("u")
    assert editor.lines() == LONG.split("\n")[:-1]


def test_a_block_selection_leaves_marks_and_view(start: Start, project: Path) -> None:
    session = start()
    path = project / "long.txt"
    path.write_text(LONG)
    session.editor.command(f"edit {path}")
    session.editor.input("50Gzt<C-v>5j$:ZekeTest<CR>")
    session.wait_done()
    session.editor.input("gv")
    assert session.editor.lua(
        "return {vim.fn.mode(), vim.fn.getpos('v')[2], vim.fn.line('.'), vim.fn.winsaveview().curswant > 1000}"
    ) == [
        "\x16",
        50,
        55,
        True,
    ]


def test_the_window_follows_only_while_its_cursor_is_on_the_last_line(start: Start, project: Path) -> None:
    reply, gate = held(LONG, LONG)
    session = start(reply, ui=(160, 30))
    ask_about_a_file(session, project)
    text_shown(session, "line 199")
    editor = session.editor
    bottom = "return vim.fn.line('w$', vim.fn.bufwinid(...)) == vim.api.nvim_buf_line_count(...)"
    bufnr = session.answer()["bufnr"]
    assert editor.lua(bottom, bufnr)
    editor.input("<C-w>l10G")
    view = editor.lua("return vim.fn.winsaveview()")
    gate.set()
    session.wait_done()
    assert editor.lua("return vim.fn.winsaveview()") == view
    assert not editor.lua(bottom, bufnr)


def test_the_user_types_on_while_it_streams(start: Start, project: Path) -> None:
    reply, gate = held("one ", "two")
    session = start(reply)
    ask_about_a_file(session, project)
    text_shown(session, "one")
    session.editor.input("ggOtyped")
    gate.set()
    session.wait_done()
    session.editor.input(" on<Esc>")
    assert session.editor.lines()[0] == "typed on"
    session.editor.input("u")
    assert session.editor.lines()[0] == "def add(a, b):"


def test_stop_keeps_the_text_and_says_so(start: Start, project: Path) -> None:
    reply, _ = held("one ", "two")
    session = start(reply)
    ask_about_a_file(session, project)
    text_shown(session, "one")
    session.type_command("ZekeStop")
    session.wait_done()
    assert session.gateway.closed.wait(5)
    answer = session.answer()
    assert (answer["text"], answer["success"], answer["error_code"]) == ("one ", False, "cancelled")
    assert any(line.startswith("— cancelled after") for line in session.scratch())
    (row,) = session.wait_rows(["cancelled"])
    assert row["success"] == 0
    session.type_command("ZekeStop")
    session.wait_message("nothing is running")


def test_stop_by_key_in_the_scratch(start: Start, project: Path) -> None:
    reply, _ = held("one ", "two")
    session = start(reply)
    ask_about_a_file(session, project)
    text_shown(session, "one")
    session.editor.input("<C-w>l")
    # As typed, but without the interrupt that `nvim_input` makes of it while Neovim is busy.
    session.editor.lua("vim.api.nvim_feedkeys(vim.keycode('<C-c>'), 'm', false)")
    session.wait_done()
    assert session.answer()["error_code"] == "cancelled"


def test_stop_before_anything_came_and_stop_all(start: Start, project: Path) -> None:
    gate = threading.Event()
    session = start(Reply([HEAD, event("late")], gate=gate, held=0))
    ask_about_a_file(session, project)
    session.type_command("Zeke another")
    session.editor.wait("require('zeke').pending() == 2")
    session.type_command("ZekeStop!")
    session.wait_done(2)
    finished = [data for name, data in session.events() if name == "ZekeFinished"]
    assert [data["error_code"] for data in finished] == ["cancelled", "cancelled"]
    gate.set()


def test_a_wiped_buffer_stops_its_request(start: Start, project: Path) -> None:
    reply, _ = held("one ", "two")
    session = start(reply)
    ask_about_a_file(session, project)
    text_shown(session, "one")
    session.type_command(f"bwipeout! {session.answer()['bufnr']}")
    session.wait_done()
    assert session.gateway.closed.wait(5)
    session.wait_rows(["cancelled"])
    assert "Error" not in session.editor.messages()


def test_keys_of_the_scratch(start: Start, project: Path) -> None:
    text = "Text.\n```python\nfirst = 1\n```\nMore.\n```lua\nlocal second = 2\nreturn second\n```\n"
    session = start(Reply(stream(text)))
    ask_about_a_file(session, project)
    session.wait_done()
    editor = session.editor
    editor.input("<C-w>l")
    editor.input("gy")
    assert editor.lua("return vim.fn.getreg('\"')") == "local second = 2\nreturn second\n"
    editor.input('/first<CR>"xgy')
    assert editor.lua("return vim.fn.getreg('x')") == "first = 1\n"
    editor.input("gY")
    assert editor.lua("return vim.fn.getreg('\"')") == text
    editor.input("g?")
    assert any("yank the whole answer" in line for line in editor.screen())
    editor.input("q")
    windows = editor.lua("return #vim.api.nvim_list_wins()")
    editor.input("q")
    assert editor.lua("return #vim.api.nvim_list_wins()") == windows - 1
    assert editor.lua("return vim.bo.filetype") == "python"


def test_modifiers_place_the_window_on_every_call(start: Start) -> None:
    session = start()
    for number, (command, layout) in enumerate(
        [
            ("Zeke a", "row"),
            ("horizontal Zeke b", "col"),
            ("vertical Zeke c", "row"),
            ("aboveleft Zeke d", "col"),
            ("tab Zeke e", "leaf"),
            ("hide Zeke f", "leaf"),
        ],
        start=1,
    ):
        session.type_command(command)
        session.wait_done(number)
        found = session.editor.lua("return vim.fn.winlayout(vim.fn.tabpagenr('$'))[1]")
        assert found == layout, command
        session.editor.command("silent! tabonly | silent! only")


def test_a_free_prompt_sends_no_buffer(start: Start, project: Path) -> None:
    session = start()
    (project / "lib.py").write_text("secret = 1\n")
    session.editor.command(f"edit {project}/lib.py")
    session.type_command("Zeke -- x=1 is what?")
    session.wait_done()
    assert session.sent() == "x=1 is what?"
    assert session.gateway.seen[0].body["tags"]["intent"] == "code"


def test_without_a_prompt_it_asks_for_one(start: Start) -> None:
    session = start()
    session.type_command("Zeke")
    session.editor.input("why?<CR>")
    session.wait_done()
    assert session.sent() == "why?"


def test_completion_on_every_call(start: Start) -> None:
    session = start()
    for _ in range(2):
        assert session.editor.lua("return vim.fn.getcompletion('Zeke lat', 'cmdline')") == ["latency="]
        assert session.editor.lua("return vim.fn.getcompletion('ZekeTest latency=h', 'cmdline')") == ["latency=high"]
    assert session.gateway.seen == []


def test_the_lua_api(start: Start, project: Path) -> None:
    session = start(Reply(stream("one ", "two")))
    (project / "lib.py").write_text("a = 1\nb = 2\nc = 3\n")
    session.editor.command(f"edit {project}/lib.py")
    session.editor.lua("""
        _G.tokens = {}
        _G.id = require("zeke").ask({ prompt = "say", intent = "explain", alias = "code-plus", range = { 2, 3 },
          on_token = function(text) table.insert(_G.tokens, text) end,
          on_done = function(answer) _G.done = answer end })
    """)
    session.wait_done()
    assert "".join(session.editor.lua("return _G.tokens")) == "one two"
    assert session.editor.lua("return _G.done.text") == "one two"
    assert session.editor.lua("return _G.done.id == _G.id")
    assert "b = 2\nc = 3\n" in session.sent()
    tags = session.gateway.seen[0].body["tags"]
    assert (tags["intent"], tags["latency"]) == ("explain", "medium")


def test_a_hostile_answer_is_only_text(start: Start) -> None:
    text = "vim: set ft=c :\n\x1b[31mred\x00\u202e\n# vim: ft=sh\n"
    session = start(Reply(stream(text)))
    session.type_command("Zeke hi")
    session.wait_done()
    assert session.answer()["text"] == text
    bufnr = session.answer()["bufnr"]
    assert session.editor.lua("return vim.bo[...].filetype", bufnr) == "zeke"


def test_the_project_is_the_repository_also_of_a_worktree(start: Start, project: Path, tmp_path: Path) -> None:
    session = start()
    tree = tmp_path / "feature-x"
    tree.mkdir()
    (project / ".git" / "worktrees" / "feature-x").mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {project}/.git/worktrees/feature-x\n")
    (tree / "a.py").write_text("x = 1\n")
    outside = tmp_path / "loose"
    outside.mkdir()
    (outside / "b.py").write_text("y = 1\n")
    session.editor.command(f"edit {tree}/a.py")
    session.type_command("%ZekeTest")
    session.wait_done()
    assert session.gateway.seen[-1].body["tags"]["project"] == "grim"
    assert "`a.py`" in session.sent()
    session.editor.command(f"cd {outside} | edit b.py")
    session.type_command("%ZekeTest")
    session.wait_done(2)
    assert session.gateway.seen[-1].body["tags"]["project"] == "loose"
    session.editor.lua("require('zeke').setup({ project = 'mine' })")
    session.type_command("%ZekeTest")
    session.wait_done(3)
    assert session.gateway.seen[-1].body["tags"]["project"] == "mine"
