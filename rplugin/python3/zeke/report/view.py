"""What a report is about: whose requests, of which days, grouped and sorted how. The words of `:ZekeStats`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from zeke.routing.arguments import ArgumentError

PERIODS: Mapping[str, tuple[str, int | None]] = {
    "today": ("today", 1),
    "week": ("last 7 days", 7),
    "month": ("last 30 days", 30),
    "all": ("all time", None),
}
"""Word to its title and its days, today being the last; None without an end."""

GROUPINGS: Mapping[str, tuple[str, ...]] = {
    "intent_model": ("intent", "provider", "model"),
    "intent": ("intent",),
    "model": ("provider", "model"),
    "provider": ("provider",),
    "day": ("day",),
    "project": ("project",),
}
"""Grouping to the columns that make its rows."""

SORTS = ("count", "success", "p50", "p95", "speed", "cost", "accepted", "name")
"""What rows can be sorted by, in the order the key goes through."""

_EXPORT = re.compile(r"(?:^|\s)export=(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the log. `only` is set when a cell was opened: filters of its requests."""

    project: str | None
    """None: all projects."""
    period: str = "month"
    by: str = "intent_model"
    sort: str = "count"
    descending: bool = True
    only: Mapping[str, Any] = field(default_factory=dict)
    """Of intent, provider, model, project and error_code (None: unknown), outcome, order, day with the number of
    `days`, above_ms and upto_ms of the first token."""

    def state(self) -> dict[str, Any]:
        """As the editor keeps it."""
        return {
            "project": self.project or "",
            "period": self.period,
            "by": self.by,
            "sort": self.sort,
            "descending": self.descending,
            "only": dict(self.only),
        }


def _one_of(name: str, value: str, accepted: Mapping[str, Any] | tuple[str, ...]) -> str:
    if value not in accepted:
        raise ArgumentError(f"{name}{value}: accepted are {', '.join(accepted)}")
    return value


def from_words(text: str, project: str, *, everywhere: bool) -> tuple[View, str]:
    """The view that a command line asks for, and the path to export to, empty for none.

    `export=` takes the rest of the line, so that a path may hold spaces.

    Raises:
        ArgumentError: a word is none of those accepted.
    """
    found = _EXPORT.search(text)
    path = found.group(1).strip() if found else ""
    if found and not path:
        raise ArgumentError("export= has no path: accepted are files that end in .csv, .json or .html")
    period, by = "month", "project" if everywhere else "intent_model"
    for word in (text[: found.start()] if found else text).split():
        if word.startswith("by="):
            by = _one_of("by=", word[3:], GROUPINGS)
        elif word in PERIODS:
            period = word
        else:
            raise ArgumentError(f"`{word}`: accepted are {', '.join(PERIODS)}, by=, export=")
    return View(None if everywhere else project, period, by), path


def from_state(state: Mapping[str, Any]) -> View:
    """The view that the editor kept.

    Raises:
        ArgumentError: a value is none of those accepted.
    """
    only = state.get("only") or {}
    return View(
        project=str(state["project"]) or None,
        period=_one_of("period ", str(state["period"]), PERIODS),
        by=_one_of("by=", str(state["by"]), GROUPINGS),
        sort=_one_of("sort ", str(state["sort"]), SORTS),
        descending=bool(state["descending"]),
        # An empty Lua table arrives as an empty list.
        only=dict(only) if isinstance(only, Mapping) else {},
    )


def since(period: str, now: datetime) -> int:
    """UTC epoch seconds of the first moment of a period, in the local time of `now`; 0 without a beginning."""
    days = PERIODS[period][1]
    if days is None:
        return 0
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - timedelta(days=days - 1)).timestamp())
