"""The cache's one thread and one connection. Nothing here ever fails a request: what is lost is counted and said."""

from __future__ import annotations

import contextlib
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from zeke.cache import decisions
from zeke.cache.database import CacheUnavailable, is_busy, is_damage, open_connection
from zeke.cache.decisions import Attempt, Ending, Trace

T = TypeVar("T")

CLOSE_SECONDS = 0.2
"""How long the end of the editor may wait for what is still to be written."""
PATIENCE_SECONDS = 60.0
"""How long a row waits for another program to let go of the file."""
REOPEN_SECONDS = 30.0
"""How long a cache that cannot be opened is left alone before the next row tries again."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a report says about the cache. `trouble` is one sentence, None when all is well."""

    path: Path
    lost: int = 0
    """Rows that could not be written in this session."""
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[sqlite3.Connection], None]
    give_up: Callable[[CacheUnavailable], None]
    """Called instead when there is no connection."""


class Log:
    """Takes rows from the loop, writes them in the background in the order they came."""

    def __init__(self, path: Path, *, owned: bool, on_trouble: Callable[[str], None] | None = None) -> None:
        """`owned`: the path is our default. `on_trouble` gets each new sentence, on the writer's thread."""
        self._path = path
        self._owned = owned
        self._on_trouble = on_trouble or (lambda _: None)
        self._health = Health(path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._rows: dict[str, int] = {}
        self._connection: sqlite3.Connection | None = None
        self._closed_until = 0.0
        self._thread = threading.Thread(target=self._work, name="zeke-cache", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        """How the cache does at this moment."""
        return self._health

    def begin(self, attempt: Attempt) -> Future[None]:
        """Write the row of an attempt. The future is done when it is on disk or lost; it never raises."""

        def write(connection: sqlite3.Connection) -> None:
            self._rows[attempt.key] = decisions.insert(connection, attempt)

        return self._settled(write)

    def complete(self, key: str, ending: Ending) -> None:
        """Complete the attempt's row. Without its row, which was lost, there is nothing to complete."""

        def write(connection: sqlite3.Connection) -> None:
            if (row := self._rows.get(key)) is not None:
                decisions.complete(connection, row, ending)
                del self._rows[key]

        self._settled(write)

    def trace(self, trace: Trace) -> None:
        """Write what the gateway told."""
        self._settled(lambda connection: decisions.insert_trace(connection, trace))

    def call(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `job` on the writer's connection, after all that was handed in before.

        The future raises CacheUnavailable when the cache cannot be used, else what the job raised.
        """
        result: Future[T] = Future()

        def run(connection: sqlite3.Connection) -> None:
            try:
                result.set_result(job(connection))
            except sqlite3.Error as error:
                result.set_exception(CacheUnavailable(f"the cache cannot be used ({error}): see :ZekeInfo"))
            except Exception as error:
                result.set_exception(error)

        self._jobs.put(_Job(run, result.set_exception))
        return result

    def close(self) -> None:
        """Write what is left and end, within a bounded time. Later rows are dropped."""
        self._jobs.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _settled(self, write: Callable[[sqlite3.Connection], None]) -> Future[None]:
        done: Future[None] = Future()

        def run(connection: sqlite3.Connection) -> None:
            try:
                self._patiently(write, connection)
            except sqlite3.Error as error:
                if is_damage(error):
                    self._drop_connection()
                self._lose(f"a routing decision could not be written to {self._path}: {error}")
            done.set_result(None)

        self._jobs.put(_Job(run, lambda _: done.set_result(None)))
        return done

    def _patiently(self, write: Callable[[sqlite3.Connection], None], connection: sqlite3.Connection) -> None:
        """SQLite's own waiting is not fair: a program that writes without a pause may starve us past its limit."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                write(connection)
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.001, 0.02))

    # The thread.

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            connection = self._open()
            if connection is None:
                job.give_up(CacheUnavailable(self._health.trouble or "the cache is closed"))
            else:
                job.run(connection)
        if self._connection is not None:
            # Another editor may be reading: then it is its turn to tidy up.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA busy_timeout = 50")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._drop_connection()

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is not None:
            return self._connection
        if time.monotonic() < self._closed_until:
            self._health = replace(self._health, lost=self._health.lost + 1)
            return None
        try:
            self._connection, warning = open_connection(self._path, owned=self._owned)
        except CacheUnavailable as error:
            self._closed_until = time.monotonic() + REOPEN_SECONDS
            self._lose(str(error))
            return None
        self._health = replace(self._health, trouble=warning)
        if warning:
            self._on_trouble(warning)
        return self._connection

    def _lose(self, sentence: str) -> None:
        is_new = self._health.trouble != sentence
        self._health = replace(self._health, lost=self._health.lost + 1, trouble=sentence)
        if is_new:
            self._on_trouble(sentence)

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
