"""Turns of conversations: what was asked and answered, to be found, reopened and forgotten."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from zeke.models import Ask, Scope, Source
from zeke.report.history import MARK, UNMARK, Found
from zeke.report.search import Search

DEEPEST = 200
"""Turns of one conversation that are followed back."""


def save(
    connection: sqlite3.Connection, ask: Ask, answer: str | bytearray, model: str | None, parent: str | None, now: int
) -> None:
    """Keep a turn, unless its project wants none kept: the table itself is asked, so that no race keeps one.

    An `answer` in bytes is UTF-8.
    """
    turn = json.dumps(
        {
            "scope": dataclasses.asdict(ask.scope),
            "source": {**dataclasses.asdict(ask.source), "file": ""},
            "notes": list(ask.notes),
            "attachments": [dataclasses.asdict(given) for given in ask.attachments],
            "arguments": dict(ask.arguments),
        },
        ensure_ascii=False,
    )
    size = sum(
        len(text if isinstance(text, bytearray) else text.encode("utf-8", "surrogatepass"))
        for text in (ask.instruction, turn, answer)
    )
    connection.execute(
        "INSERT OR IGNORE INTO zeke_turns(request_id, parent_id, replay_of, project, intent, prompt, turn, answer,"
        " model, created_at, bytes, seq)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM zeke_turns)"
        " WHERE NOT EXISTS (SELECT 1 FROM zeke_projects WHERE project = ? AND log_text = 0)",
        (
            ask.request_id,
            parent,
            ask.replay_of or None,
            ask.source.project,
            ask.intent,
            ask.instruction,
            turn,
            answer,
            model,
            now,
            size,
            ask.source.project,
        ),
    )


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def find(connection: sqlite3.Connection, search: Search, limit: int) -> list[Found]:
    """Turns that a search finds, newest first, at most so many, each with an excerpt around what was found."""
    conditions: list[str] = []
    values: list[object] = []
    source, excerpt, order, column = "zeke_turns AS t", "''", "t.created_at DESC, t.seq DESC", "t."
    if search.match:
        source = "zeke_search JOIN zeke_turns AS t ON t.seq = zeke_search.rowid"
        excerpt = f"snippet(zeke_search, -1, '{MARK}', '{UNMARK}', '…', 12)"
        # Rows are numbered as they come: by number is by time, and needs no sorting.
        order = "zeke_search.rowid DESC"
        conditions.append("zeke_search MATCH ?")
        values.append(search.match)
        # The sign keeps SQLite from walking the project's turns again for every hit (3 s instead of 20 ms).
        column = "+t."
    for part in search.parts:
        conditions.append("(t.prompt LIKE ? ESCAPE '!' OR t.answer LIKE ? ESCAPE '!')")
        values += [f"%{_escaped(part)}%"] * 2
    if search.project is not None:
        conditions.append(f"{column}project = ?")
        values.append(search.project)
    if search.intent is not None:
        conditions.append(f"{column}intent = ?")
        values.append(search.intent)
    if search.model is not None:
        conditions.append("t.model LIKE ? ESCAPE '!'")
        values.append(f"%{_escaped(search.model)}%")
    if search.since:
        conditions.append(f"{column}created_at >= ?")
        values.append(search.since)
    if search.until is not None:
        conditions.append(f"{column}created_at < ?")
        values.append(search.until)
    rows = connection.execute(
        f"SELECT t.request_id, t.project, COALESCE(t.intent, ''), t.prompt, t.model, t.created_at, {excerpt}"
        f" FROM {source} WHERE {' AND '.join(conditions) or '1'} ORDER BY {order} LIMIT ?",
        [*values, limit],
    ).fetchall()
    return [Found(*row) for row in rows]


_EMPTY: Mapping[str, Any] = {
    "scope": dataclasses.asdict(Scope()),
    "source": dataclasses.asdict(Source()),
    "notes": [],
    "attachments": [],
    "arguments": {},
}
"""A turn of which nothing but the texts can be read."""


def _turn(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def chain(connection: sqlite3.Connection, request_id: str) -> list[dict[str, Any]]:
    """A turn and those before it, oldest first, as the editor rebuilds them."""
    found: list[dict[str, Any]] = []
    wanted: str | None = request_id
    while wanted is not None and len(found) < DEEPEST:
        row = connection.execute(
            "SELECT request_id, parent_id, intent, prompt, turn, answer, model FROM zeke_turns WHERE request_id = ?",
            (wanted,),
        ).fetchone()
        if row is None:
            break
        turn = {**_EMPTY, **_turn(row[4])}
        found.insert(
            0, {"id": row[0], "intent": row[2], "prompt": row[3], **turn, "text": row[5], "model": row[6] or ""}
        )
        wanted = row[1]
    return found


def delete(connection: sqlite3.Connection, request_ids: list[str]) -> int:
    """Forget turns; returns how many there were. What followed them stays."""
    marks = ", ".join("?" * len(request_ids))
    return connection.execute(f"DELETE FROM zeke_turns WHERE request_id IN ({marks})", request_ids).rowcount
