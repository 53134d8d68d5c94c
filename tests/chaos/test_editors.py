"""The same faults in real Neovims: the editor answers, the user's text is untouched, every answer has one end."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Chaos
from tests.chaos.stack import rows_of
from tests.chaos.wire import Fault, Plan, in_thread
from tests.e2e.conftest import RECORD
from tests.e2e.test_embedded import children
from tests.e2e.test_host import is_alive, wait_gone
from tests.support.editor import Editor
from tests.support.gateway import closed_port

SOURCE = "".join(f"def f{number}(a):\n    return a  # naïve {number}\n\n\n" for number in range(40))
QUICK = """require('zeke').setup({ fallback = false,
  gateway = { timeouts = { connect = 2, first_byte = 1.5, idle = 1.5 } }, ui = { open = ... } })"""
SLOW = "require('zeke').setup({ fallback = false, ui = { open = ... } })"
MEMORY_MB = 250
"""What a host may need at most, whatever is sent to it; 60 of them it needs at rest."""


@dataclass
class Bench:
    """An editor with a source file of the user's, and what came to its gateway."""

    editor: Editor
    home: Path
    plan: Plan
    source: Path

    @property
    def host(self) -> int:
        pid: int = self.editor.lua("return require('zeke.host').status().pid")
        return pid

    def untouched(self) -> None:
        """The user's buffer and file, byte for byte."""
        lines, modified, tick = self.editor.lua(
            "local b = vim.fn.bufnr(...); return { vim.api.nvim_buf_get_lines(b, 0, -1, false), vim.bo[b].modified,"
            " vim.api.nvim_buf_get_changedtick(b) }",
            str(self.source),
        )
        assert "\n".join(lines) + "\n" == SOURCE
        assert not modified
        assert tick == self.tick
        assert self.source.read_text() == SOURCE

    def quit(self) -> None:
        """Quit, and wait for the host: it completes its rows when the editor is gone."""
        host = self.host
        self.editor.quit()
        wait_gone(host)

    def __post_init__(self) -> None:
        self.tick = self.editor.lua("return vim.api.nvim_buf_get_changedtick(0)")

    def ask(self) -> str:
        """A request about the file; its id."""
        found: str = self.editor.lua("return require('zeke').ask({ prompt = 'hi', range = { 1, 2 } })")
        return found

    def ended(self, name: str, timeout: float = 30.0) -> dict[str, Any]:
        """The view of an answer once it ended; exactly once."""
        self.editor.wait(f"_G.ended[{name!r}]", timeout)
        times = self.editor.lua(
            "local id, n = ..., 0; for _, e in ipairs(_G.events) do"
            " if e[1] == 'ZekeFinished' and e[2].id == id then n = n + 1 end end; return n",
            name,
        )
        assert times == 1
        view: dict[str, Any] = self.editor.lua("return require('zeke').answer(...)", name)
        shown = self.editor.lua(
            "vim.fn.bufload(...); return table.concat(vim.api.nvim_buf_get_lines(..., 0, -1, false), '\\n')",
            view["bufnr"],
        )
        assert view["text"].replace("\0", "\n") in shown.replace("\0", "\n"), "what was shown is kept"
        return view


@contextlib.contextmanager
def bench(
    folder: Path,
    plan: Plan,
    *,
    quick: bool = True,
    open_: str = "vertical",
    env: dict[str, str] | None = None,
    **options: Any,
) -> Iterator[Bench]:
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "code.py"
    source.write_text(SOURCE)
    home = folder / "home"
    with in_thread(plan) as gateway, contextlib.ExitStack() as stack:
        environment = {"ZEKE_API_BASE": gateway.base, "OLLAMA_HOST": f"127.0.0.1:{closed_port()}", **(env or {})}
        editor = stack.enter_context(Editor(home, env=environment, **options))
        editor.lua(RECORD)
        editor.lua(QUICK if quick else SLOW, open_)
        editor.lua("vim.cmd.edit(vim.fn.fnameescape(...))", str(source))
        yield Bench(editor, home, plan, source)


def queue(found: list[Fault]) -> Plan:
    """Requests get the faults in their order; one that comes again gets the same."""
    waiting = iter(found)
    given: dict[str, Fault] = {}

    def choose(name: str) -> Fault | None:
        if name not in given and (fault := next(waiting, None)):
            given[name] = fault
        return given.get(name)

    return Plan(choose)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


def database(home: Path) -> Path:
    return home / "data" / "zeke" / "routing.sqlite3"


def true_rows(work: Bench, views: dict[str, dict[str, Any]]) -> int:
    """The rows of all these answers say what the editor was told."""
    rows = rows_of(database(work.home))
    for name, view in views.items():
        if name not in rows:
            # Stopped before it left.
            assert (view.get("error_code"), work.plan.arrived.get(name, 0)) == ("cancelled", 0), (name, view)
            continue
        found = rows[name]
        assert len(found) >= min(work.plan.arrived.get(name, 0), 1)
        assert (found[-1]["success"] == 1) is view["success"], name
        # The user may stop an answer whose attempt had failed already.
        assert view.get("error_code") in (found[-1]["error_code"], "cancelled"), name
        assert all(row["success"] == 0 for row in found[:-1])
    return sum(map(len, rows.values()))


