"""The schema: `db/migrations/*.sql` in the order of their numbers, the last one applied in `user_version`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[4] / "db" / "migrations"

_ADD_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", re.IGNORECASE)


@lru_cache(maxsize=1)
def known() -> tuple[tuple[int, Path], ...]:
    """Number and file of every migration, ascending."""
    return tuple(sorted((int(path.name.split("_", 1)[0]), path) for path in FOLDER.glob("[0-9]*_*.sql")))


def statements(script: str) -> Iterator[str]:
    """The statements of a script without its PRAGMAs, which are the connection's and not the schema's."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            if not _without_comments(statement).upper().startswith("PRAGMA"):
                yield statement.strip()
            statement = ""


def _without_comments(statement: str) -> str:
    return re.sub(r"(?m)^\s*--.*$", "", statement).strip()


def _is_there(connection: sqlite3.Connection, statement: str) -> bool:
    """Whether the column to add exists: the Zig client adds the same ones under the same names."""
    found = _ADD_COLUMN.search(statement)
    if found is None:
        return False
    table, column = found.groups()
    rows = connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchall()
    return bool(rows)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version in one transaction. A newer file than ours is left as it is.

    Raises:
        sqlite3.OperationalError: another process holds the lock; the caller tries again.
    """
    newest = known()[-1][0]
    if _version(connection) >= newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another editor may have done it while this one waited for the lock.
        version = _version(connection)
        for number, path in known():
            if number > version:
                for statement in statements(path.read_text(encoding="utf-8")):
                    if not _is_there(connection, statement):
                        connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(newest, version)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
