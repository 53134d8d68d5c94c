"""The queries of `:ZekeStats`. SQL adds up, so that a million rows neither travel nor hold up the loop.

Rows are grouped outside of the query that finds them: else SQLite walks the seed's index on the grouped column, over
all time, to get sorted groups for free (636 ms instead of 14 ms on a million rows). Days are grouped first, since rows
come in their order. The Zig client binds '' where it knows nothing, and its rows have the cost column's default of 0.0
where nobody named a price.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from zeke.cache.decisions import COST
from zeke.cache.statistics import trace_of
from zeke.report.requests import Requested
from zeke.report.tally import Failure, Key, Slice, Sums
from zeke.report.verdicts import SIGNALS, Votes
from zeke.report.view import GROUPINGS

CODE = "COALESCE(error_code, '')"
DAY = 86400
FAILURES = 10
"""Lines of what is failing."""


def _offsets(since: int, until: int) -> list[tuple[int, int]]:
    """Local time as (end, seconds east of UTC) of each stretch in between; daylight saving makes more than one."""

    def offset(epoch: int) -> int:
        return int((datetime.fromtimestamp(epoch).astimezone().utcoffset() or timedelta()).total_seconds())

    found: list[tuple[int, int]] = []
    epoch = since
    while epoch < until:
        following = min(epoch + DAY, until)
        if offset(epoch) != offset(following):
            low, high = epoch, following
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(epoch) else (low, middle)
            found.append((high, offset(epoch)))
        epoch = following
    return [*found, (until, offset(until))]


def local_day(since: int, until: int) -> str:
    """An expression for the days since 1970-01-01 in local time; no text of a user is in it."""
    stretches = _offsets(since, until)
    cases = "".join(f" WHEN created_at < {end} THEN {seconds}" for end, seconds in stretches[:-1])
    last = stretches[-1][1]
    return f"(created_at + {f'CASE{cases} ELSE {last} END' if cases else last}) / {DAY}"


def _where(project: str | None, since: int) -> tuple[str, list[object]]:
    if project is None:
        return "created_at >= ?", [since]
    return "project = ? AND created_at >= ?", [project, since]


def first_moment(connection: sqlite3.Connection, project: str | None, since: int) -> int:
    """When the oldest row was written that a period without a beginning holds; else `since`."""
    if since:
        return since
    condition, values = _where(project, 0)
    oldest = connection.execute(f"SELECT MIN(created_at) FROM routing_stats WHERE {condition}", values).fetchone()[0]
    return int(oldest or 0)


_FIRST = 8
_FATE = (
    "CASE WHEN success = 1 THEN 1 WHEN error_code = 'cancelled' THEN 2 WHEN error_code = 'in_flight' THEN 3"
    " WHEN error_code = 'budget_exceeded' THEN 4 ELSE 0 END"
    f" + {_FIRST} * (COALESCE(attempt, 1 + COALESCE(escalated, 0)) = 1)"
)
"""What became of an attempt and whether it was the first, as one number: SQLite sorts rows of less than 13 columns with
a quicker comparison (vdbesort.c)."""


def slices(
    connection: sqlite3.Connection, project: str | None, since: int, now: int, by: str = "intent_model"
) -> list[Slice]:
    """The attempts since an epoch (UTC seconds), added up by the grouping's columns and by local day."""
    condition, values = _where(project, since)
    columns = [name for name in GROUPINGS[by] if name != "day"]
    day = local_day(first_moment(connection, project, since), now)
    keys = "".join(f"{name}, " for name in columns)
    rows = connection.execute(
        f"SELECT {keys}day, SUM(fate >= {_FIRST}), COUNT(*), SUM(fate % {_FIRST} = 1), SUM(fate % {_FIRST} = 2),"
        f" SUM(fate % {_FIRST} = 3), SUM(fate % {_FIRST} = 4), SUM(tokens_in), SUM(tokens_out),"
        f" SUM(fate % {_FIRST} = 1 AND tokens_out IS NULL), SUM(CASE WHEN writing_ms > 0 THEN tokens_out END),"
        " SUM(CASE WHEN writing_ms > 0 AND tokens_out IS NOT NULL THEN writing_ms END),"
        f" SUM(known), SUM(computed), SUM(fate % {_FIRST} = 1 AND known IS NULL AND computed IS NULL),"
        f" GROUP_CONCAT(latency) FROM (SELECT {keys}{day} AS day, {_FATE} AS fate,"
        " CASE WHEN success = 1 THEN tokens_in END AS tokens_in,"
        " CASE WHEN success = 1 THEN tokens_out END AS tokens_out,"
        " CASE WHEN success = 1 THEN CAST(latency_ms AS INTEGER) END AS latency,"
        " CASE WHEN success = 1 THEN total_duration_ms - latency_ms END AS writing_ms,"
        f" CASE WHEN cost_source IS NOT 'computed' THEN {COST} END AS known,"
        " CASE WHEN cost_source = 'computed' THEN cost_cents END AS computed"
        # The limit keeps SQLite from taking the two for one, which would sort what is not needed.
        f" FROM routing_stats WHERE {condition} LIMIT -1)"
        f" GROUP BY {', '.join(map(str, range(len(columns) + 1, 0, -1)))}",
        values,
    ).fetchall()
    place = len(columns)
    found = []
    for row in rows:
        # In the order of the class's fields.
        sums = Sums(*(value or 0 for value in row[place + 1 : -1]))
        latencies = list(map(int, row[-1].split(","))) if row[-1] else ()
        found.append(Slice(tuple(value or None for value in row[:place]), row[place], sums, latencies))
    return found


