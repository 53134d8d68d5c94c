"""What is sent is what was selected, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Session, Start
from zeke.prompt.messages import fence

TEXT = ["def add(a, b):", "    return a + b", "", "tür = '漢字'", "short", "a longer line here"]


def opened(session: Session, project: Path, content: bytes | None = None, name: str = "lib.py") -> None:
    path = project / name
    path.write_bytes(("\n".join(TEXT) + "\n").encode() if content is None else content)
    session.editor.command(f"edit {path}")


def scope(session: Session) -> dict[str, Any]:
    """The newest answer's scope as it was captured; waits for the request."""
    session.wait_done()
    found: dict[str, Any] = session.editor.lua("return require('zeke.answers').newest().scope")
    assert fence(found["text"], "python") in session.sent() or fence(found["text"]) in session.sent()
    return found


@pytest.mark.parametrize(
    ("keys", "kind", "text"),
    [
        ("ggwve:ZekeTest<CR>", "char", "add"),
        ("ggwvej:ZekeTest<CR>", "char", "add(a, b):\n    ret"),
        ("ggjwve:ZekeTest<CR>", "char", "return"),
        ("jwvkb:ZekeTest<CR>", "char", "def add(a, b):\n    r"),
        ("ggV:ZekeTest<CR>", "line", "def add(a, b):\n"),
        ("ggVj:ZekeTest<CR>", "line", "def add(a, b):\n    return a + b\n"),
        ("jVk:ZekeTest<CR>", "line", "def add(a, b):\n    return a + b\n"),
        ("4Gv$:ZekeTest<CR>", "char", "tür = '漢字'\n"),
        ("4Gfükvjl:ZekeTest<CR>", "char", "\ntür"),
        ("4Gf漢v:ZekeTest<CR>", "char", "漢"),
        ("gg<C-v>jl:ZekeTest<CR>", "block", "de\n  "),
        ("4G<C-v>jll:ZekeTest<CR>", "block", "tür\nsho"),
        ("4Gf漢<C-v>j:ZekeTest<CR>", "block", " '漢\n"),
        ("5Gl<C-v>j$:ZekeTest<CR>", "block", "hort\n longer line here"),
        ("6Gfl<C-v>kh:ZekeTest<CR>", "block", "ho\n l"),
        (":%ZekeTest<CR>", "buffer", "\n".join(TEXT) + "\n"),
        (":2,1ZekeTest<CR>y", "line", "def add(a, b):\n    return a + b\n"),
        (":4,5ZekeTest<CR>", "line", "tür = '漢字'\nshort\n"),
        ("ggjw:ZekeTest<CR>", "function", "def add(a, b):\n    return a + b\n"),
    ],
)
def test_shapes(start: Start, project: Path, keys: str, kind: str, text: str) -> None:
    session = start()
    opened(session, project)
    session.editor.input(keys)
    found = scope(session)
    assert (found["kind"], found["text"]) == (kind, text)
    if kind in ("char", "block"):
        # What `y` would have taken is the same.
        session.editor.input('gv"zy')
        assert session.editor.lua("return vim.fn.getreg('z')") == text


def test_a_live_selection_of_a_mapping_is_not_the_last_one(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.editor.lua("vim.keymap.set('x', 'T', '<Cmd>ZekeTest<CR>')")
    session.editor.input("ggV<Esc>4GwwvlT")
    assert scope(session)["text"] == "'漢"
    assert session.editor.lua("return vim.fn.mode()") == "v"


def test_typed_line_numbers_are_lines_though_the_marks_are_there(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.editor.input("4Gvjl<Esc>:4,5ZekeTest<CR>")
    assert scope(session)["kind"] == "line"


def test_the_marks_of_an_old_selection_are_used_when_they_are_asked_for(start: Start, project: Path) -> None:
    session = start()
    opened(session, project)
    session.editor.input("ggwve<Esc>G:'<lt>,'>ZekeTest<CR>")
    assert scope(session)["text"] == "add"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\nb", "a\nb\n"),
        ("é\n".encode("latin-1"), "é\n"),
    ],
)
def test_file_formats(start: Start, project: Path, content: bytes, text: str) -> None:
    session = start()
    opened(session, project, content)
    session.type_command("%ZekeTest")
    assert scope(session)["text"] == text
    assert session.editor.lua("return vim.bo.modified") is False


def test_no_end_of_line_stays_so(start: Start, project: Path) -> None:
    session = start()
    session.editor.command("set nofixendofline")
    opened(session, project, b"a\nb")
    session.type_command("%ZekeTest")
    assert scope(session)["text"] == "a\nb"


def test_an_unnamed_and_a_read_only_buffer(start: Start) -> None:
    session = start()
    session.editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, {'x = 1'}); vim.bo.modifiable = false")
    session.type_command("%ZekeTest")
    assert scope(session)["text"] == "x = 1\n"


@pytest.mark.parametrize("keys", [":%ZekeTest<CR>", ":ZekeTest<CR>", "V:ZekeTest<CR>"])
def test_nothing_to_send_is_said_and_nothing_is_sent(start: Start, keys: str) -> None:
    session = start()
    session.editor.input(keys)
    session.wait_message("nothing to send")
    assert session.gateway.seen == []


ENCLOSING = """import os


class Box:
    size = 1

    @property
    @cached(
        1,
    )
    def area(
        self,
    ) -> int:
        def inner():
            return 2

        return self.size * inner()

    def other(self):
        pass


X = 1
"""


@pytest.mark.parametrize(
    ("line", "first", "last", "kind"),
    [
        (5, 1, 23, "buffer"),
        (11, 7, 17, "function"),
        (15, 14, 15, "function"),
        (17, 7, 17, "function"),
        (20, 19, 20, "function"),
        (23, 1, 23, "buffer"),
    ],
)
def test_the_enclosing_function_of_python(
    start: Start, project: Path, line: int, first: int, last: int, kind: str
) -> None:
    session = start()
    opened(session, project, ENCLOSING.encode())
    session.type_command(str(line))
    session.type_command("ZekeTest")
    found = scope(session)
    assert (found["kind"], found["first"], found["last"]) == (kind, first, last)


def test_the_enclosing_function_of_lua_by_treesitter(start: Start, project: Path) -> None:
    session = start()
    opened(session, project, b"local a = 1\nlocal function f()\n  return a\nend\nprint(f())\n", "lib.lua")
    session.type_command("3")
    session.type_command("ZekeTest")
    session.wait_done()
    found = session.editor.lua("return require('zeke.answers').newest().scope")
    assert (found["kind"], found["first"], found["last"]) == ("function", 2, 4)


GO = b"package a\n\nfunc Add(a int,\n\tb int,\n) int {\n\tif a > 0 {\n\t\treturn a\n\t}\n\treturn b\n}\n\nvar x = 1\n"


def test_go_by_its_braces(start: Start, project: Path) -> None:
    session = start()
    opened(
        session,
        project,
        GO,
        "a.go",
    )
    session.type_command("7")
    session.type_command("ZekeTest")
    session.wait_done()
    found = session.editor.lua("return require('zeke.answers').newest().scope")
    assert (found["kind"], found["first"], found["last"]) == ("function", 3, 10)
