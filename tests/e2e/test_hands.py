"""Operators, keys and the health check."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Start
from tests.e2e.editing import opened
from tests.e2e.test_proposal import proposed
from tests.e2e.test_routing import asked


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
