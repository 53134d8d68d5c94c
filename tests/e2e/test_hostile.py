"""Answers, headers, names and repositories that mean harm: shown as text, never run."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import Session, Start
from tests.e2e.editing import opened
from tests.support.gateway import HEAD, Reply, stream

CANARY = "let g:pwned = 1"
TEXT = f"""vim: set modeline modelineexpr statusline=%{{execute('{CANARY}')}} :
\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b31m \x00 \x08\x08
:{CANARY}
<CR>:{CANARY}<CR>
\u202egnp.exe\u202c \u2066isolated\u2069 \ufeff
````
```vim
{CANARY}
```
`{CANARY}`
%{{execute('{CANARY}')}}%@execute@%X
# vim: set ft=vim foldmethod=expr foldexpr=execute('{CANARY}') :
"""
NAME = "m%{execute('let g:pwned=1')}%#Error#\x1b[31m\u202e"


def never_ran(session: Session) -> None:
    editor = session.editor
    editor.lua("vim.o.statusline = 'x'; vim.cmd('redrawstatus!')")
    assert editor.lua("return vim.g.pwned") is None
    assert editor.lua("return vim.o.foldmethod") == "manual"


def in_repository(session: Session, project: Path) -> None:
    opened(session, project)
    session.editor.command(f"cd {project}")


def test_an_answer_is_text_wherever_it_is_shown(start: Start) -> None:
    headers = (
        f"X-Omen-Model: {NAME}\r\nX-Omen-Provider: p%{{1}}\r\nX-Omen-Reason: {NAME}\r\nX-Omen-Candidates: a,{NAME}\r\n"
    )
    head = HEAD.replace(b"\r\n\r\n", b"\r\n" + headers.encode() + b"\r\n")
    session = start(Reply([head, *stream(TEXT)[1:]]), init=None, commands=["set modeline modelines=20"])
    editor = session.editor
    editor.lua("_G.status = {}; require('zeke').setup({ intents = {} })")
    editor.lua("""
        vim.api.nvim_create_autocmd("User", { pattern = "ZekeFirstToken", callback = function()
          vim.o.statusline = require("zeke").status()
          vim.cmd("redrawstatus!")
          _G.line = require("zeke").status()
        end })
    """)
    session.type_command("Zeke hi")
    session.wait_done()
    assert session.answer()["text"] == TEXT
    assert session.answer()["success"] is True
    line = editor.lua("return _G.line")
    assert "%" not in line
    assert "\x1b" not in line
    shown = "\n".join(editor.screen())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    session.wait_rows([None])
    session.type_command("ZekeWhy")
    editor.wait("vim.api.nvim_win_get_config(0).relative ~= ''")
    assert "\x1b" not in "\n".join(editor.lines())
    editor.input("q")
    editor.command("ZekeToggle")
    editor.command("ZekeToggle")
    never_ran(session)


def test_findings_stay_inside_of_the_project(start: Start, project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("x\n")
    (project / "link.py").symlink_to(outside / "secret.py")
    (project / "folder").symlink_to(outside)
    (project / "lib.py").write_text("x\n")
    answer = "\n".join(
        [
            f"lib.py:1: fine | {CANARY} \x1b[31m",
            "lib.py:99999999999999999999: a line that no file has",
            "link.py:1: a link that leads out",
            "folder/secret.py:1: a folder that leads out",
            "../outside/secret.py:1: up and away",
            f"{outside}/secret.py:1: from the root",
            "~/x.py:1: home",
            "`$HOME/x`:1: variable",
            "folder:1: a folder",
            f"lib.py:+{CANARY}:1: no number",
        ]
    )
    session = start(Reply(stream(answer)))
    in_repository(session, project)
    session.type_command("%ZekeReview")
    session.wait_done()
    items = session.editor.lua("return vim.fn.getqflist()")
    names = [session.editor.lua("return vim.fn.bufname(...)", item["bufnr"]) for item in items]
    assert [Path(name).name for name in names] == ["lib.py"]
    assert CANARY in items[0]["text"]
    session.editor.command("copen | cc 1 | cclose")
    never_ran(session)


def test_the_log_is_shown_without_its_modelines(start: Start) -> None:
    session = start(commands=["set modeline modelines=20"])
    log = Path(session.editor.lua("return require('zeke.info').log_path()"))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("vim: set foldmethod=expr foldexpr=1 tabstop=3 :\n")
    session.type_command("ZekeLog")
    session.editor.wait("vim.fn.expand('%:t') == 'zeke.log'")
    assert session.editor.lua("return { vim.wo.foldmethod, vim.bo.tabstop }") == ["manual", 8]
    assert session.editor.lua("return vim.go.modeline") is True


def test_an_untrusted_repository_decides_nothing(start: Start, project: Path) -> None:
    session = start(env={"ZEKE_API_KEY": "canary-key-1"})
    marker = project / "ran"
    (project / ".zeke.toml").write_text(
        f"[gateway]\nbase = 'http://127.0.0.1:9/v1'\nkey_cmd = ['touch', '{marker}']\n[gateway.headers]\nX-Evil = '1'\n"
    )
    (project / "AGENTS.md").write_text("evil instructions\n")
    folder = project / ".zeke" / "prompts"
    folder.mkdir(parents=True)
    (folder / "review.md").write_text(
        "---\nalias: auto model=evil tag.x=1\nscope: buffer\n---\nevil prompt #file:lib.py\n"
    )
    in_repository(session, project)
    editor = session.editor
    # As vim.secure does with somebody who ignores or denies: the real one, with the answer given in advance.
    editor.lua("vim.fn.confirm = function() _G.asked = (_G.asked or 0) + 1; return 1 end")
    session.type_command("Zeke hello")
    session.wait_done()
    (seen,) = session.gateway.seen
    assert "x-evil" not in seen.headers
    assert seen.headers["authorization"] == "Bearer canary-key-1"
    assert "evil" not in str(seen.body)
    assert not marker.exists()
    session.type_command("Zeke /review")
    session.wait_message("the prompt `/review` was not used")
    assert len(session.gateway.seen) == 1
    assert editor.lua("return _G.asked") >= 3
    # A prompt that is trusted may still not smuggle in options behind a word.
    editor.command(f"split {folder}/review.md | trust | close")
    session.type_command("Zeke /review")
    session.wait_done(2)
    body = session.gateway.seen[-1].body
    assert "evil prompt" in session.sent()
    assert (body["model"], body["tags"].get("x")) == ("auto", None)


def unreadable(path: Path, kind: str) -> None:
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(50_000_000_000)


def test_files_of_a_repository_that_never_end_hold_nothing_up(start: Start, tmp_path: Path) -> None:
    session = start()
    for number, kind in enumerate(("device", "pipe", "huge", "folder"), start=1):
        project = tmp_path / kind
        folder = project / ".zeke" / "prompts"
        folder.mkdir(parents=True)
        (project / ".git").mkdir()
        for path in (project / ".zeke.toml", project / "AGENTS.md", project / ".zeke.md", folder / "p.md"):
            unreadable(path, kind)
        in_repository(session, project)
        assert session.editor.lua("return vim.fn.getcompletion('Zeke /', 'cmdline')") == []
        session.type_command("Zeke hello")
        session.wait_done(number)
        assert session.answer()["success"] is True
        session.type_command("Zeke /p")
        session.wait_message("unknown prompt `/p`")
        session.editor.command("messages clear | only")


def test_names_of_folders_and_files_are_only_names(start: Start, tmp_path: Path) -> None:
    name = "x'; DROP TABLE routing_stats; --%{execute('let g:pwned=1')}\x1b[31m"
    root = tmp_path / os.fsdecode(os.fsencode(name) + b"\xe9")
    (root / ".git").mkdir(parents=True)
    (root / "a`b$(c).py").write_bytes(b"caf\xe9 = 1\n")
    session = start()
    editor = session.editor
    editor.lua("vim.cmd.cd(vim.fn.fnameescape(...)); vim.cmd.edit(vim.fn.fnameescape('a`b$(c).py'))", os.fsencode(root))
    session.type_command("%ZekeTest")
    session.wait_done()
    assert session.answer()["success"] is True
    (row,) = session.wait_rows([None])
    assert row["project"].startswith(name)
    assert session.gateway.seen[0].raw.decode()
    session.type_command("ZekePrefs budget=7")
    editor.wait("vim.api.nvim_win_get_config(0).relative ~= ''")
    assert "¢7 a month" in "\n".join(editor.lines())
    editor.input("q")
    editor.command("ZekeToggle")
    never_ran(session)


def test_models_that_a_gateway_lists_are_names(start: Start) -> None:
    session = start()
    session.gateway.models = {
        "data": [{"id": "good"}, {"id": f"bad\n:{CANARY}"}, {"id": "\x1b[31m"}, {"id": f"m|{CANARY}"}]
    }
    session.editor.lua(
        "vim.ui.select = function(items, _, done) _G.items = items; done(items[#items > 2 and 3 or 1]) end"
    )
    session.type_command("ZekeModel")
    session.wait_message("asks m|")
    assert session.editor.lua("return _G.items")[:4] == ["auto", "good", f"m|{CANARY}", "code-fast"]
    never_ran(session)


def test_what_fails_in_the_users_own_code_keeps_no_answer_from_its_end(start: Start, project: Path) -> None:
    session = start(Reply(stream("lib.py:1: x")))
    in_repository(session, project)
    editor = session.editor
    editor.lua("require('zeke.findings').collect = function() error('broken') end")
    session.type_command("%ZekeReview")
    session.wait_done()
    session.wait_message("could not be shown")
    editor.lua("require('zeke').ask({ prompt = 'hi', on_done = function() error('mine') end })")
    session.wait_done(2)
    session.wait_message("your ZekeFinished autocommand or on_done failed")
    assert [name for name, _ in session.events()].count("ZekeFinished") == 2


def test_bytes_that_are_no_utf8_are_sent_as_replacement(start: Start, project: Path) -> None:
    session = start(Reply(stream("fine")))
    (project / "latin.py").write_bytes(b"caf\xe9 = 1\n")
    session.editor.command(f"edit {project}/latin.py")
    session.editor.command("edit! ++enc=utf-8 ++bad=keep")
    session.type_command("%ZekeTest")
    session.wait_done()
    assert "caf\ufffd = 1" in session.sent()
    session.gateway.seen[0].raw.decode()
    assert session.answer()["success"] is True
