"""The Python process: not there before it is needed, noticed when it dies, gone with the editor."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Session, Start
from tests.support.gateway import HEAD, Reply, event, stream

COMMANDS = {"Zeke", "ZekeTest", "ZekeStop", "ZekeInstall", "ZekeInfo", "ZekeLog"}


def host_pid(session: Session) -> int | None:
    pid: int | None = session.editor.lua("return require('zeke.host').status().pid")
    return pid


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_gone(*pids: int, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        pause.wait(0.02)


def streaming(start: Start) -> Session:
    """A session in the middle of an answer."""
    session = start(Reply([HEAD, event("some"), event("more")], gate=threading.Event(), held=2))
    session.type_command("Zeke hi")
    session.editor.wait("require('zeke').answer() ~= nil and require('zeke').answer().text == 'some'")
    return session


def test_commands_are_there_and_python_is_not(start: Start) -> None:
    session = start()
    found = session.editor.lua("return vim.tbl_keys(vim.api.nvim_get_commands({}))")
    assert set(found) >= COMMANDS
    loaded = session.editor.lua(
        "return vim.tbl_filter(function(n) return n:find('^zeke') end, vim.tbl_keys(package.loaded))"
    )
    assert sorted(loaded) == ["zeke.commands", "zeke.maps"]
    assert host_pid(session) is None


def test_python_starts_while_the_command_is_typed(start: Start) -> None:
    session = start()
    session.editor.input(":Zek")
    session.editor.wait("require('zeke.host').status().pid ~= nil")
    session.editor.input("<C-c>")
    assert session.gateway.seen == []


@pytest.mark.parametrize(
    ("setup", "keys"),
    [
        ("", ""),
        ("prewarm = true", ":Zek"),
        ("", "<Plug>(zeke-op)"),
        ("", ":ZekeNew<CR>"),
        ("prewarm = 'start'", ""),
    ],
)
def test_python_starts_when_the_option_says_so(start: Start, setup: str, keys: str) -> None:
    session = start()
    session.editor.lua(f"require('zeke').setup({{ {setup} }})")
    session.editor.lua("vim.api.nvim_feedkeys(vim.keycode(...), 't', false)", keys)
    if setup or keys:
        session.editor.wait("require('zeke.host').status().pid ~= nil")
    else:
        assert host_pid(session) is None
    session.editor.input("<C-c>")
    assert session.gateway.seen == []


def test_python_waits_for_the_first_request_if_told_so(start: Start) -> None:
    session = start()
    session.editor.lua("require('zeke').setup({ prewarm = false })")
    session.editor.input(":Zeke hi")
    assert host_pid(session) is None
    session.editor.input("<CR>")
    session.wait_done()
    assert session.answer()["success"] is True


def test_python_starts_with_the_editor_if_told_so(start: Start, tmp_path: Path) -> None:
    init = tmp_path / "init.lua"
    init.write_text("require('zeke').setup({ prewarm = 'start' })\n")
    session = start(init=str(init))
    session.editor.wait("require('zeke.host').status().pid ~= nil")


def test_the_commands_are_the_decorated_handlers() -> None:
    from zeke.plugin import ZekePlugin

    specs = [
        member._nvim_rpc_spec
        for member in vars(ZekePlugin).values()
        if hasattr(member, "_nvim_rpc_spec") and member._nvim_rpc_spec["type"] == "command"
    ]
    decorated = {spec["name"]: spec["opts"] for spec in specs}
    source = (Path(__file__).parents[2] / "lua" / "zeke" / "commands.lua").read_text("utf-8")
    handled = source.partition("M.handled = {")[2].partition("\n}")[0]
    assert set(re.findall(r"^  (Zeke\w*) = ", handled, re.MULTILINE)) == set(decorated)
    assert {name for name, options in decorated.items() if "bang" not in options} == {"ZekeRate"}


def test_a_dead_host_is_said_and_the_next_command_starts_another(start: Start) -> None:
    session = streaming(start)
    first = host_pid(session)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    session.wait_done()
    session.wait_message("the Python host ended")
    assert any("the Python host ended" in line for line in session.scratch())
    assert session.answer()["success"] is False
    session.gateway.replies[:] = [Reply(stream("again"))]
    session.type_command("Zeke hi")
    session.wait_done(2)
    assert session.answer()["text"] == "again"
    assert host_pid(session) not in (None, first)


def test_a_host_that_dies_at_once_is_not_started_for_ever(start: Start, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no module named pynvim' >&2\nexit 3\n")
    python.chmod(0o755)
    session = start(python=str(python))
    for _ in range(4):
        session.type_command("Zeke hi")
        session.editor.wait("require('zeke').pending() == 0 and not require('zeke.host').status().channel")
    session.wait_message("ended with code 3 (no module named pynvim)")
    session.wait_message(":ZekeInstall!")


@pytest.mark.parametrize("command", ["qa!", "cquit"])
def test_leaving_during_a_stream_cleans_up(start: Start, command: str) -> None:
    session = streaming(start)
    host = host_pid(session)
    assert host is not None
    session.editor.nvim.command(command, async_=True)
    wait_gone(session.editor.pid, host)
    assert session.gateway.closed.wait(5)
    (row,) = session.rows_on_disk()
    assert (row["error_code"], row["success"]) == ("cancelled", 0)


def test_a_killed_editor_leaves_no_process(start: Start) -> None:
    session = streaming(start)
    host = host_pid(session)
    assert host is not None
    os.kill(session.editor.pid, signal.SIGKILL)
    wait_gone(session.editor.pid, host)
    (row,) = session.rows_on_disk()
    assert row["error_code"] == "cancelled"


def test_no_python_is_one_line_that_says_which_step_is_missing(start: Start, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "python3").write_text("#!/bin/sh\nexit 1\n")
    (empty / "python3").chmod(0o755)
    session = start(python=None, env={"PATH": str(empty)})
    session.type_command("Zeke hi")
    session.wait_done()
    session.wait_message("run :ZekeInstall")
    assert any("run :ZekeInstall" in line for line in session.scratch())


def test_neovims_own_python_is_used_if_it_has_what_is_needed(start: Start) -> None:
    session = start(python=None, commands=[f"let g:python3_host_prog = '{sys.executable}'"])
    session.type_command("Zeke hi")
    session.wait_done()
    assert session.answer()["success"] is True
    assert session.editor.lua("return require('zeke.host').status().python") == sys.executable


def test_a_python_that_is_no_program_is_named(start: Start) -> None:
    session = start(python="/no/such/python")
    session.type_command("Zeke hi")
    session.wait_message("g:zeke_python is /no/such/python")
    session.wait_message(":ZekeInstall")


def test_a_projects_own_modules_are_never_imported(start: Start, project: Path) -> None:
    (project / "httpcore.py").write_text("raise RuntimeError('hijacked')\n")
    (project / "json.py").write_text("raise RuntimeError('hijacked')\n")
    session = start()
    session.editor.command(f"cd {project}")
    session.type_command("Zeke hi")
    session.wait_done()
    assert session.answer()["success"] is True


def test_a_classic_remote_plugin_set_up_works_and_does_not_collide(start: Start) -> None:
    session = start(commands=[f"let g:python3_host_prog = '{sys.executable}'"])
    editor = session.editor
    editor.command("silent UpdateRemotePlugins")
    manifest = Path(editor.lua("return vim.fn.stdpath('data')")) / "rplugin.vim"
    assert "'ZekeTest'" in manifest.read_text()
    # As in a session where only the manifest defines the commands.
    editor.lua("for name in pairs(require('zeke.commands').handled) do vim.api.nvim_del_user_command(name) end")
    editor.command(f"source {manifest}")
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, {'a = 1', 'b = 2', 'c = 3'})")
    editor.input(":2,3ZekeTest latency=high edges<CR>")
    session.wait_done()
    assert "b = 2\nc = 3" in session.sent()
    assert session.gateway.seen[-1].body["tags"]["latency"] == "high"
    assert session.answer()["text"]
    # And the usual commands again, which replace the manifest's.
    editor.lua("require('zeke.commands').install()")
    editor.input(":ZekeTest<CR>")
    session.wait_done(2)
    assert len(session.gateway.seen) == 2
    ended = [name for name, _ in session.events() if name == "ZekeFinished"]
    assert len(ended) == 2


def test_the_log_opens_and_says_when_it_is_empty(start: Start) -> None:
    session = start()
    session.type_command("ZekeLog")
    session.wait_message("the log is empty")
