"""A proposed change: shown in the source, taken over there by hunks, in one undo step."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.e2e.conftest import Session, Start
from tests.e2e.editing import BETTER, CODE, answering, fenced, opened
from tests.e2e.test_routing import asked
from tests.support.gateway import Reply, stream


def proposed(start: Start, project: Path, code: str = BETTER, command: str = "ZekeRefactor") -> Session:
    session = start(*answering(fenced(code)), ui=(160, 40))
    opened(session, project)
    session.type_command("5")
    asked(session, command)
    return session


def test_a_proposal_is_shown_and_applied_in_one_undo_step(start: Start, project: Path) -> None:
    session = proposed(start, project)
    assert any("proposed in lib.py: ga applies" in line for line in session.scratch())
    assert session.editor.lines() == CODE.splitlines()
    assert any("return b + a" in line.partition("│")[0] for line in session.editor.screen())
    session.editor.input("10Gma")
    session.type_command("ZekeApply")
    assert session.editor.lines() == CODE.replace("    # sum\n    return a + b", "    return b + a").splitlines()
    assert session.editor.lua('return vim.fn.line("\'a")') == 9
    assert (project / "lib.py").read_text() == CODE
    assert not any("return b + a" in line and "return a + b" in line for line in session.editor.screen())
    session.editor.input("u")
    assert session.editor.lines() == CODE.splitlines()
    assert [name for name, _ in session.events()][-1] == "ZekeApplied"
    session.type_command("ZekeApply")
    session.wait_message("no change is proposed here")


def test_a_proposal_is_applied_and_dismissed_from_the_answer(start: Start, project: Path) -> None:
    session = proposed(start, project)
    session.editor.input("<C-w>lgr")
    assert [name for name, _ in session.events()][-1] == "ZekeRejected"
    session.editor.input("ga")
    session.wait_message("no change is proposed here")
    session.editor.input("gR")
    session.wait_done(2)
    session.editor.input("ga<C-w>h")
    assert "    return b + a" in session.editor.lines()


def test_hunks_of_a_range_alone(start: Start, project: Path) -> None:
    content = "def f():\n    a = 1\n    b = 2\n    c = 3\n    d = 4\n    e = 5\n    return a\n"
    session = start(*answering(fenced(content.replace("a = 1", "a = 10").replace("e = 5", "e = 50"))))
    opened(session, project, content)
    session.type_command("3")
    asked(session, "ZekeRefactor")
    session.type_command("6ZekeApply")
    assert session.editor.lines() == content.replace("e = 5", "e = 50").splitlines()
    session.type_command("2ZekeReject")
    session.type_command("ZekeApply")
    session.wait_message("no change is proposed here")


def test_the_indentation_that_a_model_forgot_is_kept(start: Start, project: Path) -> None:
    session = start(*answering(fenced("def size(self):\n    return 2\n")))
    opened(session, project)
    session.type_command("10")
    asked(session, "ZekeFix")
    session.type_command("ZekeApply")
    assert session.editor.lines()[-2:] == ["    def size(self):", "        return 2"]


def test_a_characterwise_selection_is_replaced_exactly(start: Start, project: Path) -> None:
    session = start(*answering(fenced("b + a\n")))
    opened(session, project)
    session.editor.input("6Gwv$hh")
    session.editor.input("<Esc>6G^wvee:ZekeRefactor<CR>")
    session.wait_done()
    session.type_command("ZekeApply")
    assert session.editor.lines()[5] == "    return b + a"


def test_an_insertion_and_a_deletion(start: Start, project: Path) -> None:
    session = proposed(start, project, 'def add(a, b):\n    """Sum."""\n    # sum\n    return a + b\n', "ZekeDocs")
    session.type_command("ZekeApply")
    assert session.editor.lines()[3:7] == ["def add(a, b):", '    """Sum."""', "    # sum", "    return a + b"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("vim.api.nvim_buf_set_lines(1, 5, 6, false, {'    return 0'})", "the source changed meanwhile"),
        ("vim.cmd('bdelete! 1')", "not loaded any more"),
    ],
)
def test_a_source_that_changed_meanwhile_is_left_alone(start: Start, project: Path, change: str, said: str) -> None:
    gate = threading.Event()
    session = start(Reply(stream(fenced(BETTER)), gate=gate, held=1))
    opened(session, project)
    session.type_command("5")
    session.type_command("ZekeRefactor")
    session.editor.wait("require('zeke').pending() == 1")
    session.editor.lua(change)
    gate.set()
    session.wait_done()
    assert any(said in line for line in session.scratch())


def test_edits_elsewhere_move_the_hunks_along(start: Start, project: Path) -> None:
    session = proposed(start, project)
    session.editor.input("ggOfirst<Esc>")
    session.type_command("ZekeApply")
    expected = "first\n" + CODE.replace("    # sum\n    return a + b", "    return b + a")
    assert session.editor.lines() == expected.splitlines()


def test_no_code_and_no_change_are_said(start: Start, project: Path) -> None:
    session = start(*answering("I would not.", fenced("def add(a, b):\n    # sum\n    return a + b\n")))
    opened(session, project)
    session.type_command("5")
    asked(session, "ZekeRefactor")
    assert any("no code block in the answer" in line for line in session.scratch())
    asked(session, "ZekeRefactor", answers=2)
    assert any("the answer changes nothing" in line for line in session.scratch())


def test_a_diff_tab_in_neovims_own_diff_mode(start: Start, project: Path) -> None:
    session = proposed(start, project)
    session.editor.input("<C-w>lgD")
    assert session.editor.lua("return vim.wo.diff and #vim.api.nvim_tabpage_list_wins(0)") == 2
    session.editor.input("gg]cdo]cdo")
    assert "    return b + a" in session.editor.lines()


def test_a_retry_is_about_the_lines_as_they_are_now(start: Start, project: Path) -> None:
    session = start(*[Reply(stream("```python\nchanged\n```\n"))] * 4)
    opened(session, project)
    session.editor.command("5")
    asked(session, "ZekeRefactor")
    session.type_command("ZekeReject")
    session.editor.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { '# new', '# lines' })")
    session.editor.lua("vim.fn.search('return a')")
    session.editor.command("normal! A  # and more")
    asked(session, "ZekeRetry", answers=2)
    assert "return a + b  # and more" in session.sent()
    assert "hunk" in session.scratch()[-1]
    session.type_command("ZekeReject")
    # Of characters that have changed nobody can tell any more which ones were meant.
    session.editor.lua("vim.fn.search('return')")
    session.editor.input("vee")
    asked(session, "ZekeRefactor", answers=3)
    session.type_command("ZekeReject")
    session.editor.command("normal! 0ix")
    asked(session, "ZekeRetry", answers=4)
    assert "what was selected has changed since" in session.scratch()[-1]
