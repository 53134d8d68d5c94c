"""`python -m bench [--rounds N]`: one table of medians and ratios to the floor, and `bench/results.json`."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.server import text
from tests.support.editor import REPOSITORY, Editor, nvim_program

SCENARIOS = {"S1": (600, 80), "S2": (5000, 1000), "S3": (20000, 0)}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One run. Times in milliseconds, CPU in seconds."""

    wire: float
    """Trigger → request at the server."""
    first: float
    """First content sent → in the buffer."""
    end: float
    """Last content sent → complete."""
    whole: float
    """First content sent → complete."""
    gap: float
    """Longest pause between two changes of the buffer."""
    updates: int
    cpu: float
    """Neovim and its child together."""
    lag: float
    """99th percentile of a round trip to Neovim during the stream."""


class Server:
    """`bench.server` in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.server"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self.port = int(self._out.readline())

    def times(self) -> dict[str, int]:
        """What the server noted of the newest request; waits for its end."""
        noted: dict[str, int] = json.loads(self._out.readline())
        return noted

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def trips(editor: Editor, until: str) -> list[float]:
    """Round trips to Neovim, one every 10 ms, until a Lua expression is true; milliseconds each."""
    found: list[float] = []
    while True:
        began = time.perf_counter()
        done = editor.lua(f"return {until}")
        found.append((time.perf_counter() - began) * 1000)
        if done:
            return found
        time.sleep(0.01)


def measure(
    editor: Editor, server: Server, pids: list[int], start: Callable[[], Any], count: int, inside: Callable[[str], str]
) -> Measured:
    """Run one stream and take its figures; the text must be what was sent."""
    before = sum(cpu(pid) for pid in pids)
    start()
    waits = trips(editor, "require('bench').done ~= nil")
    used = sum(cpu(pid) for pid in pids) - before
    noted = server.times()
    found = editor.lua("local b = require('bench'); return { b.began, b.done, b.times, b.bufnr }")
    began, done, times, bufnr = found
    shown = inside("\n".join(editor.lines(bufnr)))
    assert shown == text(count), "the text is not what was sent"
    changes = [at for at in times if noted["first"] <= at]
    gaps = [b - a for a, b in itertools.pairwise(changes)]
    editor.command("silent! only")
    return Measured(
        wire=(noted["arrived"] - began) / 1e6,
        first=(changes[0] - noted["first"]) / 1e6,
        end=(done - noted["last"]) / 1e6,
        whole=(done - noted["first"]) / 1e6,
        gap=max(gaps, default=0) / 1e6,
        updates=len(changes),
        cpu=used,
        lag=statistics.quantiles(waits, n=100)[98] if len(waits) > 2 else max(waits),
    )


def run(rounds: int) -> dict[str, dict[str, list[Measured]]]:
    """All scenarios, floor and Zeke in turn."""
    server = Server()
    results: dict[str, dict[str, list[Measured]]] = {name: {"floor": [], "zeke": []} for name in SCENARIOS}
    base = f"http://127.0.0.1:{server.port}"
    with tempfile.TemporaryDirectory() as home, Editor(Path(home), env={"ZEKE_API_BASE": f"{base}/1/0/v1"}) as editor:
        try:
            editor.lua("package.loaded.bench = dofile(...)", str(REPOSITORY / "bench" / "bench.lua"))
            program = str(REPOSITORY / "bench" / "floor.py")
            channel = editor.lua("return vim.fn.jobstart({ ... }, { rpc = true })", sys.executable, program)
            floor_pid = editor.lua("return vim.fn.jobpid(...)", channel)
            editor.lua("require('bench').zeke()")
            trips(editor, "require('bench').done ~= nil")
            server.times()
            host_pid = editor.lua("return require('zeke.host').status().pid")
            for _ in range(rounds):
                for name, (count, rate) in SCENARIOS.items():
                    path = f"/{count}/{rate}/v1"
                    args = (channel, server.port, f"{path}/chat/completions")

                    def floor(args: tuple[Any, ...] = args) -> None:
                        editor.lua("require('bench').floor(...)", *args)

                    results[name]["floor"].append(
                        measure(editor, server, [editor.pid, floor_pid], floor, count, lambda shown: shown)
                    )
                    editor.lua("require('zeke').setup({ fallback = false, gateway = { base = ... } })", base + path)
                    results[name]["zeke"].append(
                        measure(
                            editor,
                            server,
                            [editor.pid, host_pid],
                            lambda: editor.lua("require('bench').zeke()"),
                            count,
                            lambda shown: shown.partition("> bench\n\n")[2],
                        )
                    )
        finally:
            server.stop()
    return results


def start_up() -> tuple[float, float]:
    """Milliseconds that `plugin/zeke.lua` adds to Neovim's start, and those of an empty plugin; medians of 15."""

    def once(script: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            argv = [nvim_program(), "--clean", "--headless", "--startuptime", str(log)]
            argv += ["--cmd", f"set runtimepath^={REPOSITORY}", "-c", f"source {script}", "-c", "qa"]
            subprocess.run(argv, check=True, capture_output=True)
            lines = [line for line in log.read_text().splitlines() if "plugin/zeke.lua" in line and "sourcing" in line]
            return float(lines[0].split()[1]) if lines else 0.0

    times = [once(os.devnull) for _ in range(15)]
    return statistics.median(times), max(times)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Zeke's speed against a floor in the same run.")
    parser.add_argument("--rounds", type=int, default=3)
    results = run(parser.parse_args().rounds)
    names = ("wire", "first", "end", "whole", "gap", "updates", "cpu", "lag")
    units = ("ms", "ms", "ms", "ms", "ms", "", "s", "ms")
    header = "".join(f"{name + ' ' + unit:>12}" for name, unit in zip(names, units, strict=True))
    print(f"{'medians':14}{header}")
    for scenario, sides in results.items():
        medians = {
            side: [statistics.median(getattr(measured, name) for measured in runs) for name in names]
            for side, runs in sides.items()
        }
        for side, values in medians.items():
            print(f"{scenario + ' ' + side:14}" + "".join(f"{value:12.2f}" for value in values))
        pairs = zip(medians["zeke"], medians["floor"], strict=True)
        ratios = [zeke / floor if floor > 0 else float("nan") for zeke, floor in pairs]
        print(f"{scenario + ' ratio':14}" + "".join(f"{ratio:12.2f}" for ratio in ratios))
    median, worst = start_up()
    print(f"plugin/zeke.lua adds {median:.2f} ms to Neovim's start (worst of 15: {worst:.2f} ms)")
    plain = {
        name: {side: [vars(measured) for measured in runs] for side, runs in sides.items()}
        for name, sides in results.items()
    }
    (REPOSITORY / "bench" / "results.json").write_text(json.dumps(plain, indent=1))


if __name__ == "__main__":
    main()
