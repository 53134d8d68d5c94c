"""Pages are read aside, from the file that is there."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from tests.unit.logged import opened, row
from zeke.cache import reader as module
from zeke.cache.database import CacheUnavailable
from zeke.cache.reader import Reader


def count(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("SELECT COUNT(*) FROM routing_stats").fetchone()[0]
    return number


def fill(path: Path, rows: int) -> None:
    with opened(path) as connection:
        for _ in range(rows):
            row(connection)


def test_it_reads_and_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    fill(path, 2)
    reader = Reader(path, owned=False)
    assert reader.call(count).result(10) == 2
    with pytest.raises(CacheUnavailable, match="readonly"):
        reader.call(lambda connection: connection.execute("DELETE FROM routing_stats")).result(10)
    assert reader.call(count).result(10) == 2
    reader.close()


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    fill(path, 2)
    reader = Reader(path, owned=False)
    assert reader.call(count).result(10) == 2
    for file in tmp_path.iterdir():
        file.unlink()
    fill(path, 5)
    assert reader.call(count).result(10) == 5
    reader.close()


def test_what_cannot_be_read_is_one_sentence_and_the_next_time_works(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    path.write_bytes(b"somebody's notes" * 100)
    reader = Reader(path, owned=False)
    with pytest.raises(CacheUnavailable, match="ZEKE_DB"):
        reader.call(count).result(10)
    path.unlink()
    fill(path, 1)
    assert reader.call(count).result(10) == 1
    reader.close()


def test_nobody_waits_for_a_job_that_was_given_up(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    fill(path, 1)
    reader = Reader(path, owned=False)
    entered, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> int:
        entered.set()
        go_on.wait(10)
        return count(connection)

    first = reader.call(slow)
    assert entered.wait(10)
    unwanted = reader.call(lambda _: pytest.fail("nobody wants it"))
    assert unwanted.cancel()
    wanted = reader.call(count)
    go_on.set()
    assert (first.result(10), wanted.result(10)) == (1, 1)
    reader.close()


def test_the_thread_ends_when_there_is_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    path = tmp_path / "db.sqlite3"
    fill(path, 1)
    reader = Reader(path, owned=False)
    for _ in range(3):
        assert reader.call(count).result(10) == 1
        for thread in threading.enumerate():
            if thread.name == "zeke-reader":
                thread.join(10)
                assert not thread.is_alive()
    reader.close()


def test_a_long_query_is_broken_off_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    fill(path, 1)
    reader = Reader(path, owned=False)
    entered = threading.Event()

    def endless(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(lambda: entered.set(), 1000)
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
        ).fetchall()

    job = reader.call(endless)
    assert entered.wait(10)
    reader.close()
    with pytest.raises(CacheUnavailable, match="interrupted"):
        job.result(10)
