"""Keeping the file small, in batches that hold the lock for milliseconds. Whoever runs them stops between two."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

BATCH = 200
"""Rows deleted at once. A turn is some kilobytes, and its words leave the search index with it."""
MERGED_PAGES = 64
"""Pages of the search index that one step merges."""

Step = Callable[[sqlite3.Connection], bool]
"""Returns whether there is more of the same to do."""


def _forget(table: str, key: str, epoch: int) -> Step:
    """Delete a table's rows from before an epoch."""

    def step(connection: sqlite3.Connection) -> bool:
        deleted = connection.execute(
            f"DELETE FROM {table} WHERE {key} IN"
            f" (SELECT {key} FROM {table} WHERE created_at < ? ORDER BY created_at LIMIT ?)",
            (epoch, BATCH),
        ).rowcount
        return deleted == BATCH

    return step


def _shrink_text(limit: int) -> Step:
    """Delete the oldest turns while all of them are larger than `limit` bytes."""

    def step(connection: sqlite3.Connection) -> bool:
        over = (connection.execute("SELECT SUM(bytes) FROM zeke_turns").fetchone()[0] or 0) - limit
        if over <= 0:
            return False
        oldest = connection.execute(
            "SELECT request_id, bytes FROM zeke_turns ORDER BY created_at LIMIT ?", (BATCH,)
        ).fetchall()
        chosen: list[str] = []
        for request_id, size in oldest:
            if over <= 0:
                break
            chosen.append(request_id)
            over -= size or 0
        marks = ", ".join("?" * len(chosen))
        connection.execute(f"DELETE FROM zeke_turns WHERE request_id IN ({marks})", chosen)
        return over > 0

    return step


def _merge_index(connection: sqlite3.Connection) -> bool:
    """Words of deleted turns stay in the index until its parts are merged (fts5.html#the_merge_command)."""
    before = connection.total_changes
    # Negative: all parts are merged into one, step by step.
    connection.execute("INSERT INTO zeke_search(zeke_search, rank) VALUES ('merge', ?)", (-MERGED_PAGES,))
    return connection.total_changes - before >= 2


def _optimize(connection: sqlite3.Connection) -> bool:
    connection.execute("PRAGMA analysis_limit = 400")
    connection.execute("PRAGMA optimize")
    return False


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Put the log into the file and cut it. Another editor that reads makes it wait for the next time."""
    connection.execute("PRAGMA busy_timeout = 50")
    try:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute("PRAGMA busy_timeout = 5000")
    return False


def purge() -> Iterator[Step]:
    """Steps after a deletion that the user asked for: nothing of it is left in index, free pages or log."""
    yield _merge_index
    yield checkpoint


def steps(*, retention_days: int, max_bytes: int, now: int) -> Iterator[Step]:
    """All of it, in order; each step is repeated as long as it says. 0 days or bytes: without a limit."""
    if retention_days:
        oldest = now - retention_days * 86400
        yield _forget("zeke_turns", "request_id", oldest)
        yield _forget("routing_trace", "id", oldest)
    if max_bytes:
        yield _shrink_text(max_bytes)
    yield _merge_index
    yield _optimize
    yield checkpoint


def claim(connection: sqlite3.Connection, what: str, now: int, every: int) -> bool:
    """Whether this editor is the one to do something that is due every so many seconds; it is then noted as done."""
    cursor = connection.execute(
        "INSERT INTO zeke_done(what, at) VALUES (?, ?)"
        " ON CONFLICT(what) DO UPDATE SET at = excluded.at WHERE zeke_done.at <= excluded.at - ?",
        (what, now, every),
    )
    return cursor.rowcount == 1