_RANK = " ".join(f"WHEN '{kind}' THEN {signal.rank}" for kind, signal in SIGNALS.items())
_GOOD = ", ".join(f"'{kind}'" for kind, signal in SIGNALS.items() if signal.is_good)
_VERDICT = (
    # SQLite takes the bare columns from the row that has the maximum (lang_select.html#bareagg).
    "SELECT request_id, project, intent, provider, model, kind, created_at,"
    f" MAX(CASE kind {_RANK} ELSE 0 END * 1000000000000 + id) FROM zeke_signals"
)


def votes(
    connection: sqlite3.Connection, project: str | None, since: int, now: int, by: str = "intent_model"
) -> dict[Key, Votes]:
    """The verdicts given since an epoch, one a request, by the grouping's columns."""
    condition, values = _where(project, since)
    keys = [
        local_day(first_moment(connection, project, since), now) if name == "day" else f"NULLIF({name}, '')"
        for name in GROUPINGS[by]
    ]
    order = ", ".join(str(place + 1) for place in range(len(keys)))
    rows = connection.execute(
        f"SELECT {', '.join(keys)}, SUM(kind IN ({_GOOD})), SUM(kind NOT IN ({_GOOD}))"
        # The sign keeps SQLite on the index of times.
        f" FROM ({_VERDICT} WHERE {condition} GROUP BY +request_id) GROUP BY {order}",
        values,
    ).fetchall()
    return {tuple(row[:-2]): Votes(row[-2], row[-1]) for row in rows}


def failures(connection: sqlite3.Connection, project: str | None, since: int) -> list[Failure]:
    """What failed most often since an epoch, with the sentence of the last time as far as it was kept."""
    condition, values = _where(project, since)
    rows = connection.execute(
        "SELECT error_code, NULLIF(model, ''), NULLIF(provider, ''), COUNT(*), MAX(id), created_at, request_id"
        f" FROM routing_stats WHERE {condition} AND success <> 1"
        f" AND {CODE} NOT IN ('cancelled', 'in_flight', 'budget_exceeded')"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 DESC LIMIT ?",
        [*values, FAILURES],
    ).fetchall()
    return [
        Failure(code or "failed", model, provider, number, at, trace_of(connection, request_id).get("error") or None)
        for code, model, provider, number, _, at, request_id in rows
    ]


def rows(
    connection: sqlite3.Connection, project: str | None, since: int, columns: Sequence[str], batch: int
) -> Iterator[list[tuple[Any, ...]]]:
    """The attempts since an epoch as they are stored, oldest first, some at a time; no cursor stays open in between."""
    condition, values = _where(project, since)
    # The signs keep SQLite on the ids, which the batches go by.
    condition, after = condition.replace("project", "+project").replace("created_at", "+created_at"), 0
    while True:
        # By id: the order they were written in, and where the next batch begins.
        found = connection.execute(
            f"SELECT id, {', '.join(columns)} FROM routing_stats WHERE {condition} AND id > ? ORDER BY id LIMIT ?",
            [*values, after, batch],
        ).fetchall()
        if not found:
            return
        after = found[-1][0]
        yield [row[1:] for row in found]


