"""The figures of one run, out of what server, Neovim and screen noted. Pure."""

from __future__ import annotations

import bisect
import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Measured:
    """One run, or several of one kind together. Milliseconds, seconds of CPU, megabytes; lists are distributions."""

    wire: list[float] = field(default_factory=list)
    """Key → request complete at the server."""
    first: list[float] = field(default_factory=list)
    """First content sent → in the buffer."""
    screen: list[float] = field(default_factory=list)
    """First content sent → drawn."""
    lag: list[float] = field(default_factory=list)
    """Each write's content sent → in the buffer."""
    end: list[float] = field(default_factory=list)
    """Last content sent → complete."""
    whole: list[float] = field(default_factory=list)
    """First content sent → complete."""
    gap: list[float] = field(default_factory=list)
    """Pauses between two updates of the screen while content came."""
    keys: list[float] = field(default_factory=list)
    """Key → letter drawn, every 10 ms."""
    calls: list[float] = field(default_factory=list)
    """Round trip of a call, every 10 ms."""
    cpu: list[float] = field(default_factory=list)
    """Neovim and its child together."""
    cpu_editor: list[float] = field(default_factory=list)
    """Neovim alone."""
    memory: list[float] = field(default_factory=list)
    """Growth of both at the peak."""

    def add(self, other: Measured) -> None:
        """Take the figures of another run."""
        for name, values in vars(other).items():
            getattr(self, name).extend(values)


def percentile(values: Sequence[float], share: int) -> float:
    """Nearest rank; not a number without values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else float("nan")


def median(values: Sequence[float]) -> float:
    """The middle; not a number without values."""
    return statistics.median(values) if values else float("nan")


def lags(sent: Sequence[tuple[int, int]], sizes: Sequence[int], times: Sequence[int]) -> list[float]:
    """For each write of the server, milliseconds until its text was in the buffer."""
    found = []
    for total, at in sent:
        place = bisect.bisect_left(sizes, total)
        if place < len(sizes):
            found.append((times[place] - at) / 1e6)
    return found


def pauses(times: Sequence[int], first: int, last: int) -> list[float]:
    """Milliseconds between neighbours among the times from `first` to `last`."""
    inside = [at for at in times if first <= at <= last]
    return [(b - a) / 1e6 for a, b in itertools.pairwise([first, *inside, last])]


def _difference(found: str, sent: str) -> str:
    place = next((i for i, (a, b) in enumerate(zip(found, sent, strict=False)) if a != b), min(len(found), len(sent)))
    return f"at character {place} of {len(sent)} it is {found[place : place + 40]!r}, not {sent[place : place + 40]!r}"


def of_stream(began: int, noted: Mapping[str, Any], stream: Mapping[str, Any], text: str) -> Measured:
    """The figures of one stream; raises AssertionError when the text is not what was sent."""
    assert stream["text"] == text, f"the text is not what was sent: {_difference(stream['text'], text)}"
    sent, times = noted["sent"], stream["times"]
    first, last, done = sent[0][1], sent[-1][1], stream["done"]
    changes = [(at, size) for at, size in zip(times, stream["sizes"], strict=True) if at >= first]
    return Measured(
        wire=[(noted["arrived"] - began) / 1e6],
        first=[(changes[0][0] - first) / 1e6],
        lag=lags(sent, [size for _, size in changes], [at for at, _ in changes]),
        end=[(done - last) / 1e6],
        whole=[(done - first) / 1e6],
    )
