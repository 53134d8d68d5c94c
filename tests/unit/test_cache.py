from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import stat
import threading
from multiprocessing import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from tests.unit.logged import SEED_STAT, opened
from zeke.cache import database, migrations
from zeke.cache.database import CacheUnavailable, open_connection
from zeke.cache.decisions import Attempt, Ending, Trace
from zeke.cache.writer import Log

ENDING = Ending(True, None, "m", "p", 12, 340, 5, 6, 0.25, "reported")


def attempt(key: str = "r#1") -> Attempt:
    return Attempt(key, "r", "grim", "auto", "tests", "small", 1_790_000_000, escalated=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zeke" / "routing.sqlite3"


def rows(path: Path, table: str = "routing_stats") -> list[dict[str, object]]:
    with opened(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}


def test_a_new_file_has_the_schema_and_belongs_to_its_user_alone(path: Path) -> None:
    with opened(path) as connection:
        assert {"request_id", "error_code", "cost_cents", "escalated"} <= columns(connection, "routing_stats")
        assert {"decision_reason", "candidates"} <= columns(connection, "routing_trace")
        assert "escalation_threshold" in columns(connection, "routing_prefs")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations.known()[-1][0],)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_of_the_seed_or_of_the_zig_client_is_taken_over(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for number, file in migrations.known():
            if number <= 2:
                connection.executescript(file.read_text())
        connection.execute("ALTER TABLE routing_stats ADD COLUMN request_id TEXT")
        connection.execute("ALTER TABLE routing_trace ADD COLUMN candidates TEXT")
        connection.execute(SEED_STAT, ("p", "a", "m", "pr", "tests", "tiny", 1, 2, 3, 1, 4))
        connection.commit()
    assert rows(path)[0]["model"] == "m"
    with opened(path) as connection:
        assert {"request_id", "total_duration_ms"} <= columns(connection, "routing_stats")


def test_a_newer_file_is_used_as_it_is(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.execute("DROP INDEX idx_stats_time")
    with opened(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (999,)
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'idx_stats_time'").fetchall() == []


def test_the_seeds_statement_works_on_our_file(path: Path) -> None:
    with opened(path) as connection:
        connection.execute(SEED_STAT, ("p", "a", "m", "pr", "tests", "tiny", 1, 2, 3, 1, 4))
    assert rows(path)[0]["success"] == 1


def _start(paths: list[Path], number: int, together: Barrier, failures: Queue[str]) -> None:
    for path in paths:
        together.wait(60)
        try:
            connection, _ = open_connection(path, owned=True)
            connection.execute(SEED_STAT, (f"p{number}", "a", "m", "pr", "tests", "tiny", 1, 2, 3, 1, 4))
            connection.close()
        except Exception as error:
            failures.put(repr(error))


def test_eight_editors_start_at_once_on_a_missing_file(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together, failures = context.Barrier(8), context.Queue()
    paths = [path.parent / f"{number}" / path.name for number in range(25)]
    processes = [context.Process(target=_start, args=(paths, number, together, failures)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert failures.empty(), failures.get(timeout=1)
    assert [len(rows(file)) for file in paths] == [8] * len(paths)


def test_a_row_is_there_before_its_end_and_completed_by_it(path: Path) -> None:
    log = Log(path, owned=True)
    log.begin(attempt()).result(10)
    (row,) = rows(path)
    assert (row["success"], row["error_code"], row["cost_cents"], row["model"]) == (0, "in_flight", None, None)
    log.complete("r#1", ENDING)
    log.trace(Trace("r", "grim", '{"a": 1}', "because", '["x"]', 1_790_000_001))
    log.close()
    (row,) = rows(path)
    assert (row["success"], row["error_code"], row["model"], row["latency_ms"]) == (1, None, "m", 12)
    assert (row["total_duration_ms"], row["cost_cents"], row["escalated"]) == (340, 0.25, 0)
    (trace,) = rows(path, "routing_trace")
    assert (trace["request_id"], trace["decision_reason"], trace["candidates"]) == ("r", "because", '["x"]')


def test_unknown_is_null_and_never_free(path: Path) -> None:
    log = Log(path, owned=True)
    log.begin(attempt())
    log.complete("r#1", Ending(False, "connect", None, None, None, 3, None, None, None, None))
    log.close()
    (row,) = rows(path)
    assert [row[name] for name in ("model", "provider", "latency_ms", "tokens_in", "cost_cents")] == [None] * 5


def test_a_folder_that_cannot_be_made_loses_rows_but_raises_nothing(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    sentences: list[str] = []
    log = Log(blocker / "zeke" / "db.sqlite3", owned=True, on_trouble=sentences.append)
    log.begin(attempt()).result(10)
    log.complete("r#1", ENDING)
    log.close()
    assert log.health.lost == 1
    assert len(sentences) == 1
    assert "ZEKE_DB" in sentences[0]
    assert str(blocker) in sentences[0]


def test_a_damaged_file_of_ours_is_kept_aside_with_a_warning(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all" * 100)
    sentences: list[str] = []
    log = Log(path, owned=True, on_trouble=sentences.append)
    log.begin(attempt()).result(10)
    log.close()
    assert len(rows(path)) == 1
    (kept,) = path.parent.glob("*.corrupt-*")
    assert kept.read_bytes().startswith(b"this is no database")
    assert kept.name in sentences[0]


def test_a_file_that_the_user_named_is_never_touched(path: Path) -> None:
    path.parent.mkdir()
    content = b"somebody's notes" * 100
    path.write_bytes(content)
    with pytest.raises(CacheUnavailable, match=r"no SQLite database.*ZEKE_DB"):
        open_connection(path, owned=False)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_vanishes_while_it_is_open_fails_nothing(path: Path) -> None:
    log = Log(path, owned=True)
    log.begin(attempt()).result(10)
    for file in path.parent.iterdir():
        file.unlink()
    log.begin(attempt("n#1")).result(10)
    log.complete("r#1", ENDING)
    log.close()
    # Both are there: the one that goes on, and the one whose row went with the file.
    assert sorted(str(row["error_code"]) for row in rows(path)) == ["None", "in_flight"]


def test_a_row_waits_for_whoever_holds_the_file_longer_than_sqlite_would(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    log = Log(path, owned=True)
    log.begin(attempt()).result(10)
    refusals = threading.Semaphore(0)
    monkeypatch.setattr("zeke.cache.writer.time.sleep", lambda _: refusals.release())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = log.begin(attempt("n#1"))
        log.complete("r#1", ENDING)
        for _ in range(3):
            assert refusals.acquire(timeout=10)
        assert not done.done()
        other.execute("ROLLBACK")
    done.result(10)
    log.close()
    assert log.health.lost == 0
    assert [row["error_code"] for row in rows(path)] == [None, "in_flight"]


def test_many_writers_in_many_threads_lose_nothing(path: Path) -> None:
    logs = [Log(path, owned=True) for _ in range(4)]

    def write(log: Log, number: int) -> None:
        for index in range(25):
            log.begin(attempt(f"{number}#{index}")).result(30)
            log.complete(f"{number}#{index}", ENDING)
        log.call(lambda _: None).result(30)

    threads = [threading.Thread(target=write, args=(log, number)) for number, log in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for log in logs:
        log.close()
    found = rows(path)
    assert len(found) == 100
    assert all(row["success"] == 1 for row in found)


def test_a_job_that_fails_is_the_callers_own_affair(path: Path) -> None:
    log = Log(path, owned=True)
    with pytest.raises(CacheUnavailable, match="nonsense"):
        log.call(lambda connection: connection.execute("SELECT nonsense")).result(10)
    assert log.call(lambda connection: connection.execute("SELECT 1").fetchone()).result(10) == (1,)
    log.close()
    assert log.health.lost == 0


def test_a_sqlite_without_full_text_search_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    class Without(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if "fts5" in sql:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(sql, parameters)

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: real(*args, factory=Without, **options))
    with pytest.raises(CacheUnavailable, match=r"no full-text search \(FTS5\): run :ZekeInstall"):
        open_connection(path, owned=True)
