"""A Neovim per test, with its own folders and its own gateway; nothing is shared, so tests may run side by side."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.editor import Editor
from tests.support.gateway import Gateway, Reply, closed_port, serving, stream

ANSWER = "```python\nassert add(1, 2) == 3\n```\n"


class Session:
    """An editor, the gateway it talks to, and what both left behind."""

    def __init__(self, editor: Editor, gateway: Gateway, home: Path) -> None:
        self.editor = editor
        self.gateway = gateway
        self.home = home

    def type_command(self, command: str) -> None:
        """As a user does, at the command line."""
        self.editor.input(f":{command}<CR>")

    def wait_done(self, answers: int = 1, timeout: float = 20.0) -> None:
        """Until this many answers ended and none runs."""
        self.editor.wait(
            f"(function() local n = 0; for _ in pairs(_G.ended or {{}}) do n = n + 1 end;"
            f" return n >= {answers} end)() and require('zeke').pending() == 0",
            timeout,
        )

    def wait_message(self, text: str) -> None:
        """Until `:messages` holds this text; a notice is shown after the command that it is about."""
        self.editor.wait(f"vim.fn.execute('messages'):find([==[{text}]==], 1, true) ~= nil")

    def answer(self) -> dict[str, Any]:
        """The newest answer as the Lua API tells it."""
        view: dict[str, Any] = self.editor.lua("return require('zeke').answer(require('zeke.answers').newest().id)")
        return view

    def scratch(self) -> list[str]:
        """Lines of the newest answer's buffer."""
        return self.editor.lines(self.answer()["bufnr"])

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """`User Zeke*` events so far, oldest first."""
        return [(name, data) for name, data in self.editor.lua("return _G.events")]

    def rows(self, table: str = "routing_stats") -> list[dict[str, Any]]:
        """The cache's rows, oldest first."""
        wait = "local path = ...; vim.wait(2000, function() return vim.fn.filereadable(path) == 1 end, 10)"
        self.editor.lua(wait, str(self._cache))
        return self.rows_on_disk(table)

    @property
    def _cache(self) -> Path:
        return self.home / "data" / "zeke" / "routing.sqlite3"

    def rows_on_disk(self, table: str = "routing_stats") -> list[dict[str, Any]]:
        """The same when the editor is gone."""
        path = self._cache
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]

    def rows_of(self, query: str, count: int) -> list[dict[str, Any]]:
        """What a query of the test's own finds, once it finds so many rows: each row has a transaction of its own,
        and most are written after the end of an answer was told."""
        found: list[dict[str, Any]] = []

        def complete() -> bool:
            with contextlib.closing(sqlite3.connect(f"file:{self._cache}?mode=ro", uri=True)) as connection:
                connection.row_factory = sqlite3.Row
                found[:] = [dict(row) for row in connection.execute(query)]
            return len(found) == count

        self._poll(complete, f"{count} rows of {query}")
        return found

    def traces(self, count: int = 1) -> list[dict[str, Any]]:
        """The traces, once there are so many, oldest first."""
        self.rows()
        return self.rows_of("SELECT * FROM routing_trace ORDER BY id", count)

    def nowhere(self, text: bytes) -> bool:
        """Whether no file that the editor or Zeke wrote holds this text, free pages and logs included."""
        return not any(text in path.read_bytes() for path in self.home.rglob("*") if path.is_file())

    def wait_nowhere(self, text: bytes) -> None:
        """Until it is so."""
        self._poll(lambda: self.nowhere(text), f"{text!r} to be gone")

    def _poll(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(500):
            if condition():
                return
            self.editor.lua("vim.wait(20)")
        raise AssertionError(f"waited for {what}\n{self.editor.describe()}")

    def wait_rows(self, codes: list[str | None], timeout: float = 10.0) -> list[dict[str, Any]]:
        """The rows, once they have these error codes."""
        for _ in range(int(timeout / 0.02)):
            rows = self.rows()
            if [row["error_code"] for row in rows] == codes:
                return rows
            self.editor.lua("vim.wait(20)")
        raise AssertionError(f"rows have {[row['error_code'] for row in self.rows()]}, expected {codes}")

    def sent(self) -> str:
        """The user message of the newest request."""
        content: str = self.gateway.seen[-1].body["messages"][-1]["content"]
        return content


RECORD = """
_G.events, _G.ended = {}, {}
vim.api.nvim_create_autocmd("User", { pattern = "Zeke*", callback = function(event)
  table.insert(_G.events, { event.match, event.data })
  if event.match == "ZekeFinished" then _G.ended[event.data.id] = true end
end })
"""

Start = Callable[..., Session]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a session; replies are those of its gateway, keywords those of `Editor`."""
    with contextlib.ExitStack() as stack:

        def begin(*replies: Reply, env: dict[str, str] | None = None, **options: Any) -> Session:
            gateway = stack.enter_context(serving(*(replies or (Reply(stream(ANSWER)),))))
            home = tmp_path / "home"
            environment = {"ZEKE_API_BASE": gateway.base, "OLLAMA_HOST": f"127.0.0.1:{closed_port()}", **(env or {})}
            editor = stack.enter_context(Editor(home, env=environment, **options))
            editor.lua(RECORD)
            return Session(editor, gateway, home)

        yield begin


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository called `grim`."""
    root = tmp_path / "grim"
    (root / ".git").mkdir(parents=True)
    return root
