"""One file, two programs: the Zig client's statements and schemas beside ours."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

from tests.unit.logged import SEED_STAT, opened
from zeke.cache import preferences, usage
from zeke.cache.decisions import Attempt, Ending, Trace
from zeke.cache.writer import Log
from zeke.report import tally

HEAD = (Path(__file__).parents[1] / "fixtures" / "zig_routing.sql").read_text("utf-8")
UPSERT = (
    "INSERT INTO routing_prefs(project, prefer_local, max_cloud_cost_cents, last_alias, last_model, updated_at)"
    " VALUES (?1, ?2, COALESCE(?3, 200), ?4, ?5, ?6)"
    " ON CONFLICT(project) DO UPDATE SET prefer_local=excluded.prefer_local,"
    " max_cloud_cost_cents=COALESCE(?3, routing_prefs.max_cloud_cost_cents),"
    " last_alias=COALESCE(excluded.last_alias, routing_prefs.last_alias),"
    " last_model=COALESCE(excluded.last_model, routing_prefs.last_model), updated_at=excluded.updated_at"
)
"""The seed's, with the one correction without which it does not compile."""
NOW = int(time.time())


def as_zig(path: Path) -> sqlite3.Connection:
    """Opened as its library does: no busy timeout, each statement a transaction of its own."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def test_both_write_at_once_and_nothing_of_ours_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "zeke" / "routing.sqlite3"
    log = Log(path, owned=True)
    log.call(lambda _: None).result(30)
    written, refused = [0], [0]
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(as_zig(path)) as connection:
            # About a thousand rows a second, far more than prompts ever make.
            while not stop.wait(0.001):
                try:
                    connection.execute(SEED_STAT, ("zig", "auto", "m", "openai", "tests", "small", 5, 6, 7, True, NOW))
                    connection.execute(UPSERT, ("zig", 1, None, "auto", None, NOW))
                    written[0] += 1
                    connection.execute("SELECT COUNT(*) FROM routing_stats WHERE project = 'grim'").fetchone()
                except sqlite3.OperationalError as error:
                    # Without a timeout it may find the file locked; that is its own loss.
                    assert "locked" in str(error)
                    refused[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    ending = Ending(True, None, "m", "p", 12, 340, 5, 6, 0.25, "reported")
    for number in range(300):
        key = f"r{number}#1"
        log.begin(Attempt(key, f"r{number}", "grim", "auto", "tests", "small", NOW, escalated=False)).result(30)
        log.complete(key, ending)
        log.trace(Trace(f"r{number}", "grim", "{}", None, None, NOW))
    log.call(lambda _: None).result(30)
    stop.set()
    thread.join(30)
    health = log.health
    log.close()
    assert (health.lost, health.trouble) == (0, None)
    assert written[0] > 0
    with opened(path) as connection:
        ours = connection.execute("SELECT COUNT(*), SUM(success) FROM routing_stats WHERE project = 'grim'").fetchone()
        theirs = connection.execute("SELECT COUNT(*) FROM routing_stats WHERE project = 'zig'").fetchone()[0]
        assert ours == (300, 300)
        assert theirs >= written[0]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert preferences.load(connection, "zig").cents == 200


def test_a_file_of_todays_zig_client_is_understood_and_still_its_own(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite3"
    with contextlib.closing(as_zig(path)) as zig:
        zig.executescript(HEAD)
        insert = (
            "INSERT INTO routing_stats(request_id, project, alias, model, provider, intent, size_hint, latency_ms,"
            " total_duration_ms, tokens_in, tokens_out, cost_cents, success, error_code, escalated, created_at)"
            " VALUES (?, 'grim', '', 'gpt-4o', 'openai', 'code', 'small', ?, ?, 10, 50, ?, ?, ?, 0, ?)"
        )
        zig.execute(insert, ("", 400, 1400, 0.0, 1, "", NOW))
        zig.execute(insert, ("", 600, 1600, 1.5, 1, "", NOW))
        zig.execute(insert, ("z", 0, 20, 0.0, 0, "rate_limit", NOW))
        zig.execute("INSERT INTO models(id, provider, name, last_checked) VALUES ('m', 'p', 'm', 1)")
    with opened(path) as connection:
        slices = usage.slices(connection, "grim", 0, NOW)
        whole = tally.usage(slices, {}, usage.failures(connection, "grim", 0)).whole
        # Two requests without an id are two, and a cost of 0.0 that nobody named is unknown.
        assert (whole.requests, whole.attempts, whole.successes, whole.counted) == (3, 3, 2, 3)
        assert (whole.reported, whole.unknown_costs, whole.p50, whole.p95) == (1.5, 1, 400, 600)
        (failure,) = usage.failures(connection, "grim", 0)
        assert (failure.error_code, failure.count) == ("rate_limit", 1)
        assert preferences.spent(connection, "grim", 0).cents == 1.5
        assert preferences.spent(connection, "grim", 0).unknown == 1
    with contextlib.closing(as_zig(path)) as zig:
        # Its own start over the file that we have opened, and its own rows again.
        zig.executescript(HEAD)
        zig.execute(insert, ("n", 1, 2, 0.0, 1, "", NOW))
        assert zig.execute("SELECT COUNT(*) FROM models").fetchone() == (1,)
    log = Log(path, owned=True)
    log.begin(Attempt("r#1", "r", "grim", None, "tests", None, NOW, escalated=False)).result(30)
    log.trace(Trace("r", "grim", "{}", None, None, NOW))
    log.close()
    assert log.health.lost == 0
