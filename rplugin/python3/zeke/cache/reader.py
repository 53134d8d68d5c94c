"""A connection that only reads, on a thread of its own: a long report holds up neither the log nor the loop."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from zeke.cache.database import CacheUnavailable, identity, open_connection
from zeke.cache.jobs import Job, awaited

T = TypeVar("T")

IDLE_SECONDS = 30.0
"""A connection that nobody uses is closed: another editor may want to move the file."""
CACHE_KIB = 32 * 1024
"""Memory for pages while a report is read."""


class Reader:
    """Runs reading jobs in their order. The thread lives while there is something to do."""

    def __init__(self, path: Path, *, owned: bool) -> None:
        """`owned`: the path is our default. Nothing is opened yet."""
        self._path = path
        self._owned = owned
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._is_running = False
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def call(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `job`; the future raises CacheUnavailable when the cache cannot be read, else what the job raised."""
        waited_for, result = awaited(job, lambda _: self._drop())
        with self._guard:
            self._jobs.put(waited_for)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._work, name="zeke-reader", daemon=True).start()
        return result

    def close(self) -> None:
        """Break off what is being read and end. Does not wait."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.interrupt()
        self._jobs.put(None)

    # The thread.

    def _next(self) -> Job | None:
        try:
            return self._jobs.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            return None

    def _work(self) -> None:
        while True:
            job = self._next()
            if job is None:
                with self._guard:
                    if self._jobs.empty():
                        self._is_running = False
                        break
                continue
            try:
                connection = self._open()
            except CacheUnavailable as error:
                job.give_up(error)
            else:
                job.run(connection)
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._file != identity(self._path):
            # Removed or replaced: SQLite would go on reading what is not there any more.
            self._drop()
        if self._connection is None:
            connection, _ = open_connection(self._path, owned=self._owned)
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connection, self._file = connection, identity(self._path)
        return self._connection
