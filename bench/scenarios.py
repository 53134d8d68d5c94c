"""What is measured, and how good it has to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.measured import Measured, median, percentile
from bench.server import Script

FLOOR, ZEKE = "floor", "zeke"
COMPARED = (FLOOR, ZEKE)
OTHERS = ("lua", "curl")


@dataclass(frozen=True)
class Scenario:
    """One way to stream. Floor and Zeke get the same, one right after the other."""

    what: str
    script: Script
    others: tuple[str, ...] = ()
    """What else is run, once in a round."""
    streams: int = 1
    """How many at once."""
    repeat: int = 1
    """How often floor and Zeke run in one round."""
    typing: bool = False
    """A user types meanwhile; figures of CPU are then not worth comparing."""
    lines: int = 0
    """Lines that the conversation has already."""


_S1 = Script(count=600, rate=80)
_S2 = Script(count=5000, rate=1000)
_S3 = Script(count=20000)

SCENARIOS = {
    "S1": Scenario("600 chunks of 4 characters at 80/s", _S1, OTHERS, repeat=4),
    "S2": Scenario("5,000 at 1,000/s", _S2, OTHERS),
    "S2t": Scenario("S2 while a user types", _S2, typing=True),
    "S3": Scenario("20,000 as fast as possible", _S3, OTHERS, repeat=3),
    "S3t": Scenario("S3 while a user types", _S3, repeat=24, typing=True),
    "S4": Scenario("long lines and wide characters, cut anywhere", Script(2000, 1000, "long", cut=-1)),
    "S5": Scenario("writes of 7 bytes", Script(1000, 500, cut=7)),
    "S7": Scenario("eight streams of S1 at once", replace(_S1, delay=100), streams=8),
    "S8": Scenario("an answer of 5 MB", replace(_S3, count=4800, kind="big")),
    "S9": Scenario("S1 into a conversation of 20,000 lines", _S1, lines=20000),
    "S9h": Scenario("half of S1 into a highlighted conversation of 10,000 lines", replace(_S1, count=300), lines=10000),
}
"""S6, quitting while the server stalls, ends the editor and is measured on its own."""


@dataclass(frozen=True)
class Sides:
    """What a target looks at."""

    zeke: Measured
    floor: Measured
    idle: Measured


@dataclass(frozen=True)
class Target:
    """A figure that must not be above its limit."""

    what: str
    scenarios: tuple[str, ...]
    limit: float
    figure: Callable[[Sides], float]


def _ratio(value: float, floor: float) -> float:
    return value / floor if floor > 0 else float("nan")


def _cpu(sides: Sides) -> float:
    """The middle of the ratios of neighbours: a shared machine is slow for minutes, and then for both of a pair."""
    return median([_ratio(zeke, floor) for zeke, floor in zip(sides.zeke.cpu, sides.floor.cpu, strict=True)])


TARGETS = (
    Target("request on the wire, ms", ("S1", "S2", "S3"), 10, lambda s: median(s.zeke.wire)),
    Target("first chunk in the buffer, ms", ("S1", "S2", "S7", "S9"), 1, lambda s: median(s.zeke.first)),
    Target("first chunk on the screen, ms", ("S1", "S2", "S9"), 3, lambda s: median(s.zeke.screen)),
    Target("lag p95, ms", ("S1", "S2", "S4", "S5", "S7", "S9", "S9h"), 18, lambda s: percentile(s.zeke.lag, 95)),
    Target("whole answer, ms", ("S3",), 400, lambda s: median(s.zeke.whole)),
    Target("whole answer / floor", ("S3",), 3, lambda s: _ratio(median(s.zeke.whole), median(s.floor.whole))),
    Target("longest pause of the screen, ms", ("S3", "S8", "S9h"), 50, lambda s: max(s.zeke.gap, default=0.0)),
    Target("CPU / floor, median of pairs", ("S1", "S2"), 1.5, _cpu),
    Target(
        "key p99 / idle",
        ("S2t", "S3t"),
        1.5,
        lambda s: _ratio(percentile(s.zeke.keys, 99), percentile(s.idle.keys, 99)),
    ),
    Target("longest call, ms", ("S2t", "S3t"), 30, lambda s: max(s.zeke.calls, default=0.0)),
    Target(
        "memory growth / text",
        ("S8",),
        3,
        lambda s: _ratio(median(s.zeke.memory), len(SCENARIOS["S8"].script.text().encode()) / 1e6),
    ),
)
