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

from zeke.cache.database import CacheUnavailable, decoded, open_connection

T = TypeVar("T")

IDLE_SECONDS = 30.0
"""A connection that nobody uses is closed: another editor may want to move the file."""
CACHE_KIB = 32 * 1024
"""Memory for pages while a report is read."""

_Job = tuple[Callable[[sqlite3.Connection], None], Callable[[CacheUnavailable], None]]


class Reader:
    """Runs reading jobs in their order. The thread lives while there is something to do."""

    def __init__(self, path: Path, *, owned: bool) -> None:
        """`owned`: the path is our default. Nothing is opened yet."""
        self._path = path
        self._owned = owned
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._is_running = False
        self._connection: sqlite3.Connection | None = None

    def call(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `job`; the future raises CacheUnavailable when the cache cannot be read, else what the job raised."""
        result: Future[T] = Future()

        def run(connection: sqlite3.Connection) -> None:
            # Nobody waits for a page that was asked for again meanwhile.
            if not result.set_running_or_notify_cancel():
                return
            try:
                with decoded():
                    found = job(connection)
                result.set_result(found)
            except sqlite3.Error as error:
                result.set_exception(CacheUnavailable(f"the cache cannot be read ({error}): see :ZekeInfo"))
            except Exception as error:
                result.set_exception(error)

        def give_up(error: CacheUnavailable) -> None:
            if result.set_running_or_notify_cancel():
                result.set_exception(error)

        with self._guard:
            self._jobs.put((run, give_up))
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

    def _next(self) -> _Job | None:
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
            run, give_up = job
            try:
                connection = self._open()
            except CacheUnavailable as error:
                give_up(error)
            else:
                run(connection)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection, _ = open_connection(self._path, owned=self._owned)
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connection = connection
        return self._connection
