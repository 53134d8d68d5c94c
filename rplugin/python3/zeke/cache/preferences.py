"""A project's preferences in `routing_prefs`, through the seed's upsert, and what it spent this month."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime

from zeke.cache.decisions import COST

DEFAULT_CENTS = 200
"""The seed's monthly limit of a project that never set one."""

# The seed's own statement names a column in VALUES, which does not compile. With ?3 in both places a new row gets
# the column's default, and a call without a limit keeps the one that is there.
_UPSERT = """
INSERT INTO routing_prefs(project, prefer_local, max_cloud_cost_cents, last_alias, last_model, updated_at)
VALUES (:project, :prefer_local, COALESCE(:cents, 200), :alias, :model, :now)
ON CONFLICT(project) DO UPDATE SET
  prefer_local=excluded.prefer_local,
  max_cloud_cost_cents=COALESCE(:cents, routing_prefs.max_cloud_cost_cents),
  last_alias=COALESCE(excluded.last_alias, routing_prefs.last_alias),
  last_model=COALESCE(excluded.last_model, routing_prefs.last_model),
  updated_at=excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored for a project. `cents` is the monthly limit, None for no limit."""

    is_set: bool = False
    """Whether the project has a row at all."""
    prefer_local: bool = False
    private: bool = False
    cents: int | None = DEFAULT_CENTS
    alias: str | None = None
    model: str | None = None
    log_text: bool | None = None
    """Whether text of the project is kept; None: as the options say."""


@dataclass(frozen=True, slots=True)
class Spent:
    """A project's cloud costs of the calendar month, in cents, by where the figures come from."""

    reported: float = 0.0
    computed: float = 0.0
    unknown: int = 0
    """Successful requests to which nobody named a price."""

    @property
    def cents(self) -> float:
        """What is known to be spent."""
        return self.reported + self.computed


def load(connection: sqlite3.Connection, project: str) -> Stored:
    """A project's preferences, the defaults if it has none."""
    row = connection.execute(
        "SELECT prefer_local, max_cloud_cost_cents, last_alias, last_model FROM routing_prefs WHERE project = ?",
        (project,),
    ).fetchone()
    own = connection.execute("SELECT private, log_text FROM zeke_projects WHERE project = ?", (project,)).fetchone()
    private, log_text = own or (0, None)
    log_text = None if log_text is None else log_text == 1
    if row is None:
        return Stored(private=private == 1, log_text=log_text)
    return Stored(True, row[0] == 1, private == 1, row[1], row[2] or None, row[3] or None, log_text)


def save(
    connection: sqlite3.Connection,
    project: str,
    *,
    prefer_local: bool | None = None,
    cents: int | None = None,
    alias: str | None = None,
    model: str | None = None,
) -> None:
    """Set what is given, keep the rest."""
    if prefer_local is None:
        prefer_local = load(connection, project).prefer_local
    connection.execute(
        _UPSERT,
        {
            "project": project,
            "prefer_local": int(prefer_local),
            "cents": cents,
            "alias": alias,
            "model": model,
            "now": int(time.time()),
        },
    )


def _save_own(connection: sqlite3.Connection, project: str, column: str, value: bool) -> None:
    connection.execute(
        f"INSERT INTO zeke_projects(project, {column}, updated_at) VALUES (?, ?, ?)"
        f" ON CONFLICT(project) DO UPDATE SET {column}=excluded.{column}, updated_at=excluded.updated_at",
        (project, int(value), int(time.time())),
    )


def save_private(connection: sqlite3.Connection, project: str, private: bool) -> None:
    """Whether the project's code may be answered by local models only."""
    _save_own(connection, project, "private", private)


def save_log_text(connection: sqlite3.Connection, project: str, log_text: bool) -> None:
    """Whether prompts and answers of the project are kept from now on."""
    _save_own(connection, project, "log_text", log_text)


_CLEARED = {"alias": "last_alias", "model": "last_model", "budget": "max_cloud_cost_cents"}


def clear(connection: sqlite3.Connection, project: str, name: str) -> None:
    """Set `alias`, `model` or `budget` (no limit) to NULL, which the upsert cannot."""
    save(connection, project)
    connection.execute(f"UPDATE routing_prefs SET {_CLEARED[name]} = NULL WHERE project = ?", (project,))


def reset(connection: sqlite3.Connection, project: str) -> None:
    """Forget all preferences of the project."""
    connection.execute("DELETE FROM routing_prefs WHERE project = ?", (project,))
    connection.execute("DELETE FROM zeke_projects WHERE project = ?", (project,))


def month_start(now: float | None = None) -> int:
    """UTC epoch seconds of the first moment of the month in local time."""
    moment = datetime.now() if now is None else datetime.fromtimestamp(now)
    return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())


def spent(connection: sqlite3.Connection, project: str, since: int) -> Spent:
    """What the project spent from `since` (UTC epoch seconds) on."""
    # A row of the Zig client has a cost without a source: it was reported to it.
    row = connection.execute(
        f"SELECT COALESCE(SUM(CASE WHEN cost_source IS NOT 'computed' THEN {COST} END), 0),"
        " COALESCE(SUM(CASE WHEN cost_source = 'computed' THEN cost_cents END), 0),"
        f" COALESCE(SUM(success = 1 AND ({COST}) IS NULL), 0)"
        " FROM routing_stats WHERE project = ? AND created_at >= ?",
        (project, since),
    ).fetchone()
    return Spent(float(row[0]), float(row[1]), int(row[2]))
