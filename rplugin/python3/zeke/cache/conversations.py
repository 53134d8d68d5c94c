"""Turns of conversations: what was asked and answered, to be found and reopened."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from zeke.models import Ask

LISTED = 200
"""Turns in a list; a query finds the older ones."""
DEEPEST = 200
"""Turns of one conversation that are followed back."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the history."""

    request_id: str
    project: str
    intent: str
    prompt: str
    model: str | None
    created_at: int


def save(
    connection: sqlite3.Connection, ask: Ask, answer: str, model: str | None, parent: str | None, now: int
) -> None:
    """Keep a turn."""
    turn = {
        "scope": dataclasses.asdict(ask.scope),
        "source": {**dataclasses.asdict(ask.source), "file": ""},
        "notes": list(ask.notes),
        "attachments": [dataclasses.asdict(given) for given in ask.attachments],
    }
    connection.execute(
        "INSERT OR REPLACE INTO zeke_turns(request_id, parent_id, project, intent, prompt, turn, answer, model,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ask.request_id,
            parent,
            ask.source.project,
            ask.intent,
            ask.instruction,
            json.dumps(turn, ensure_ascii=False),
            answer,
            model,
            now,
        ),
    )


def find(connection: sqlite3.Connection, project: str | None, query: str) -> tuple[Listed, ...]:
    """Turns, newest first, whose prompt or answer holds all words of the query; `project` None finds in all."""
    conditions, values = ["1"], []
    if project is not None:
        conditions.append("project = ?")
        values.append(project)
    for word in query.split():
        conditions.append("(prompt LIKE ? ESCAPE '!' OR answer LIKE ? ESCAPE '!')")
        escaped = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        values += [f"%{escaped}%"] * 2
    rows = connection.execute(
        "SELECT request_id, project, COALESCE(intent, ''), prompt, model, created_at FROM zeke_turns"
        f" WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, rowid DESC LIMIT {LISTED}",
        values,
    ).fetchall()
    return tuple(Listed(*row) for row in rows)


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
        turn = json.loads(row[4])
        found.insert(
            0, {"id": row[0], "intent": row[2], "prompt": row[3], **turn, "text": row[5], "model": row[6] or ""}
        )
        wanted = row[1]
    return found


def forget_before(connection: sqlite3.Connection, epoch: int) -> None:
    """Delete older turns, some thousand at a time: a long transaction would hold up other editors."""
    connection.execute(
        "DELETE FROM zeke_turns WHERE rowid IN (SELECT rowid FROM zeke_turns WHERE created_at < ? LIMIT 2000)", (epoch,)
    )