def projects(connection: sqlite3.Connection) -> list[str]:
    """Every project that has a row: one look into the index for each, however many rows it has."""
    rows = connection.execute(
        "WITH RECURSIVE each(name) AS ("
        " SELECT MIN(project) FROM routing_stats"
        " UNION ALL SELECT (SELECT MIN(project) FROM routing_stats WHERE project > each.name) FROM each"
        " WHERE each.name IS NOT NULL"
        ") SELECT name FROM each WHERE name IS NOT NULL"
    ).fetchall()
    return [row[0] for row in rows]


_ORDERS = {"newest": "s.created_at DESC, s.id DESC", "slowest": "s.latency_ms DESC", "costliest": "s.cost_cents DESC"}
_OUTCOMES = {
    "ok": "s.success = 1",
    "failed": f"s.success <> 1 AND {CODE} NOT IN ('cancelled', 'in_flight', 'budget_exceeded')",
    "cancelled": f"{CODE} = 'cancelled'",
    "judged": "s.success = 1 AND EXISTS (SELECT 1 FROM zeke_signals AS v WHERE v.request_id = s.request_id)",
}


_REQUESTED = tuple(each.name for each in dataclasses.fields(Requested) if each.name != "verdict")
"""Of a request, in the order of its query."""


def requests(
    connection: sqlite3.Connection,
    project: str | None,
    since: int,
    now: int,
    only: Mapping[str, Any],
    limit: int,
) -> list[Requested]:
    """The attempts that pass the filters of a view, each with its verdict and what was asked."""
    condition, values = _where(project, since)
    conditions = [condition.replace("project", "s.project").replace("created_at", "s.created_at")]
    for name in ("intent", "provider", "model", "project", "error_code"):
        if name in only:
            conditions.append(f"NULLIF(s.{name}, '') IS ?")
            values.append(only[name])
    if only.get("outcome") in _OUTCOMES:
        conditions.append(_OUTCOMES[only["outcome"]])
    if "day" in only:
        day = local_day(first_moment(connection, project, since), now).replace("created_at", "s.created_at")
        conditions.append(f"{day} BETWEEN ? AND ?")
        values += [int(only["day"]), int(only["day"]) + int(only.get("days", 1)) - 1]
    if "above_ms" in only:
        conditions.append("s.latency_ms > ?" if only["above_ms"] else "s.latency_ms >= ?")
        values.append(int(only["above_ms"]))
        if only["upto_ms"]:
            conditions.append("s.latency_ms <= ?")
            values.append(int(only["upto_ms"]))
    rows = connection.execute(
        "SELECT NULLIF(s.request_id, ''), s.project, NULLIF(s.intent, ''), NULLIF(s.provider, ''), NULLIF(s.model, ''),"
        " s.success = 1, NULLIF(s.error_code, ''), s.latency_ms, s.total_duration_ms, s.tokens_in, s.tokens_out,"
        f" {COST.replace('cost_', 's.cost_').replace('provider', 's.provider')}, s.cost_source, s.created_at,"
        " COALESCE(t.prompt, ''), t.request_id IS NOT NULL"
        " FROM routing_stats AS s LEFT JOIN zeke_turns AS t ON t.request_id = s.request_id AND s.success = 1"
        f" WHERE {' AND '.join(conditions)} ORDER BY {_ORDERS.get(only.get('order', ''), _ORDERS['newest'])} LIMIT ?",
        [*values, limit],
    ).fetchall()
    verdicts = _verdicts(connection, [row[0] for row in rows if row[0]])
    found = []
    for row in rows:
        facts: dict[str, Any] = dict(zip(_REQUESTED, row, strict=True))
        facts["success"], facts["has_text"] = facts["success"] == 1, facts["has_text"] == 1
        facts["verdict"] = verdicts.get(row[0]) if facts["success"] else None
        found.append(Requested(**facts))
    return found


def _verdicts(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, bool]:
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(f"{_VERDICT} WHERE request_id IN ({marks}) GROUP BY request_id", list(ids)).fetchall()
    return {row[0]: SIGNALS[row[5]].is_good for row in rows if row[5] in SIGNALS}
