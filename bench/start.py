"""What Zeke costs before its first answer: Neovim's own start, and the first request, cold and prewarmed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.driver import Server
from bench.measured import median, percentile
from bench.report import verdict
from bench.screen import Screen
from bench.server import Script
from tests.support.editor import REPOSITORY, Editor, nvim_program

TYPING_SECONDS = 0.8
"""From the first letters of a command to its <CR>."""
Figures = dict[str, list[float]]
"""Milliseconds by what they are of."""


def sourcing(script: str) -> float:
    """Milliseconds that Neovim says a script of ours adds to its start."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        argv = [nvim_program(), "--clean", "--headless", "--startuptime", str(log)]
        argv += ["--cmd", f"set runtimepath^={REPOSITORY}", "-c", "qa"]
        subprocess.run(argv, check=True, capture_output=True)
        (line,) = (line for line in log.read_text().splitlines() if f"sourcing {REPOSITORY}/{script}" in line)
        return float(line.split()[1])


def python(code: str) -> float:
    """Milliseconds of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - began) * 1000


def first_request(server: Server, prewarm: str) -> float:
    """Milliseconds from the last key of a new editor's first command to the request at the gateway.

    `prewarm` is the option's value in Lua: what happens while the command is typed.
    """
    environment = {"ZEKE_API_BASE": server.base(Script())}
    with tempfile.TemporaryDirectory() as home, Editor(Path(home), env=environment, ui=None) as editor:
        screen = Screen(editor.lua("return vim.v.servername"))
        screen.lua(f"require('zeke').setup({{ fallback = false, prewarm = {prewarm} }})")
        screen.send("nvim_input", ":ZekeNew bench")
        screen.quiet(TYPING_SECONDS)
        began = time.monotonic_ns()
        screen.send("nvim_input", "<CR>")
        arrived: int = server.noted()["arrived"]
        screen.close()
    return (arrived - began) / 1e6


def run(rounds: int) -> tuple[Figures, list[dict[str, Any]]]:
    """All figures, each kind in turn inside a round, and the targets."""
    figures: Figures = {}
    server = Server()

    def note(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    try:
        for _ in range(rounds * 5):
            note("plugin/zeke.lua", sourcing("plugin/zeke.lua"))
            note("python -c pass", python("pass"))
            note("python -c 'import pynvim'", python("import pynvim"))
            note("first request, cold", first_request(server, "false"))
            note("first request, prewarmed", first_request(server, "'cmdline'"))
    finally:
        server.stop()
    limits: Mapping[str, float] = {"plugin/zeke.lua": 1, "first request, cold": 250, "first request, prewarmed": 35}
    return figures, [verdict(f"{name}, ms", "start", median(figures[name]), limit) for name, limit in limits.items()]


def table(figures: Figures) -> Iterator[str]:
    """The figures as text."""
    yield f"{'start, ms':28}{'median':>9}{'p5':>9}{'p95':>9}"
    for name, values in figures.items():
        yield f"{name:28}{median(values):9.2f}{percentile(values, 5):9.2f}{percentile(values, 95):9.2f}"
