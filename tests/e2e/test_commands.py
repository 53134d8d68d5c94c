"""Every command has its intent, its scope and its result; the user's own, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.editing import BETTER, answering, fenced, git, opened
from tests.e2e.test_routing import asked, report


@pytest.mark.parametrize(
    ("command", "intent", "sent"),
    [
        ("ZekeTest", "tests", "def add(a, b):"),
        ("ZekeExplain", "explain", "def add(a, b):"),
        ("ZekeRefactor", "refactor", "def add(a, b):"),
        ("ZekeFix", "fix", "def add(a, b):"),
        ("ZekeDocs", "docs", "def add(a, b):"),
        ("1,2ZekeReview", "review", "import os"),
        ("Zeke intent=docs what", "docs", "what"),
    ],
)
def test_each_command_has_its_intent_and_scope(
    start: Start, project: Path, command: str, intent: str, sent: str
) -> None:
    session = start()
    opened(session, project)
    session.type_command("5")
    asked(session, command)
    assert session.gateway.seen[-1].body["tags"]["intent"] == intent
    assert sent in session.sent()
    assert "class Box" not in session.sent()


def test_without_a_function_a_diff_command_says_so(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.type_command("ZekeRefactor")
    session.wait_message("ZekeRefactor: no function around the cursor: select what is meant")
    assert session.gateway.seen == []


def test_fix_sends_the_diagnostics_of_its_lines(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.editor.lua("""
        vim.diagnostic.set(vim.api.nvim_create_namespace("t"), 0, {
          { lnum = 5, col = 0, message = "wrong\\n sum", severity = 1 }, { lnum = 0, col = 0, message = "elsewhere" } })
    """)
    session.type_command("5")
    asked(session, "ZekeFix")
    assert "Diagnostics:\n- line 6, error: wrong sum" in session.sent()
    assert "elsewhere" not in session.sent()
    assert "- line 6, error: wrong sum" in session.scratch()


def test_review_and_commit_take_the_repositorys_changes(start: Start, tmp_path: Path) -> None:
    project = tmp_path / "real"
    project.mkdir()
    git(project, "init", "-q")
    (project / "a.py").write_text("x = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    (project / "a.py").write_text("x = 2\n")
    findings = "- `a.py:1: x is wrong`\na.py:1: again\n../../etc/passwd:1: no\n/etc/passwd:1: no\nmissing.py:3: no\n"
    session = start(*answering(findings, "```\nFix x\n\nIt was 1.\n```\n"))
    session.editor.command(f"edit {project}/a.py")
    asked(session, "ZekeReview")
    assert "-x = 1\n+x = 2" in session.sent()
    found = session.editor.lua("return vim.fn.getqflist()")
    assert [(item["lnum"], item["text"]) for item in found] == [(1, "x is wrong"), (1, "again")]
    assert any("2 findings in the quickfix list" in line for line in session.scratch())
    session.type_command("ZekeCommit")
    session.wait_message("nothing is staged: git add first")
    git(project, "add", ".")
    session.type_command("ZekeCommit")
    session.wait_done(2)
    session.editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, {'# comment'}); vim.bo.filetype = 'gitcommit'")
    number = session.editor.lua("return vim.api.nvim_get_current_buf()")
    session.editor.lua(
        "vim.api.nvim_set_current_win(vim.fn.win_findbuf(require('zeke').answer(require('zeke.answers').newest().id).bufnr)[1])"
    )
    session.editor.input("ga")
    assert session.editor.lines(number) == ["Fix x", "", "It was 1.", "# comment"]


def test_an_intent_of_the_users_own(start: Start, project: Path) -> None:
    session = start(*answering(fenced(BETTER)))
    session.editor.lua(
        """
        require("zeke").setup({ gateway = { base = ... }, intents = { idiom = { command = "ZekeIdiom", result = "diff",
          system = "You know idioms.", instruction = "Make it idiomatic.", tags = { latency = "high" } } } })
    """,
        session.gateway.base,
    )
    opened(session, project)
    session.type_command("5")
    asked(session, "ZekeIdiom")
    body = session.gateway.seen[-1].body
    assert (body["tags"]["intent"], body["tags"]["latency"]) == ("idiom", "high")
    assert body["messages"][0]["content"] == "You know idioms."
    assert session.sent().startswith("Make it idiomatic.")
    session.type_command("ZekeApply")
    assert "    return b + a" in session.editor.lines()
    assert session.editor.lua("return vim.fn.getcompletion('ZekeIdiom lat', 'cmdline')") == ["latency="]


def test_the_prompt_library(start: Start, project: Path) -> None:
    session = start()
    session.editor.lua("vim.secure.read = function(path) return table.concat(vim.fn.readfile(path), '\\n') end")
    folder = project / ".zeke" / "prompts"
    folder.mkdir(parents=True)
    (folder / "edge.md").write_text(
        "---\nintent: tests\nalias: code-plus\nscope: buffer\nresult: diff\n---\nOnly the edges.\n"
    )
    opened(session, project)
    asked(session, "Zeke latency=low /edge and errors")
    body = session.gateway.seen[-1].body
    assert (body["tags"]["intent"], body["tags"]["budget"], body["tags"]["latency"]) == ("tests", "standard", "low")
    assert session.sent().startswith("Only the edges.\n\nand errors")
    assert "class Box" in session.sent()
    assert any("proposed in lib.py" in line for line in session.scratch())
    session.type_command("Zeke /nope")
    session.wait_message("unknown prompt `/nope`: accepted are edge")
    assert "/edge" in session.editor.lua("return vim.fn.getcompletion('Zeke /e', 'cmdline')")


def test_a_projects_instructions_are_sent_when_they_are_trusted(start: Start, project: Path) -> None:
    session = start()
    (project / "AGENTS.md").write_text("Use tabs.\n")
    session.editor.lua("vim.secure.read = function(path) return table.concat(vim.fn.readfile(path), '\\n') end")
    opened(session, project)
    assert "Use tabs." in report(session, "ZekePreview Zeke hi")
    asked(session, "Zeke hi")
    assert "Use tabs." in session.gateway.seen[-1].body["messages"][0]["content"]