DISTURBANCES = (
    "",
    "",
    "ZekeStop",
    "vsplit | close",
    "tabnew | tabclose",
    "cd /tmp",
    "bwipeout!",
    "close!",
    "only",
    "ZekeToggle",
    "bdelete!",
    "edit",
)


def test_one_editor_survives_every_fault_and_what_its_user_does_meanwhile(chaos: Chaos, tmp_path: Path) -> None:
    rng: Random = chaos.rng("editor")
    found = [
        faults.silences(rng)
        if rng.random() < chaos.size(2, 5) / 100
        else next(faults.cuts(rng, 1), None) or faults.mixed(rng)
        if rng.random() < 0.2
        else faults.mixed(rng)
        for _ in range(chaos.size(25, 250))
    ]
    with bench(tmp_path, queue(found)) as work:
        editor, views, files = work.editor, {}, 0
        for number in range(len(found)):
            name = work.ask()
            disturbance = rng.choice(DISTURBANCES)
            if disturbance in ("bwipeout!", "bdelete!", "edit"):
                editor.lua(
                    "local id, how = ...; local b = require('zeke.answers').get(id).bufnr;"
                    " vim.api.nvim_buf_call(b, function() pcall(vim.cmd, how) end)",
                    name,
                    disturbance,
                )
            elif disturbance == "close!":
                editor.lua(
                    "for _, w in ipairs(vim.fn.win_findbuf(require('zeke.answers').get(...).bufnr)) do"
                    " pcall(vim.api.nvim_win_close, w, true) end",
                    name,
                )
            elif disturbance:
                editor.lua("pcall(vim.cmd, ...)", disturbance)
            if disturbance == "bwipeout!" or disturbance == "edit":
                editor.wait(f"_G.ended[{name!r}]", 30)
                views[name] = editor.lua("return require('zeke').answer(...)", name)
            else:
                views[name] = work.ended(name)
            assert views[name]["success"] or views[name].get("message"), found[number].name
            assert "Zeke failed" not in str(views[name].get("message")), found[number].name
            editor.command("silent! only | silent! tabonly")
            editor.command(f"buffer {work.source}")
            work.untouched()
            if number == 9:
                files = open_files(work.host)
        work.editor.wait("require('zeke').pending() == 0")
        assert open_files(work.host) <= files + 10, "leak: files of the host"
        assert children(work.host) == [], "leak: children of the host"
        assert "Error executing" not in editor.messages()
        work.quit()
        chaos.survived(len(views), true_rows(work, views))


def test_a_flood_ends_in_a_sentence_within_bounded_memory(chaos: Chaos, tmp_path: Path) -> None:
    found = faults.floods()
    if not chaos.full:
        found = [fault for fault in found if fault.name == "compression bomb, many events"]
    with bench(tmp_path, queue(found), quick=False) as work:
        views = {}
        for fault in found:
            name = work.ask()
            view = views[name] = work.ended(name, 90)
            assert fault.must_say in view["message"], fault.name
            assert not view["success"]
            if fault.answer != "*":
                assert (fault.answer or "").startswith(view["text"])
            work.editor.command("only")
            work.untouched()
            peak = next(line for line in Path(f"/proc/{work.host}/status").read_text().split("\n") if "VmHWM" in line)
            assert int(peak.split()[1]) < MEMORY_MB * 1024, f"{fault.name}: {peak}"
        work.quit()
        chaos.survived(len(views), true_rows(work, views))


ON: list[bytes | float] = [faults.event("on "), 0.005]
ENDLESS = Fault("a stream without end", [faults.HEAD, faults.event("so "), *ON * 4000], "hang")


def streaming(work: Bench, rng: Random) -> str:
    """A request in the middle of its stream, at a moment that the seed chooses."""
    name = work.ask()
    pieces = rng.randrange(1, 12)
    work.editor.wait(f"#require('zeke').answer({name!r}).text >= {3 * pieces}")
    return name


def test_a_host_that_is_killed_at_any_moment(chaos: Chaos, tmp_path: Path) -> None:
    rng = chaos.rng("kill host")
    count = chaos.size(3, 100)
    with bench(tmp_path, Plan(lambda _: ENDLESS)) as work:
        views = {}
        for _ in range(count):
            # Four within half a minute would count as a host that cannot start.
            work.editor.lua("require('zeke.host').restart()")
            name = streaming(work, rng)
            os.kill(work.host, signal.SIGKILL)
            view = views[name] = work.ended(name)
            assert not view["success"]
            assert view["text"].startswith("so ")
            assert "the Python host ended" in view["message"]
            work.editor.command("only")
            work.untouched()
        work.quit()
        rows = rows_of(database(work.home))
        assert [(row["success"], row["error_code"]) for name in views for row in rows[name]] == [
            (0, "in_flight")
        ] * count
        chaos.survived(count, count)


