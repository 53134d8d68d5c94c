"""Work for a thread of the cache, and the future of whoever waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from zeke.cache.database import CacheUnavailable, decoded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. The thread calls exactly one of the two."""

    run: Callable[[sqlite3.Connection], None]
    give_up: Callable[[CacheUnavailable], None]
    """Called instead when there is no connection."""


def awaited(
    work: Callable[[sqlite3.Connection], T], on_error: Callable[[sqlite3.Error], None]
) -> tuple[Job, Future[T]]:
    """A job whose result somebody waits for.

    The future raises CacheUnavailable when the cache cannot be used, else what the work raised. `on_error` gets
    SQLite's own errors, on the thread.
    """
    result: Future[T] = Future()

    def run(connection: sqlite3.Connection) -> None:
        # Whoever waited may have been cancelled; from here on nobody can.
        if not result.set_running_or_notify_cancel():
            return
        try:
            with decoded():
                found = work(connection)
            result.set_result(found)
        except sqlite3.Error as error:
            on_error(error)
            result.set_exception(CacheUnavailable(f"the cache cannot be used ({error}): see :ZekeInfo"))
        except Exception as error:
            result.set_exception(error)

    def give_up(error: CacheUnavailable) -> None:
        if result.set_running_or_notify_cancel():
            result.set_exception(error)

    return Job(run, give_up), result
