"""Thousands of broken exchanges through the real stages, on real sockets and a real database."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Chaos
from tests.chaos.stack import QUICK, SLOW, check, leaks, rows_of, run_cases
from tests.chaos.wire import Fault
from zeke.models import Timeouts


def survive(chaos: Chaos, folder: Path, found: list[Fault], timeouts: Timeouts, at_once: int = 8) -> None:
    cases = {f"case-{number}": fault for number, fault in enumerate(found)}
    # What earlier tests left to the collector is not counted, since it may go in between.
    gc.collect()
    before = leaks()
    stack, plan = asyncio.run(run_cases(folder, cases, timeouts=timeouts, at_once=at_once))
    assert leaks() == before, f"leak: {before} became {leaks()}"
    rows = rows_of(stack.path)
    for name, fault in cases.items():
        check(name, fault, stack, plan, rows.get(name, []))
    assert {path.name for path in stack.path.parent.iterdir()} == {stack.path.name}, "leak: a file is left"
    chaos.survived(len(cases), sum(map(len, rows.values())))


def test_a_recorded_exchange_that_ends_at_any_byte(chaos: Chaos, tmp_path: Path) -> None:
    found = list(faults.cuts(chaos.rng("cuts"), chaos.size(400, 8_000)))
    survive(chaos, tmp_path, found, SLOW)


@pytest.mark.parametrize(
    ("maker", "short", "full", "timeouts", "at_once"),
    [
        (faults.mixed, 500, 8_000, SLOW, 8),
        (faults.silences, 24, 240, QUICK, 24),
    ],
    ids=["mixed", "silences"],
)
def test_what_a_line_or_a_proxy_can_do(
    chaos: Chaos,
    tmp_path: Path,
    maker: Callable[[Random], Fault],
    short: int,
    full: int,
    timeouts: Timeouts,
    at_once: int,
) -> None:
    rng = chaos.rng(maker.__name__)
    survive(chaos, tmp_path, [maker(rng) for _ in range(chaos.size(short, full))], timeouts, at_once)


def test_a_clock_that_jumps_changes_no_duration(chaos: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = chaos.rng("clock")
    cases = {f"case-{number}": faults.mixed(rng) for number in range(chaos.size(40, 400))}
    honest = time.time
    # Years ahead and back, and before 1970, at each look.
    monkeypatch.setattr("time.time", lambda: honest() + rng.choice((-3e9, -1e7, -1.0, 0.0, 1.0, 1e7, 3e9)))
    stack, plan = asyncio.run(run_cases(tmp_path, cases, timeouts=SLOW))
    rows = rows_of(stack.path)
    for name, fault in cases.items():
        check(name, fault, stack, plan, rows.get(name, []))
        for row in rows[name]:
            assert 0 <= row["total_duration_ms"] < 60_000
            assert row["latency_ms"] is None or 0 <= row["latency_ms"] <= row["total_duration_ms"]
    chaos.survived(len(cases), sum(map(len, rows.values())))
