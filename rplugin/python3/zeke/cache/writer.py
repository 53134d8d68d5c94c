"""The cache's one thread and one connection. Nothing here ever fails a request: what is lost is counted and said."""

from __future__ import annotations

import contextlib
import queue
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from zeke import journal
from zeke.cache import decisions
from zeke.cache.database import CacheUnavailable, decoded, identity, impatient, is_busy, is_damage, open_connection
from zeke.cache.decisions import Attempt, Ending, Trace
from zeke.cache.jobs import Job, awaited

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], None]

CLOSE_SECONDS = 0.2
"""How long the end of the editor may wait for what is still to be written."""
LOCKED_SECONDS = 90.0
"""How long a row waits for a lock that somebody else holds. The request does not."""
WAL_BYTES = 8 * 1024 * 1024
"""Size of the write-ahead log from which on it is begun anew."""
OWED = 1000
"""Rows kept for later while the disk takes none."""
REOPEN_SECONDS = 1.0
"""How long a cache that cannot be opened is left alone before the next row tries again."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a report says about the cache. `trouble` is one sentence, None when all is well."""

    path: Path
    lost: int = 0
    """Rows that could not be written in this session."""
    trouble: str | None = None


@dataclass(slots=True)
class _Row:
    """An attempt that did not end yet; `number` is None when its row could not be written, `file` is where it is."""

    attempt: Attempt
    number: int | None = None
    file: tuple[int, int] | None = None
    is_lost: bool = False
    """It is counted as lost."""


