"""Connections to the cache, as safe as SQLite can be made for many editors on one file."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from zeke.cache.migrations import migrate

BUSY_SECONDS = 5.0
TRIES = 40
"""A start-up race is over long before: eight editors at once need about 80 ms."""
_FOREIGN = ("not a database", "malformed", "disk image", "unsupported file format", "no such table", "no such column")


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
    """Whether somebody else holds the lock."""
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def identity(path: Path) -> tuple[int, int] | None:
    """Device and number of the file at a path, None when there is none: SQLite goes on writing to a removed one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path, *, is_suspect: bool) -> sqlite3.Connection:
    # autocommit: every transaction is begun by hand, IMMEDIATE, so that none fails half way.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        with decoded():
            _prepare(connection, is_suspect=is_suspect)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def decoded() -> Iterator[None]:
    """Errors of Python's own: damaged text may be no UTF-8, a damaged size more than there is memory."""
    try:
        yield
    except (UnicodeDecodeError, MemoryError) as error:
        raise sqlite3.DatabaseError("database disk image is malformed") from error


@contextlib.contextmanager
def impatient(connection: sqlite3.Connection) -> Iterator[None]:
    """Be told of a lock at once: SQLite's own waits grow to 100 ms, while a write takes less than one."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _prepare(connection: sqlite3.Connection, *, is_suspect: bool) -> None:
    # Changing the mode is a lock of its own, and the busy handler is not asked: only when it is needed.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 1048576")
    # What is deleted is overwritten: a conversation that was forgotten is not to be found in a free page.
    connection.execute("PRAGMA secure_delete = ON")
    if is_suspect and (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")
    migrate(connection)
    # A version that damage wrote there would keep the tables from being made.
    connection.execute("SELECT request_id, error_code FROM routing_stats LIMIT 0")


def _move_aside(path: Path) -> Path:
    """Rename a damaged file with its companions; the text of the user's history may still be saved from it."""
    now = int(time.time())
    names = (path.with_name(f"{path.name}.corrupt-{now}{more}") for more in ("", *(f"-{n}" for n in range(2, 1000))))
    target = next(name for name in names if not name.exists())
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
    return target


def open_connection(path: Path, *, owned: bool, is_suspect: bool = False) -> tuple[sqlite3.Connection, str | None]:
    """Open, make and migrate the file; returns the connection and a warning for the user, if any.

    `owned` says that the path is our default: only then a damaged file is moved aside and a new one begun.
    `is_suspect` has it looked through first: damage in the middle is not met by opening.

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
            return _connect(path, is_suspect=is_suspect and warning is None), warning
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
    if "no such module" in str(last):
        raise CacheUnavailable(
            "routing decisions are not logged, the SQLite of this Python has no full-text search (FTS5):"
            " run :ZekeInstall with another python3 on PATH"
        ) from last
    if isinstance(last, sqlite3.Error) and is_damage(last):
        raise CacheUnavailable(f"{path} is no SQLite database of ours: point ZEKE_DB to another file") from last
    raise CacheUnavailable(f"routing decisions are not logged, {path}: {last}: set ZEKE_DB elsewhere") from last
