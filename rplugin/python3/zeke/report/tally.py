"""Attempts added up: what `:ZekeStats`, its exports and the notices count by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zeke.report.figures import nearest_rank
from zeke.report.verdicts import Votes
from zeke.report.view import GROUPINGS

Key = tuple[Any, ...]

BOUNDS_MS = (100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600)
"""Upper bounds of the histogram's classes in milliseconds; one more class has no bound."""


@dataclass(slots=True)
class Sums:
    """What is added up of attempts. Of nothing it is 0, not None."""

    requests: int = 0
    """First attempts."""
    attempts: int = 0
    successes: int = 0
    cancelled: int = 0
    unfinished: int = 0
    """Still running, or their editor was killed."""
    refused: int = 0
    """By the budget: they never left."""
    tokens_in: int = 0
    tokens_out: int = 0
    untold: int = 0
    """Complete answers whose tokens nobody told."""
    timed_tokens: int = 0
    """Tokens out of answers whose writing was timed."""
    timed_ms: int = 0
    """How long these answers took from their first token to their last."""
    reported: float = 0.0
    """Cents that a gateway named, or that are certain because the model is local."""
    computed: float = 0.0
    """Cents computed from a price list."""
    unknown_costs: int = 0
    """Complete answers to which nobody named a price."""

    def add(self, other: Sums) -> None:
        """Count others in."""
        self.requests += other.requests
        self.attempts += other.attempts
        self.successes += other.successes
        self.cancelled += other.cancelled
        self.unfinished += other.unfinished
        self.refused += other.refused
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.untold += other.untold
        self.timed_tokens += other.timed_tokens
        self.timed_ms += other.timed_ms
        self.reported += other.reported
        self.computed += other.computed
        self.unknown_costs += other.unknown_costs

    @property
    def counted(self) -> int:
        """Attempts that were a success or a failure: the cancelled, unfinished and refused are neither."""
        return self.attempts - self.cancelled - self.unfinished - self.refused

    @property
    def success(self) -> float | None:
        """Complete answers per counted attempt, 0 to 1; None without any."""
        return self.successes / self.counted if self.counted else None

    @property
    def speed(self) -> float | None:
        """Tokens per second while the answers were written; None when it is not known of any."""
        return self.timed_tokens * 1000 / self.timed_ms if self.timed_ms else None

    @property
    def cents(self) -> float | None:
        """What is known of the cost; None when nothing is."""
        known = self.successes - self.unknown_costs
        return self.reported + self.computed if known > 0 or self.reported or self.computed else None


@dataclass(frozen=True, slots=True)
class Slice:
    """What SQL added up: the attempts of one group on one day."""

    key: Key
    """The values of the grouping's columns, None for unknown."""
    day: int
    """Days since 1970-01-01 in local time."""
    sums: Sums
    latencies: Sequence[int] = ()
    """Milliseconds to the first token, of complete answers alone."""


@dataclass(slots=True)
class Tally(Sums):
    """Slices added up."""

    votes: Votes = field(default_factory=Votes)
    latencies: list[int] = field(default_factory=list)
    """Until `close`, which keeps what is told of them."""
    p50: int | None = None
    """Median time to the first token in milliseconds, nearest rank."""
    p95: int | None = None
    histogram: Sequence[int] = ()
    """How many answers began within each class of `BOUNDS_MS`, a class without its lower and with its upper bound."""

    def close(self) -> None:
        """Take what is told of the latencies and let go of them: there may be a million."""
        self.latencies.sort()
        self.p50, self.p95 = nearest_rank(self.latencies, 50), nearest_rank(self.latencies, 95)
        edges = [bisect_left(self.latencies, bound + 1) for bound in BOUNDS_MS] + [len(self.latencies)]
        self.histogram = [edge - before for before, edge in zip([0, *edges], edges, strict=False)]
        self.latencies = []


@dataclass(frozen=True, slots=True)
class Failure:
    """Attempts that failed in the same way with the same model."""

    error_code: str
    model: str | None
    provider: str | None
    count: int
    last_at: int
    """UTC epoch seconds."""
    said: str | None = None
    """The sentence of the last one."""


@dataclass(frozen=True, slots=True)
class Usage:
    """All figures of one report."""

    whole: Tally
    groups: Mapping[Key, Tally]
    days: Mapping[int, Sums]
    failures: Sequence[Failure] = ()


def usage(
    slices: Iterable[Slice], votes: Mapping[Key, Votes], failures: Sequence[Failure] = (), *, by: str = "intent_model"
) -> Usage:
    """Slices and verdicts, added up by group, by day and as a whole."""
    whole = Tally()
    groups: dict[Key, Tally] = {}
    days: dict[int, Sums] = {}
    per_day = GROUPINGS[by] == ("day",)
    for part in slices:
        key = (part.day,) if per_day else part.key
        for tally in (whole, groups.setdefault(key, Tally()), days.setdefault(part.day, Sums())):
            tally.add(part.sums)
        groups[key].latencies.extend(part.latencies)
    for key, given in votes.items():
        if key in groups:
            groups[key].votes = given
        whole.votes = Votes(whole.votes.good + given.good, whole.votes.bad + given.bad)
    for tally in groups.values():
        tally.latencies.sort()
        # Runs that are in order are merged and not sorted again.
        whole.latencies.extend(tally.latencies)
        tally.close()
    whole.close()
    return Usage(whole, groups, dict(sorted(days.items())), failures)


def ordered(groups: Mapping[Key, Tally], sort: str, *, descending: bool) -> list[tuple[Key, Tally]]:
    """Rows in order; those that do not know the figure come last either way."""

    def name(key: Key) -> tuple[str, ...]:
        return tuple("" if part is None else f"{part:>12}" if isinstance(part, int) else str(part) for part in key)

    if sort == "name":
        # A to Z is what a reader expects first.
        return sorted(groups.items(), key=lambda item: name(item[0]), reverse=not descending)
    figures: Mapping[str, Callable[[Tally], float | int | None]] = {
        "count": lambda tally: tally.attempts,
        "success": lambda tally: tally.success,
        "p50": lambda tally: tally.p50,
        "p95": lambda tally: tally.p95,
        "speed": lambda tally: tally.speed,
        "cost": lambda tally: tally.cents,
        "accepted": lambda tally: tally.votes.share,
    }
    known, unknown = [], []
    for key, tally in sorted(groups.items(), key=lambda item: name(item[0])):
        figure = figures[sort](tally)
        if figure is None:
            unknown.append((key, tally))
        else:
            known.append((figure, key, tally))
    known.sort(key=lambda item: item[0], reverse=descending)
    return [(key, tally) for _, key, tally in known] + unknown
