"""Every figure of the report can be recomputed from the rows by a plain SQL query."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench.rows import fill
from tests.unit.logged import SEED_STAT, opened, row
from zeke.cache import signals, usage
from zeke.report import tally, view
from zeke.report.tally import Usage
from zeke.report.verdicts import SIGNALS, Votes, weight

NOW = int(time.time())
MONTH = view.since("month", datetime.now())
COUNTED = "COALESCE(error_code, '') NOT IN ('cancelled', 'in_flight', 'budget_exceeded')"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Some thousand rows of ours, and some as the Zig clients write them."""
    path = tmp_path_factory.mktemp("cache") / "routing.sqlite3"
    with opened(path) as connection:
        fill(connection, rows=30_000, turn_count=10)
        source = random.Random(2)
        for _ in range(200):
            at = NOW - source.randrange(40 * 86400)
            connection.execute(SEED_STAT, ("project-00", "a", "zig", "openai", "tests", "tiny", 9, 2, 3, 1, at))
            row(
                connection,
                **{"project": "project-00", "request_id": "", "alias": "", "error_code": "", "attempt": None},
                **{"provider": "", "cost_cents": 0.0, "cost_source": None, "created_at": at, "escalated": 1},
            )
        yield connection


def report(connection: sqlite3.Connection, project: str | None, since: int, by: str) -> Usage:
    return tally.usage(
        usage.slices(connection, project, since, NOW, by),
        usage.votes(connection, project, since, NOW, by),
        usage.failures(connection, project, since),
        by=by,
    )


def one(connection: sqlite3.Connection, sql: str, *values: object) -> Any:
    return connection.execute(sql, values).fetchone()[0]


@pytest.mark.parametrize("project", ["project-00", None])
@pytest.mark.parametrize("since", [MONTH, 0])
def test_every_figure_of_the_whole_is_a_plain_query(
    filled: sqlite3.Connection, project: str | None, since: int
) -> None:
    where = "FROM routing_stats WHERE created_at >= ? AND (? IS NULL OR project = ?)"
    values = (since, project, project)

    def plain(select: str, more: str = "") -> Any:
        return one(filled, f"SELECT {select} {where} {more}", *values)

    def rank(percent: int) -> Any:
        timed = "AND success = 1 AND latency_ms IS NOT NULL"
        place = (plain("COUNT(*)", timed) * percent + 99) // 100 - 1
        return plain("latency_ms", f"{timed} ORDER BY latency_ms LIMIT 1 OFFSET {place}")

    whole = report(filled, project, since, "intent_model").whole
    assert whole.attempts == plain("COUNT(*)") > 0
    assert whole.requests == plain("COUNT(*)", "AND COALESCE(attempt, 1 + escalated) = 1")
    assert whole.successes == plain("COUNT(*)", "AND success = 1")
    assert whole.cancelled == plain("COUNT(*)", "AND error_code = 'cancelled'")
    assert whole.counted == plain("COUNT(*)", f"AND {COUNTED}")
    assert whole.success == plain("COUNT(*)", "AND success = 1") / plain("COUNT(*)", f"AND {COUNTED}")
    assert (whole.p50, whole.p95) == (rank(50), rank(95))
    assert whole.tokens_out == plain("SUM(tokens_out)", "AND success = 1")
    assert whole.untold == plain("COUNT(*)", "AND success = 1 AND tokens_out IS NULL")
    speed = "AND success = 1 AND tokens_out IS NOT NULL AND total_duration_ms > latency_ms"
    assert whole.speed == pytest.approx(plain("SUM(tokens_out) * 1000.0 / SUM(total_duration_ms - latency_ms)", speed))
    assert whole.computed == pytest.approx(plain("SUM(cost_cents)", "AND cost_source = 'computed'"))
    assert whole.reported == pytest.approx(plain("SUM(cost_cents)", "AND cost_source IN ('reported', 'local')"))
    # A cost of 0.0 that nobody named is the column's default, not a fact.
    assert whole.unknown_costs == plain("COUNT(*)", "AND success = 1 AND cost_source IS NULL")
    for upper, number in zip(tally.BOUNDS_MS, whole.histogram, strict=False):
        lower = max([0, *(bound for bound in tally.BOUNDS_MS if bound < upper)])
        bounds = f"latency_ms <= {upper} AND latency_ms {'>' if lower else '>='} {lower}"
        assert number == plain("COUNT(*)", f"AND success = 1 AND {bounds}")


