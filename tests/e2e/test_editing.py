"""Every way to ask and to take over what came: commands, diff, conversation, library, keys, health."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from tests.e2e.conftest import Session, Start
from tests.e2e.test_routing import asked, report
from tests.support.gateway import Reply, stream

CODE = """import os


def add(a, b):
    # sum
    return a + b


class Box:
    def size(self):
        return 1
"""


def opened(session: Session, project: Path, content: str = CODE, name: str = "lib.py") -> None:
    (project / name).write_text(content)
    session.editor.command(f"edit {project}/{name}")


def answering(*texts: str) -> list[Reply]:
    return [Reply(stream(text)) for text in texts]


def fenced(code: str) -> str:
    return f"Here:\n\n```python\n{code}```\n"


def git(project: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=project, check=True, capture_output=True
    )


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


# Diff.

BETTER = "def add(a, b):\n    return b + a\n"


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


# Conversation.


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


# Intents, prompts and instructions of the user's own.


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


# Hands.


def test_an_operator_with_a_text_object_and_dot(start: Start, project: Path) -> None:
    session = start()
    opened(session, project, "one two three\n", "a.txt")
    session.editor.lua("vim.keymap.set('n', 'gz', '<Plug>(zeke-op-test)')")
    session.editor.input("gziw")
    session.wait_done()
    assert "```text\none\n```" in session.sent()
    session.editor.input("w.")
    session.wait_done(2)
    assert "```text\ntwo\n```" in session.sent()


def test_opt_in_keys_never_overwrite_a_map(start: Start, project: Path) -> None:
    session = start()
    session.editor.lua(
        """
        vim.g.mapleader = " "
        vim.keymap.set("n", "<leader>ze", "<Cmd>let g:mine = 1<CR>")
        require("zeke").setup({ gateway = { base = ... }, keymaps = true })
    """,
        session.gateway.base,
    )
    opened(session, project)
    session.editor.input("5G<Space>ze")
    assert session.editor.lua("return vim.g.mine") == 1
    session.editor.input("<Space>zt")
    session.wait_done()
    assert session.gateway.seen[-1].body["tags"]["intent"] == "tests"


def test_nothing_is_mapped_in_the_users_buffers(start: Start, project: Path) -> None:
    session = proposed(start, project)
    for mode in "nx":
        maps = session.editor.lua("return vim.api.nvim_buf_get_keymap(0, ...)", mode)
        assert not [entry for entry in maps if "eke" in str(entry.get("desc", "")) + str(entry.get("rhs", ""))]


def test_checkhealth_says_what_is_there_and_what_to_do(start: Start) -> None:
    session = start(env={"ZEKE_API_KEY": "sk-secret-key-1"})
    session.gateway.models = {"data": [{"id": "m"}]}
    asked(session, "Zeke hi")
    session.type_command("checkhealth zeke")
    session.editor.wait("vim.bo.filetype == 'checkhealth' and vim.fn.search('local models', 'nw') > 0", 60)
    text = "\n".join(session.editor.lines())
    assert "lists 1 models" in text
    assert "(with a key)" in text
    assert "sk-secret" not in text
    assert "journal wal, 1 attempts" in text
    assert "no Ollama answers" in text
    assert "ERROR" not in text


# Context, secrets, reasoning.


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
        assert "warning of 1 secrets" in session.rows("routing_trace")[0]["trace"]
        assert "ghp_" not in session.rows("routing_trace")[0]["trace"]


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


# History.


def test_a_conversation_is_reopened_after_a_restart(start: Start, project: Path) -> None:
    session = start(*answering("One.", "Two."))
    opened(session, project)
    asked(session, "4,6ZekeExplain why a sum")
    asked(session, "ZekeReply and then?", answers=2)
    asked(session, "Zeke log=0 secret plan", answers=3)
    session.wait_rows([None, None, None])
    session.editor.quit()
    session = start(*answering("Three."))
    opened(session, project)
    session.editor.lua("""
        vim.ui.select = function(items, opts, on)
          _G.items = vim.tbl_map(opts.format_item, items)
          on(items[1])
        end
    """)
    session.type_command("ZekeHistory then")
    session.editor.wait("require('zeke').answer() ~= nil")
    items = session.editor.lua("return _G.items")
    assert len(items) == 1
    assert "explain  and then?  [m-1]" in items[0]
    text = "\n".join(session.scratch())
    assert text.index("> why a sum") < text.index("return a + b") < text.index("One.") < text.index("Two.")
    asked(session, "ZekeReply more")
    roles = [message["role"] for message in session.gateway.seen[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    session.type_command("ZekeHistory plan")
    session.wait_message("there is no conversation of grim with `plan`")
    for path in (session.home / "data" / "zeke").iterdir():
        assert b"secret plan" not in path.read_bytes()


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
