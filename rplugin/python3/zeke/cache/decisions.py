"""Rows of `routing_stats` and `routing_trace`: one per attempt, written before it leaves, completed at its end."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from zeke.routing.aliases import LOCAL

_LOCAL = ", ".join(f"'{name}'" for name in LOCAL)
COST = (
    "CASE WHEN cost_source IS NULL AND cost_cents = 0"
    f" AND COALESCE(provider, '') NOT IN ({_LOCAL}) THEN NULL ELSE cost_cents END"
)
"""Cents of a row as an expression, NULL when nobody named them: a row of the Zig client has the column's default."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt about to leave. `key` names it in this process; everything else is a column."""

    key: str
    request_id: str
    project: str
    alias: str | None
    intent: str | None
    size_hint: str | None
    created_at: int
    """UTC epoch seconds."""
    escalated: bool
    number: int = 1
    """Which try of its request it is."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. Times in whole milliseconds; unknown is None and stored as NULL."""

    success: bool
    error_code: str | None
    model: str | None
    provider: str | None
    latency_ms: int | None
    total_duration_ms: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost_cents: float | None
    cost_source: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """What the gateway told about an attempt; `trace` and `candidates` are JSON text."""

    request_id: str
    project: str
    trace: str
    decision_reason: str | None
    candidates: str | None
    created_at: int


def insert(connection: sqlite3.Connection, attempt: Attempt) -> int:
    """Write the row of an attempt that is about to leave; returns its id."""
    cursor = connection.execute(
        "INSERT INTO routing_stats(request_id, project, alias, intent, size_hint, success, error_code,"
        # The column's default is 0.0, which would say that it was free.
        " cost_cents, escalated, attempt, created_at) VALUES (?, ?, ?, ?, ?, 0, 'in_flight', NULL, ?, ?, ?)",
        (
            attempt.request_id,
            attempt.project,
            attempt.alias,
            attempt.intent,
            attempt.size_hint,
            int(attempt.escalated),
            attempt.number,
            attempt.created_at,
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def complete(connection: sqlite3.Connection, row: int, ending: Ending) -> bool:
    """Complete the row `row`; False when there is none that waits for its end."""
    cursor = connection.execute(
        "UPDATE routing_stats SET success = ?, error_code = ?, model = ?, provider = ?, latency_ms = ?,"
        " total_duration_ms = ?, tokens_in = ?, tokens_out = ?, cost_cents = ?, cost_source = ? WHERE id = ?"
        " AND error_code = 'in_flight'",
        (
            int(ending.success),
            ending.error_code,
            ending.model,
            ending.provider,
            ending.latency_ms,
            ending.total_duration_ms,
            ending.tokens_in,
            ending.tokens_out,
            None if ending.cost_cents is None else float(ending.cost_cents),
            ending.cost_source,
            row,
        ),
    )
    return cursor.rowcount == 1


def price(connection: sqlite3.Connection, request_id: str, cost_cents: float) -> None:
    """Add a computed cost to the answer that had none."""
    connection.execute(
        "UPDATE routing_stats SET cost_cents = ?, cost_source = 'computed'"
        " WHERE request_id = ? AND success = 1 AND cost_cents IS NULL",
        (cost_cents, request_id),
    )


def insert_trace(connection: sqlite3.Connection, trace: Trace) -> None:
    """Write what the gateway told."""
    connection.execute(
        "INSERT INTO routing_trace(request_id, project, trace, decision_reason, candidates, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (trace.request_id, trace.project, trace.trace, trace.decision_reason, trace.candidates, trace.created_at),
    )
