"""Runs the scenarios: one Neovim, one server, the sides in turn inside each round."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import processes
from bench.measured import Measured, of_stream, pauses
from bench.scenarios import COMPARED, FLOOR, SCENARIOS, ZEKE, Scenario
from bench.screen import Screen
from bench.server import Script
from bench.text import MARK
from tests.support.editor import REPOSITORY, Editor

IDLE = "idle"
IDLE_SECONDS = 5.0
IDLE_EVERY = 8
"""Idle keys are measured before each so many repeats: a shared machine changes within a minute."""
SETUP = "require('zeke').setup({ fallback = false, gateway = { base = ... }, ui = { open = 'vertical' } })"


class Server:
    """`bench.server` in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.server"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self.port = int(self._out.readline())

    def base(self, script: Script) -> str:
        """The gateway that answers so."""
        return f"http://127.0.0.1:{self.port}{script.path()}"

    def noted(self) -> dict[str, Any]:
        """What was noted of a request; waits for the end of one."""
        noted: dict[str, Any] = json.loads(self._out.readline())
        return noted

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Bench:
    """The editor with everything in it that is measured."""

    def __init__(self, editor: Editor, server: Server) -> None:
        self._server = server
        self.screen = Screen(editor.lua("return vim.v.servername"))
        self.editor_pid = editor.pid
        self.screen.lua("vim.opt.runtimepath:append(...)", str(REPOSITORY))
        self.screen.lua("package.path = ... .. '/?.lua;' .. package.path", str(REPOSITORY))
        self.screen.lua("package.loaded.bench = dofile(...)", str(REPOSITORY / "bench" / "bench.lua"))
        self.screen.lua("require('bench').setup(...)", self.screen.channel)
        start = "return vim.fn.jobstart({ ... }, { rpc = true })"
        self.floor: int = self.screen.lua(start, sys.executable, str(REPOSITORY / "bench" / "floor.py"))
        self.floor_pid: int = self.screen.lua("return vim.fn.jobpid(...)", self.floor)
        self.host_pid = 0

    def warm(self) -> None:
        """One short answer of each side, so that nothing is used for the first time in a run."""
        for side in (FLOOR, "lua", "curl", ZEKE):
            self.once(side, Scenario("", Script(count=40)))
        self.host_pid = self.screen.lua("return require('zeke.host').status().pid")

    def base(self, script: Script) -> str:
        """The gateway that answers so."""
        return self._server.base(script)

    def noted(self) -> dict[str, Any]:
        """What the server noted of a request; waits for the end of one."""
        return self._server.noted()

    def _children(self, side: str) -> list[int]:
        return {FLOOR: [self.floor_pid], ZEKE: [self.host_pid] if self.host_pid else []}.get(side, [])

    def _cpu(self, pids: Sequence[int]) -> list[float]:
        ended = processes.cpu_of_ended_children(self.editor_pid)
        return [*(processes.cpu(pid) for pid in pids), ended]

    def once(self, side: str, scenario: Scenario) -> Measured:
        """Run one side of a scenario once."""
        screen, script = self.screen, scenario.script
        job = {
            "side": side,
            "count": scenario.streams,
            "port": self._server.port,
            "path": f"{script.path()}/chat/completions",
            "process": self.floor,
            "split": "below" if scenario.streams > 1 else "right",
            "lines": scenario.lines,
            "command": ("horizontal " if scenario.streams > 1 else "") + "ZekeNew bench",
        }
        if side == ZEKE:
            screen.lua(SETUP, self._server.base(script))
            if scenario.lines:
                self._converse(scenario.lines)
                screen.lua(SETUP, self._server.base(script))
                job["command"] = "ZekeReply bench"
        screen.lua("require('bench').prepare(...)", job)
        screen.call("nvim_input", "<Esc>Go" if scenario.typing else "<Esc>")
        screen.quiet(0.4)
        pids = [self.editor_pid, *self._children(side)]
        memory = [processes.resident(pid) for pid in pids]
        before = self._cpu(pids)
        began = time.monotonic_ns()
        screen.send("nvim_input", "<F5>")
        drawn = screen.follow(60, mark=MARK[0], typing=scenario.typing)
        peaks = [processes.peak(pid) for pid in pids]
        screen.quiet()
        used = [after - earlier for after, earlier in zip(self._cpu(pids), before, strict=True)]
        figures = self._figures(began, scenario)
        figures.cpu, figures.cpu_editor = [sum(used)], [used[0]]
        figures.memory = [sum(max(0, high - low) for high, low in zip(peaks, memory, strict=True)) / 1e6]
        first, last = self._span
        # What the command itself holds up is not the stream's.
        figures.keys = [ms for at, ms in drawn.keys if at >= first]
        figures.calls = [ms for at, ms in drawn.calls if at >= first]
        if scenario.streams == 1:
            figures.screen = [(at - first) / 1e6 for at in drawn.marks if at >= first][:1]
        figures.gap = pauses(drawn.flushes, first, last)
        screen.lua("require('bench').clear()")
        return figures

    def _figures(self, began: int, scenario: Scenario) -> Measured:
        noted = {str(one["id"]): one for one in (self._server.noted() for _ in range(scenario.streams))}
        found = self.screen.lua("return require('bench').found()")
        figures, text = Measured(), scenario.script.text()
        for identity, stream in found.items():
            figures.add(of_stream(began, noted[identity], stream, text))
        self._span = (
            min(one["sent"][0][1] for one in noted.values()),
            max(one["sent"][-1][1] for one in noted.values()),
        )
        return figures

    def _converse(self, lines: int) -> None:
        """An answer of so many lines, to go on from."""
        screen = self.screen
        screen.lua(SETUP, self._server.base(Script(count=lines, kind="lines", events=50)))
        screen.lua("require('bench').prepare({ count = 1 })")
        screen.send("nvim_command", "ZekeNew first")
        screen.follow(60)
        self._server.noted()
        screen.lua("vim.cmd('silent! only')")

    def idle(self) -> Measured:
        """A user types and nothing comes."""
        self.screen.call("nvim_input", "<Esc>Go")
        self.screen.quiet()
        drawn = self.screen.follow(IDLE_SECONDS, typing=True)
        self.screen.quiet()
        self.screen.call("nvim_input", "<Esc>")
        return Measured(keys=[ms for _, ms in drawn.keys], calls=[ms for _, ms in drawn.calls])


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """An editor of its own, warmed up."""
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as home:
            environment = {"ZEKE_API_BASE": server.base(Script())}
            with Editor(Path(home), env=environment, ui=None) as editor:
                found = Bench(editor, server)
                found.warm()
                yield found
                found.screen.close()
    finally:
        server.stop()