@pytest.mark.parametrize("how", ["kill", "qa!"])
def test_an_editor_that_goes_at_any_moment(chaos: Chaos, tmp_path: Path, how: str) -> None:
    rng = chaos.rng(f"kill editor {how}")
    count = chaos.size(1, 50)
    for number in range(count):
        plan = Plan(lambda _: ENDLESS)
        with bench(tmp_path / str(number), plan, ui=None) as work:
            name = streaming(work, rng)
            host, editor = work.host, work.editor.pid
            if how == "kill":
                os.kill(editor, signal.SIGKILL)
            else:
                work.editor.nvim.command("qa!", async_=True)
            wait_gone(editor, host)
            (row,) = rows_of(database(work.home))[name]
            # The host has a moment to say so, not for ever.
            assert (row["success"], row["error_code"] in ("cancelled", "in_flight")) == (0, True)
            assert work.source.read_text() == SOURCE
            folder = database(work.home).parent
            assert {path.name for path in folder.iterdir()} == {"routing.sqlite3"}, "leak: a file is left"
    chaos.survived(count, count)


def test_a_stopped_editor_and_a_stopped_host_go_on(chaos: Chaos, tmp_path: Path) -> None:
    rng = chaos.rng("suspend")
    count = chaos.size(1, 25)
    pieces = [faults.HEAD, *[piece for n in range(60) for piece in (faults.event(f"{n} "), 0.005)], faults.DONE]
    whole = "".join(f"{number} " for number in range(60))
    fault = Fault("a slow answer", pieces, answer=whole, may_succeed=True)
    with bench(tmp_path, Plan(lambda _: fault), quick=False) as work:
        views = {}
        for _ in range(count):
            name = work.ask()
            work.editor.wait(f"#require('zeke').answer({name!r}).text > {rng.randrange(1, 60)}")
            stopped = rng.choice((work.host, work.editor.pid))
            os.kill(stopped, signal.SIGSTOP)
            threading.Event().wait(0.15)
            assert is_alive(stopped)
            os.kill(stopped, signal.SIGCONT)
            view = views[name] = work.ended(name)
            assert view["text"] == whole
            assert view["success"]
            work.editor.command("only")
            work.untouched()
        work.quit()
        chaos.survived(count, true_rows(work, views))


@pytest.mark.model
def test_an_embedded_model_that_is_killed_at_any_moment(chaos: Chaos, tmp_path: Path) -> None:
    if not chaos.full:
        pytest.skip("in full chaos alone; the short form is in tests/e2e/test_embedded.py")
    rng = chaos.rng("kill model")
    count = chaos.size(1, 12)
    with bench(tmp_path, Plan(lambda _: Fault("nobody", early=True)), quick=False) as work:
        work.editor.lua("require('zeke').setup({ fallback = { embedded = { threads = 1, max_tokens = 200 } } })")
        for _ in range(count):
            name = work.ask()
            work.editor.wait(f"#require('zeke').answer({name!r}).text > {rng.randrange(1, 60)}", 90)
            (model,) = children(work.host)
            os.kill(model, signal.SIGKILL)
            view = work.ended(name)
            assert not view["success"]
            assert view["text"]
            wait_gone(model)
            work.editor.command("only")
            work.untouched()
        work.quit()
        rows = rows_of(database(work.home))
        assert all(row["success"] == 0 for found in rows.values() for row in found)
        chaos.survived(count, sum(map(len, rows.values())))


def test_a_disk_that_fails_under_a_running_host(chaos: Chaos, tmp_path: Path) -> None:
    import resource

    good = Fault("fine", [faults.HEAD, faults.event("fine"), faults.DONE], answer="fine", may_succeed=True)
    with bench(tmp_path / "ünï cödé #1 %", Plan(lambda _: good), quick=False) as work:
        path = database(work.home)
        first = work.ended(work.ask())
        host = work.host
        unlimited = resource.prlimit(host, resource.RLIMIT_FSIZE)
        resource.prlimit(host, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
        full = work.ended(work.ask())
        resource.prlimit(host, resource.RLIMIT_FSIZE, unlimited)
        for file in path.parent.iterdir():
            file.unlink()
        gone = work.ended(work.ask())
        last = work.ended(work.ask())
        for view in (first, full, gone, last):
            assert (view["success"], view["text"]) == (True, "fine")
        assert "routing decision" in full["message"]
        work.editor.wait("vim.fn.execute('messages'):find('ZEKE_DB', 1, true) ~= nil")
        assert work.host == host
        work.untouched()
        for _ in range(500):
            with contextlib.suppress(sqlite3.Error):
                if {full["id"], gone["id"], last["id"]} <= set(rows_of(path)):
                    break
            work.editor.lua("vim.wait(20)")
        work.quit()
        rows = rows_of(path)
        assert {full["id"], gone["id"], last["id"]} <= set(rows)
        assert all(row["success"] == 1 for found in rows.values() for row in found)
        chaos.survived(2, len(rows))