@pytest.mark.parametrize("by", [name for name in view.GROUPINGS if name != "day"])
def test_every_group_is_a_plain_query(filled: sqlite3.Connection, by: str) -> None:
    found = report(filled, None, MONTH, by)
    assert sum(group.attempts for group in found.groups.values()) == found.whole.attempts
    for key, group in found.groups.items():
        same = " AND ".join(f"NULLIF({name}, '') IS ?" for name in view.GROUPINGS[by])
        counts = filled.execute(
            f"SELECT COUNT(*), SUM(success = 1), SUM({COUNTED}) FROM routing_stats WHERE created_at >= ? AND {same}",
            (MONTH, *key),
        ).fetchone()
        assert (group.attempts, group.successes, group.counted) == counts, key
        latencies = [
            value
            for (value,) in filled.execute(
                "SELECT latency_ms FROM routing_stats WHERE success = 1 AND latency_ms IS NOT NULL AND created_at >= ?"
                f" AND {same} ORDER BY latency_ms",
                (MONTH, *key),
            )
        ]
        assert group.p95 == (latencies[(len(latencies) * 95 + 99) // 100 - 1] if latencies else None)


def test_days_and_failures_are_plain_queries(filled: sqlite3.Connection) -> None:
    found = report(filled, "project-00", MONTH, "intent_model")
    plain = dict(
        filled.execute(
            "SELECT CAST(strftime('%s', created_at, 'unixepoch', 'localtime') / 86400 AS INTEGER), COUNT(*)"
            " FROM routing_stats WHERE project = 'project-00' AND created_at >= ? GROUP BY 1",
            (MONTH,),
        ).fetchall()
    )
    assert {day: part.attempts for day, part in found.days.items()} == plain
    assert {key[0]: group.attempts for key, group in report(filled, "project-00", MONTH, "day").groups.items()} == plain
    first = found.failures[0]
    count, last = filled.execute(
        "SELECT COUNT(*), MAX(created_at) FROM routing_stats WHERE project = 'project-00' AND created_at >= ?"
        " AND error_code = ? AND model IS ? AND provider IS ?",
        (MONTH, first.error_code, first.model, first.provider),
    ).fetchone()
    assert (first.count, first.last_at) == (count, last)


def test_each_request_has_one_verdict_and_the_strongest_counts(tmp_path: Path) -> None:
    with opened(tmp_path / "db.sqlite3") as connection:
        for name in ("a", "b", "c", "d"):
            row(connection, request_id=name, created_at=NOW)
        row(connection, request_id="e", created_at=NOW, model=None, provider=None)
        for request_id, kind in (
            ("a", "up"),
            ("a", "down"),
            ("a", "accepted"),
            ("b", "retried"),
            ("b", "yanked"),
            ("c", "accepted"),
            ("c", "rejected"),
            ("d", "passed_over"),
            ("e", "retried"),
        ):
            assert signals.save(connection, request_id, kind, None, NOW)
        assert not signals.save(connection, "nobody", "up", None, NOW)
        votes = usage.votes(connection, "grim", 0, NOW, "model")
        assert votes == {("p", "m"): Votes(2, 2), (None, None): Votes(0, 1)}
        listed = usage.requests(connection, "grim", 0, NOW, {"outcome": "judged"}, 10)
        assert {each.request_id: each.verdict for each in listed} == {
            "a": False,
            "b": True,
            "c": True,
            "d": False,
            "e": False,
        }
    assert weight(Votes(0, 0)) == 0.5
    assert weight(Votes(9, 0)) > weight(Votes(1, 0)) > weight(Votes(1, 1)) > weight(Votes(0, 3))
    assert len({(signal.rank, signal.is_good) for signal in SIGNALS.values()}) == len(SIGNALS)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can be set on POSIX alone")
def test_a_day_is_a_local_day_also_when_the_clocks_change(tmp_path: Path) -> None:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    try:
        # 2026-10-25: clocks go back at 03:00 local time.
        moments = [datetime(2026, 10, day, hour, 30) for day in (24, 25, 26) for hour in (0, 2, 12, 23)]
        with opened(tmp_path / "db.sqlite3") as connection:
            for moment in moments:
                row(connection, created_at=int(moment.timestamp()))
            since, until = int(datetime(2026, 10, 1).timestamp()), int(datetime(2026, 11, 1).timestamp())
            found = usage.slices(connection, "grim", since, until, "intent")
            epoch = datetime(1970, 1, 1)
            expected = {(datetime(2026, 10, day) - epoch).days: 4 for day in (24, 25, 26)}
            assert {part.day: part.sums.attempts for part in found} == expected
            (day, _) = min(expected.items())
            assert len(usage.requests(connection, "grim", since, until, {"day": day, "days": 2}, 99)) == 8
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def test_a_cell_opens_exactly_the_requests_that_it_counts(filled: sqlite3.Connection) -> None:
    found = report(filled, "project-00", MONTH, "intent_model")
    key, group = max(found.groups.items(), key=lambda item: item[1].attempts)
    only = dict(zip(view.GROUPINGS["intent_model"], key, strict=True))

    def count(**more: Any) -> int:
        return len(usage.requests(filled, "project-00", MONTH, NOW, {**only, **more}, 10**6))

    assert count() == group.attempts
    assert count(outcome="failed") == group.counted - group.successes
    assert count(outcome="cancelled") == group.cancelled
    slowest = usage.requests(filled, "project-00", MONTH, NOW, {**only, "outcome": "ok", "order": "slowest"}, 5)
    assert slowest[0].latency_ms == max(each.latency_ms or 0 for each in slowest)
    whole = found.whole
    for place, number in enumerate(whole.histogram):
        above = (0, *tally.BOUNDS_MS)[place]
        upto = (*tally.BOUNDS_MS, 0)[place]
        listed = usage.requests(
            filled, "project-00", MONTH, NOW, {"outcome": "ok", "above_ms": above, "upto_ms": upto}, 10**6
        )
        assert len(listed) == number


def test_projects_are_listed_whatever_their_names(tmp_path: Path) -> None:
    names = ["", "a", "grim", "it's; DROP TABLE routing_stats --", "日本", "\x1b[31m"]
    with opened(tmp_path / "db.sqlite3") as connection:
        assert usage.projects(connection) == []
        for name in names * 3:
            row(connection, project=name, created_at=NOW)
        assert usage.projects(connection) == sorted(names)
        assert report(connection, names[3], 0, "project").whole.attempts == 3


def plan(connection: sqlite3.Connection, call: Any) -> str:
    """How SQLite answers the statements of a call."""
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    call()
    connection.set_trace_callback(None)
    return "\n".join(
        step[3]
        for sql in seen
        if sql.startswith(("SELECT", "WITH"))
        for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
    )


@pytest.mark.parametrize("project", ["project-00", None])
def test_a_period_is_found_by_its_time_and_never_by_reading_everything(
    filled: sqlite3.Connection, project: str | None
) -> None:
    wanted = "idx_stats_project_time (project=? AND created_at>?)" if project else "idx_stats_time (created_at>?)"
    for analyze in (False, True):
        if analyze:
            filled.execute("ANALYZE")
        for by in view.GROUPINGS:
            steps = plan(filled, lambda by=by: usage.slices(filled, project, MONTH, NOW, by))
            assert wanted in steps
            assert "SCAN routing_stats" not in steps
        assert "SCAN routing_stats" not in plan(filled, lambda: usage.failures(filled, project, MONTH))
        votes = plan(filled, lambda: usage.votes(filled, project, MONTH, NOW))
        assert "zeke_signals USING INDEX idx_signals_time (created_at>?)" in votes
    filled.execute("DROP TABLE sqlite_stat1")
