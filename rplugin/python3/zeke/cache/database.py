"""Connections to the cache, as safe as SQLite can be made for many editors on one file."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from pathlib import Path

from zeke.cache.migrations import migrate

BUSY_SECONDS = 5.0
TRIES = 40
"""A start-up race is over long before: eight editors at once need about 80 ms."""
_FOREIGN = ("not a database", "malformed", "disk image")


class CacheUnavailable(Exception):
    """The cache cannot be used. The text is one sentence with the next step."""


def default_path() -> Path:
    """`routing.sqlite3` in the user's data folder; never the Zig client's own `routing.db`."""
    import platformdirs

    return Path(platformdirs.user_data_dir("zeke", appauthor=False)) / "routing.sqlite3"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, or no SQLite database at all."""
    return isinstance(error, sqlite3.DatabaseError) and any(word in str(error) for word in _FOREIGN)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program holds the file."""
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def _connect(path: Path) -> sqlite3.Connection:
    # autocommit: every transaction is begun by hand, IMMEDIATE, so that none fails half way.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Changing the mode is a lock of its own, and the busy handler is not asked: only when it is needed.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_size_limit = 1048576")
        # What is deleted is overwritten: a conversation that was forgotten is not to be found in a free page.
        connection.execute("PRAGMA secure_delete = ON")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _move_aside(path: Path) -> Path:
    """Rename a damaged file with its companions; the text of the user's history may still be saved from it."""
    target = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
    return target


def open_connection(path: Path, *, owned: bool) -> tuple[sqlite3.Connection, str | None]:
    """Open, make and migrate the file; returns the connection and a warning for the user, if any.

    `owned` says that the path is our default: only then a damaged file is moved aside and a new one begun.

    Raises:
        CacheUnavailable: the file or its folder cannot be used.
    """
    warning: str | None = None
    last: Exception | None = None
    for _ in range(TRIES):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.touch(mode=0o600, exist_ok=False)
            return _connect(path), warning
        except OSError as error:
            raise CacheUnavailable(
                f"routing decisions are not logged, {path} cannot be written ({error.strerror}): set ZEKE_DB elsewhere"
            ) from error
        except sqlite3.Error as error:
            last = error
            if is_busy(error):
                time.sleep(random.uniform(0.005, 0.05))
            elif is_damage(error) and owned and warning is None:
                moved = _move_aside(path)
                warning = f"the routing cache was damaged: it is kept as {moved.name}, and a new one was begun"
            else:
                break
    assert last is not None
    if isinstance(last, sqlite3.Error) and is_damage(last):
        raise CacheUnavailable(f"{path} is no SQLite database of ours: point ZEKE_DB to another file") from last
    raise CacheUnavailable(f"routing decisions are not logged, {path}: {last}: set ZEKE_DB elsewhere") from last
