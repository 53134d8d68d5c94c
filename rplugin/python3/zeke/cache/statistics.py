"""What the rows tell: the attempts of a request, and how a model did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from zeke.report.figures import Attempted, Record, percentile

_ATTEMPT = (
    "model, provider, intent, alias, latency_ms, total_duration_ms, tokens_in, tokens_out, cost_cents, cost_source,"
    " success, error_code, escalated, created_at"
)


def attempts_of(connection: sqlite3.Connection, request_id: str) -> tuple[Attempted, ...]:
    """The attempts of a request in their order, each with what the gateway told about it."""
    rows = connection.execute(
        f"SELECT {_ATTEMPT} FROM routing_stats WHERE request_id = ? ORDER BY id", (request_id,)
    ).fetchall()
    told = connection.execute(
        "SELECT trace, decision_reason, candidates FROM routing_trace WHERE request_id = ? ORDER BY id", (request_id,)
    ).fetchall()
    by_number = {}
    for text, reason, candidates in told:
        trace = _object(text)
        by_number[trace.get("attempt")] = (trace, reason, _list(candidates))
    names = [name.strip() for name in _ATTEMPT.split(",")]
    found = []
    for number, row in enumerate(rows, start=1):
        trace, reason, candidates = by_number.get(number, ({}, None, ()))
        values: dict[str, Any] = dict(zip(names, row, strict=True))
        found.append(
            Attempted(
                number=number,
                success=values.pop("success") == 1,
                escalated=values.pop("escalated") == 1,
                reason=reason,
                candidates=candidates,
                trace=trace,
                **values,
            )
        )
    return tuple(found)


def trace_of(connection: sqlite3.Connection, request_id: str | None) -> dict[str, Any]:
    """What was kept of the request's last attempt; empty without anything."""
    row = connection.execute(
        "SELECT trace FROM routing_trace WHERE request_id = ? ORDER BY id DESC LIMIT 1", (request_id,)
    ).fetchone()
    return _object(row[0]) if row else {}


def newest_request(connection: sqlite3.Connection, project: str) -> str | None:
    """The id of the project's newest request."""
    row = connection.execute(
        "SELECT request_id FROM routing_stats WHERE project = ? AND request_id IS NOT NULL"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        (project,),
    ).fetchone()
    return row[0] if row else None


def record_of(connection: sqlite3.Connection, project: str, intent: str | None, model: str | None) -> Record:
    """How a model did for an intent in a project. Cancelled attempts count neither way."""
    rows = connection.execute(
        "SELECT success, latency_ms FROM routing_stats WHERE project = ? AND intent IS ? AND model IS ?"
        " AND COALESCE(error_code, '') NOT IN ('cancelled', 'in_flight')",
        (project, intent, model),
    ).fetchall()
    latencies = [row[1] for row in rows if row[0] == 1 and row[1] is not None]
    return Record(len(rows), sum(row[0] == 1 for row in rows), percentile(latencies, 50))


def _object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _list(text: object) -> Sequence[str]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return ()
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
