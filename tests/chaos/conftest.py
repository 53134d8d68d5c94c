"""How much chaos: `make test` runs a short form from a fixed seed, `make chaos` all of it from SEED."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Chaos:
    """The seed, the size, and what is counted."""

    seed: str = field(default_factory=lambda: os.environ.get("SEED", "1"))
    full: bool = field(default_factory=lambda: os.environ.get("CHAOS") == "full")
    counts: Counter[str] = field(default_factory=Counter)
    figures: list[str] = field(default_factory=list)

    def rng(self, name: str) -> random.Random:
        """The numbers of one test: the same for the same seed, whatever else runs."""
        return random.Random(f"{self.seed}/{name}")

    def size(self, short: int, full: int) -> int:
        return full if self.full else short

    def survived(self, cases: int, rows: int = 0) -> None:
        """These cases kept every promise; so many rows were looked at."""
        self.counts["cases"] += cases
        self.counts["rows"] += rows


_CHAOS = Chaos()


@pytest.fixture(scope="session")
def chaos() -> Iterator[Chaos]:
    yield _CHAOS


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    if report.failed and "leak:" in str(getattr(crash, "message", "")):
        _CHAOS.counts["leaks"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _CHAOS.full:
        return
    counts = _CHAOS.counts
    write = terminalreporter.write_line
    write(
        f"chaos: seed {_CHAOS.seed}, {counts['cases']} cases, {counts['cases']} faults survived,"
        f" {counts['rows']} rows checked, leaks {counts['leaks']}"
    )
    for line in _CHAOS.figures:
        write(f"chaos: {line}")