class Log:
    """Takes rows from the loop, writes them in the background in the order they came."""

    def __init__(self, path: Path, *, owned: bool, on_trouble: Callable[[str], None] | None = None) -> None:
        """`owned`: the path is our default. `on_trouble` gets each new sentence, on the writer's thread."""
        self._path = path
        self._owned = owned
        self._on_trouble = on_trouble or (lambda _: None)
        self._health = Health(path)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._rows: dict[str, _Row] = {}
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._owed: deque[tuple[Write, _Row | None]] = deque()
        self._abandoned: list[sqlite3.Connection] = []
        self._written = 0
        self._is_suspect = False
        self._is_closing = False
        self._closed_until = 0.0
        self._thread = threading.Thread(target=self._work, name="zeke-cache", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        """How the cache does at this moment."""
        return self._health

    def begin(self, attempt: Attempt) -> Future[None]:
        """Write the row of an attempt. The future is done when it is on disk or lost; it never raises."""

        row = self._rows[attempt.key] = _Row(attempt)

        def write(connection: sqlite3.Connection) -> None:
            if row.number is None:
                row.number, row.file = decisions.insert(connection, attempt), self._file

        return self._settled(write, row)

    def complete(self, key: str, ending: Ending) -> None:
        """Complete the attempt's row. One that was lost, with its file or before, is written now."""
        row = self._rows.pop(key, None)
        if row is None:
            return

        def write(connection: sqlite3.Connection) -> None:
            if row.number is None or row.file != self._file or not decisions.complete(connection, row.number, ending):
                row.number, row.file = decisions.insert(connection, row.attempt), self._file
                decisions.complete(connection, row.number, ending)

        self._settled(write, row)

    def trace(self, trace: Trace) -> None:
        """Write what the gateway told."""
        self._settled(lambda connection: decisions.insert_trace(connection, trace))

    def call(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `job` on the writer's connection, after all that was handed in before.

        The future raises CacheUnavailable when the cache cannot be used, else what the job raised.
        """
        waited_for, result = awaited(job, self._doubt)
        self._jobs.put(waited_for)
        return result

    def close(self) -> None:
        """Write what is left and end, within a bounded time. Later rows are dropped."""
        self._is_closing = True
        self._jobs.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _settled(self, write: Write, row: _Row | None = None) -> Future[None]:
        done: Future[None] = Future()
        # A request that is cancelled must not take its row along.
        done.set_running_or_notify_cancel()

        def lose(sentence: str, *, is_owed: bool) -> None:
            if row is None or not row.is_lost:
                self._count(1)
            if row is not None:
                row.is_lost = True
            if is_owed and len(self._owed) < OWED:
                self._owed.append((write, row))
            self._say(sentence)

        def run(connection: sqlite3.Connection) -> None:
            try:
                self._insist(write, connection)
            except (sqlite3.Error, CacheUnavailable) as error:
                lose(
                    f"a routing decision could not be written to {self._path} ({error}):"
                    " free space there, make it writable, or set ZEKE_DB elsewhere",
                    is_owed=True,
                )
            except Exception as error:
                journal.LOGGER.error("a row cannot be stored", exc_info=error)
                lose("a routing decision cannot be stored as it is: :ZekeLog has more", is_owed=False)
            done.set_result(None)

        def give_up(error: CacheUnavailable) -> None:
            lose(str(error), is_owed=True)
            done.set_result(None)

        self._jobs.put(Job(run, give_up))
        return done

    # The thread.

    def _next(self) -> Job | None:
        """The next job; None at the end. What is owed is tried again meanwhile."""
        while True:
            try:
                return self._jobs.get(timeout=REOPEN_SECONDS if self._owed else None)
            except queue.Empty:
                if (connection := self._open()) is not None:
                    self._repay(connection)

    def _repay(self, connection: sqlite3.Connection) -> None:
        """Write what was kept for later, in its order."""
        while self._owed:
            write, row = self._owed[0]
            try:
                with decoded():
                    write(connection)
            except sqlite3.Error:
                return
            self._owed.popleft()
            if row is None or row.is_lost:
                self._count(-1)
            if row is not None:
                row.is_lost = False
            if not self._owed:
                self._health = replace(self._health, trouble=None)

    def _count(self, more: int) -> None:
        self._health = replace(self._health, lost=self._health.lost + more)

    def _insist(self, write: Write, connection: sqlite3.Connection) -> None:
        """Write; wait for a lock, and after any other failure once more on a connection of its own.

        Raises:
            sqlite3.Error: it cannot be written.
            CacheUnavailable: the file cannot be opened again.
        """
        until = time.monotonic() + LOCKED_SECONDS
        is_new = False
        while True:
            try:
                with decoded(), impatient(connection):
                    write(connection)
                self._bound_the_log(connection)
                return
            except sqlite3.Error as error:
                if is_busy(error):
                    if self._is_closing or time.monotonic() > until:
                        raise
                    # Another editor is done in a moment; somebody who takes longer is not asked all the time.
                    is_long = time.monotonic() > until - LOCKED_SECONDS + 1.0
                    time.sleep(0.05 if is_long else random.uniform(0.0005, 0.003))
                    continue
                self._doubt(error)
                if is_new:
                    raise
            is_new = True
            reopened = self._open()
            if reopened is None:
                raise CacheUnavailable(self._health.trouble or "the cache is closed")
            connection = reopened

    def _bound_the_log(self, connection: sqlite3.Connection) -> None:
        """SQLite's own checkpoints never catch up with many editors that write at once: one makes the others wait."""
        self._written += 1
        if self._written % 128:
            return
        wal = self._path.with_name(self._path.name + "-wal")
        with contextlib.suppress(OSError, sqlite3.Error):
            if wal.stat().st_size > WAL_BYTES:
                connection.execute("PRAGMA wal_checkpoint(RESTART)")

    def _doubt(self, error: sqlite3.Error) -> None:
        """The next job gets a new connection, after a look at the file if that may be broken."""
        if not is_busy(error):
            self._is_suspect = self._is_suspect or is_damage(error)
            self._drop_connection()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            connection = self._open()
            if connection is None:
                job.give_up(CacheUnavailable(self._health.trouble or "the cache is closed"))
            else:
                self._repay(connection)
                job.run(connection)
        self._closed_until = 0.0
        if self._owed and (connection := self._open()) is not None:
            self._repay(connection)
        if self._connection is not None:
            # Another editor may be reading: then it is its turn to tidy up.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA busy_timeout = 50")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._drop_connection()

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is not None:
            if identity(self._path) == self._file:
                return self._connection
            # The file was moved or removed. Closing would tidy up beside whatever stands at its place now.
            self._abandoned.append(self._connection)
            self._connection = None
        if time.monotonic() < self._closed_until:
            return None
        try:
            self._connection, warning = open_connection(self._path, owned=self._owned, is_suspect=self._is_suspect)
        except CacheUnavailable as error:
            self._closed_until = time.monotonic() + REOPEN_SECONDS
            self._say(str(error))
            return None
        self._file, self._is_suspect = identity(self._path), False
        self._health = replace(self._health, trouble=warning)
        if warning:
            self._on_trouble(warning)
        return self._connection

    def _say(self, sentence: str) -> None:
        is_new = self._health.trouble != sentence
        self._health = replace(self._health, trouble=sentence)
        if is_new:
            self._on_trouble(sentence)

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