Results = dict[str, dict[str, Measured]]
"""By scenario and side."""


def run(names: Sequence[str], rounds: int) -> Results:
    """The scenarios, floor and Zeke in turn."""
    results: Results = {name: {side: Measured() for side in (*SCENARIOS[name].others, *COMPARED)} for name in names}
    for name in names:
        if SCENARIOS[name].typing:
            results[name][IDLE] = Measured()
    with bench() as found:
        for number in range(rounds):
            for name in names:
                scenario = SCENARIOS[name]
                for side in scenario.others:
                    results[name][side].add(found.once(side, scenario))
                for again in range(scenario.repeat):
                    if scenario.typing and again % IDLE_EVERY == 0:
                        results[name][IDLE].add(found.idle())
                    # Who begins changes, so that a slow moment of the machine does not always meet the same side.
                    for side in COMPARED if (number + again) % 2 == 0 else COMPARED[::-1]:
                        results[name][side].add(found.once(side, scenario))
    return results


def quit_while_stalled() -> tuple[float, int]:
    """S6: milliseconds from `:qa!` until editor and host are gone, and how many processes are left."""
    server = Server()
    script = Script(count=100, rate=1000, stall=1)
    try:
        with tempfile.TemporaryDirectory() as home:
            editor = Editor(Path(home), env={"ZEKE_API_BASE": server.base(script)}, ui=None)
            screen = Screen(editor.lua("return vim.v.servername"))
            screen.send("nvim_command", "ZekeNew bench")
            while screen.lua("return require('zeke.answers').waiting()[1] ~= nil or require('zeke').pending() == 0"):
                screen.quiet(0.02)
            host = screen.lua("return require('zeke.host').status().pid")
            began = time.monotonic_ns()
            screen.send("nvim_command", "qa!")
            while processes.is_alive(editor.pid) or processes.is_alive(host):
                if time.monotonic_ns() - began > 5e9:
                    break
                time.sleep(0.001)
            took = (time.monotonic_ns() - began) / 1e6
            left = [pid for pid in (editor.pid, host) if processes.is_alive(pid)]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            assert "gone" in server.noted(), "the gateway was not told"
            screen.close()
            editor.quit()
            return took, len(left)
    finally:
        server.stop()
