"""Figures and how they are written. Unknown stays unknown; what was computed and not reported carries `~`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt as the cache knows it."""

    number: int
    model: str | None
    provider: str | None
    intent: str | None
    alias: str | None
    latency_ms: int | None
    total_duration_ms: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost_cents: float | None
    cost_source: str | None
    success: bool
    error_code: str | None
    escalated: bool
    created_at: int
    reason: str | None = None
    candidates: Sequence[str] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """How a model did: attempts, successes, and the median of the time to the first token in milliseconds."""

    count: int
    successes: int
    p50_ms: int | None


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Nearest rank (ceil(n·p/100)-th smallest); None of nothing."""
    return nearest_rank(sorted(values), percent)


def nearest_rank(ordered: Sequence[int], percent: int) -> int | None:
    """The same of values that are in order."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1] if ordered else None


def seconds(ms: int | None) -> str:
    """Milliseconds as seconds, `?` when unknown."""
    if ms is None:
        return "?"
    return f"{ms / 1000:.1f} s" if ms < 10_000 else f"{ms // 1000} s"


def cents(value: float | None, source: str | None = None) -> str:
    """A cost; computed ones carry `~`, unknown ones are `?`."""
    if value is None:
        return "¢?"
    return f"{'~' if source == 'computed' else ''}¢{value:.2f}"


def share(part: float | None) -> str:
    """A part of a whole in percent; 0 and 100 are said only when they are exact, `–` when nothing is known."""
    if part is None:
        return "–"
    percent = round(part * 100)
    if percent in (0, 100) and part not in (0, 1):
        percent = 1 if percent == 0 else 99
    return f"{percent} %"


def count(value: int | None) -> str:
    """A number of tokens, `?` when unknown."""
    if value is None:
        return "?"
    if value < 1000:
        return str(value)
    return f"{value / 1000:.1f}k" if value < 1_000_000 else f"{value / 1_000_000:.1f}M"


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Columns aligned to the left, two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
