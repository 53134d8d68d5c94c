"""Cost over time: `python -m bench.soak [--requests N] [--hours H]`. Nothing may grow but what the user keeps.

First many requests one after the other, then hours of a working day at a hundred times its speed: an answer every five
minutes, each at 8,000 chunks/s. Every answer is a conversation of its own; half of their buffers are wiped out at once,
the others hidden and wiped out ten at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from bench import processes
from bench.driver import SETUP, Bench, bench
from bench.report import lines, verdict
from bench.server import Script
from tests.support.editor import REPOSITORY

SPEED = 100
EVERY_SECONDS = 300
"""Between two answers of a working day."""
WARM = 40
"""Requests until everything was used that is ever used."""
ANSWER = Script(count=600, rate=80 * SPEED)
STATE = """
  local marks, ns = 0, vim.api.nvim_create_namespace("zeke")
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    marks = marks + #vim.api.nvim_buf_get_extmarks(bufnr, ns, 0, -1, {})
  end
  collectgarbage()
  collectgarbage()
  return {
    #vim.api.nvim_list_bufs(), marks, #vim.api.nvim_list_wins(), collectgarbage("count") / 1024,
    #vim.api.nvim_get_autocmds({}), #vim.api.nvim_list_chans(),
  }
"""


@dataclass(frozen=True)
class State:
    """What there is of everything; memory in megabytes."""

    editor_memory: float
    host_memory: float
    host_threads: int
    editor_files: int
    host_files: int
    buffers: int
    extmarks: int
    windows: int
    lua_memory: float
    autocommands: int
    channels: int


ALLOWED = State(4.0, 4.0, 0, 0, 1, 0, 0, 0, 0.5, 0, 0)
"""How much more there may be in the end. One file more: a kept connection that the first count may have missed."""


def state(found: Bench) -> State:
    """Take stock, when everything has come to rest."""
    screen = found.screen
    for _ in range(3):
        screen.quiet(0.2)
    buffers, marks, windows, memory, autocommands, channels = screen.lua(STATE)
    return State(
        editor_memory=processes.resident(found.editor_pid) / 1e6,
        host_memory=processes.resident(found.host_pid) / 1e6,
        host_threads=processes.threads(found.host_pid),
        editor_files=processes.files(found.editor_pid),
        host_files=processes.files(found.host_pid),
        buffers=buffers,
        extmarks=marks,
        windows=windows,
        lua_memory=memory,
        autocommands=autocommands,
        channels=channels,
    )


def ask(found: Bench, number: int) -> None:
    """One answer; what it leaves is cleared at once, or with nine others."""
    screen = found.screen
    screen.lua("local b = require('bench'); b.left = 1")
    screen.send("nvim_command", "ZekeNew bench")
    screen.follow(30)
    found.noted()
    screen.lua("vim.cmd('silent! only')")
    if number % 2 == 0 or number % 20 == 19:
        screen.lua("require('bench').clear()")


def run(requests: int, hours: float) -> tuple[list[State], int]:
    """The state after the first requests, after all of them, and after the hours; and how many answers that were."""
    count = 0
    with bench() as found:
        found.screen.lua(SETUP, found.base(ANSWER))
        states = []
        for limit in (WARM, WARM + requests):
            while count < limit:
                ask(found, count)
                count += 1
            states.append(state(found))
        for _ in range(round(hours * 3600 / EVERY_SECONDS / 20) * 20):
            ask(found, count)
            count += 1
            found.screen.quiet(EVERY_SECONDS / SPEED - ANSWER.count / ANSWER.rate)
        states.append(state(found))
    return states, count


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="bench.soak", description="What grows over time.")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--hours", type=float, default=24.0, help="simulated hours; 24 take a quarter of an hour")
    options = parser.parse_args()
    states, count = run(options.requests, options.hours)
    print(f"{'':16}{'start':>12}{f'{options.requests} answers':>14}{f'{options.hours:g} h more':>14}")
    for name in asdict(states[0]):
        print(f"{name:16}" + "".join(f"{getattr(one, name):13.1f}" for one in states))
    first, last, allowed = asdict(states[0]), asdict(states[-1]), asdict(ALLOWED)
    found = [verdict(f"{name}, more than before", "soak", last[name] - first[name], allowed[name]) for name in first]
    print("\n".join(lines(found)))
    (REPOSITORY / "bench" / "soak.json").write_text(
        json.dumps({"answers": count, "states": [asdict(one) for one in states], "targets": found}, indent=1) + "\n"
    )
    sys.exit(not all(one["met"] for one in found))


if __name__ == "__main__":
    main()
