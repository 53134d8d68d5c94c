"""What a prompt names is sent, what looks like a secret is not, and reasoning is no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.editing import answering, opened
from tests.e2e.test_routing import asked


def test_context_named_in_a_prompt_is_sent_and_shown(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    (project / "other.py").write_text("OTHER = 1\n")
    session.editor.lua("""
        local odd = { lnum = 3, col = 0, message = "odd", severity = 2 }
        vim.diagnostic.set(vim.api.nvim_create_namespace("t"), 0, { odd })
        vim.fn.setqflist({ { filename = vim.api.nvim_buf_get_name(0), lnum = 6, text = "look" } })
    """)
    asked(session, "Zeke compare #file:other.py, #diag and #qf with #symbols #unknown #file:")
    sent = session.sent()
    assert "File other.py:\n\n```python\nOTHER = 1\n```" in sent
    assert "line 4, warn: odd" in sent
    assert "lib.py:6: look" in sent
    assert "4: def add(a, b):\n10: def size(self):" in sent
    assert "OTHER = 1" in session.scratch()
    session.type_command("Zeke why #file:missing.py")
    session.wait_message("#file:missing.py is no file")
    assert session.editor.lua("return vim.fn.getcompletion('Zeke #file:oth', 'cmdline')") == ["#file:other.py"]
    assert "#diag" in session.editor.lua("return vim.fn.getcompletion('Zeke #', 'cmdline')")


@pytest.mark.parametrize(("choice", "count"), [("send it", 1), ("cancel", 0)])
def test_a_file_outside_of_the_project_is_asked_about(
    start: Start, project: Path, tmp_path: Path, choice: str, count: int
) -> None:
    session = start()
    opened(session, project)
    (tmp_path / "outside.txt").write_text("far away\n")
    session.editor.lua(
        "local c = ...; vim.ui.select = function(_, opts, on) _G.prompt = opts.prompt; on(c) end", choice
    )
    session.type_command("Zeke read #file:../outside.txt")
    if count:
        session.wait_done()
        assert "File outside.txt:" in session.sent()
    else:
        session.wait_message("nothing was sent")
    assert "outside.txt" in session.editor.lua("return _G.prompt")
    assert len(session.gateway.seen) == count


SECRET = "token = 'ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'\n"


@pytest.mark.parametrize(
    ("command", "choice", "count"),
    [("%Zeke look", "cancel", 0), ("%Zeke look", "send this once", 1), ("%Zeke! look", None, 1)],
)
def test_a_secret_is_warned_about_before_it_leaves(
    start: Start, project: Path, command: str, choice: str | None, count: int
) -> None:
    session = start()
    opened(session, project, "x = 1\n" + SECRET)
    session.editor.lua(
        "local c = ...; vim.ui.select = function(_, opts, on) _G.prompt = assert(c and opts.prompt); on(c) end",
        choice,
    )
    asked(session, command)
    assert len(session.gateway.seen) == count
    if choice:
        assert "GitHub Token in line" in session.editor.lua("return _G.prompt")
    if count:
        session.wait_rows([None])
        assert "warning of 1 secrets" in session.traces()[0]["trace"]
        assert "ghp_" not in session.traces()[0]["trace"]


def test_an_environment_file_is_warned_about_by_its_name(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    (project / ".env").write_text("COLOUR=red\n")
    session.editor.lua("vim.ui.select = function(_, opts, on) _G.prompt = opts.prompt; on(nil) end")
    asked(session, "Zeke look at #file:.env")
    assert "environment file .env" in session.editor.lua("return _G.prompt")
    assert session.gateway.seen == []


def test_reasoning_is_folded_and_is_no_part_of_the_answer(start: Start) -> None:
    session = start(
        *answering("<think>let me\nsee\n```python\nno = 1\n```\n</think>\n\nYes.\n```python\nyes = 1\n```\n"),
        ui=(160, 40),
    )
    answer = asked(session, "Zeke hi")
    assert answer["text"] == "Yes.\n```python\nyes = 1\n```\n"
    assert "let me" in session.scratch()
    screen = "\n".join(session.editor.screen())
    assert "of reasoning (zo opens)" in screen
    assert "let me" not in screen
    session.editor.input("<C-w>lgggy")
    assert session.editor.lua("return vim.fn.getreg('\"')") == "yes = 1\n"
    asked(session, "ZekeReply more", answers=2)
    assert "let me" not in str(session.gateway.seen[-1].body)
