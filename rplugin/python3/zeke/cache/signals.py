"""Rows of `zeke_signals`: what was done with an answer. Which of them counts is `report.verdicts`' business."""

from __future__ import annotations

import sqlite3


def save(connection: sqlite3.Connection, request_id: str, kind: str, note: str | None, now: int) -> bool:
    """Keep a signal under intent, model and provider of the request's answer; False when there is no such answer."""
    cursor = connection.execute(
        "INSERT INTO zeke_signals(request_id, project, intent, model, provider, kind, note, created_at)"
        " SELECT request_id, project, intent, model, provider, ?, ?, ? FROM routing_stats"
        " WHERE request_id = ? ORDER BY success DESC, id DESC LIMIT 1",
        (kind, note, now, request_id),
    )
    return cursor.rowcount == 1


def of(connection: sqlite3.Connection, request_id: str) -> list[tuple[str, str | None]]:
    """Kind and note of each signal about a request, oldest first."""
    return [
        (row[0], row[1])
        for row in connection.execute(
            "SELECT kind, note FROM zeke_signals WHERE request_id = ? ORDER BY id", (request_id,)
        ).fetchall()
    ]
