"""Rows of a cache for tests: every kind that a report has to count, the Zig client's among them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zeke.cache.database import open_connection

SEED_STAT = (
    "INSERT INTO routing_stats(project, alias, model, provider, intent, size_hint, latency_ms, tokens_in, tokens_out,"
    " success, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
)
"""`recordStat` of the seed, as it is."""

COLUMNS = {
    "request_id": None,
    "attempt": 1,
    "project": "grim",
    "alias": "auto",
    "model": "m",
    "provider": "p",
    "intent": "tests",
    "size_hint": "small",
    "latency_ms": 400,
    "total_duration_ms": 1400,
    "tokens_in": 10,
    "tokens_out": 50,
    "success": 1,
    "error_code": None,
    "cost_cents": 0.5,
    "cost_source": "reported",
    "escalated": 0,
    "created_at": 0,
}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection, _ = open_connection(path, owned=True)
    try:
        yield connection
    finally:
        connection.close()


def row(connection: sqlite3.Connection, **values: Any) -> None:
    """One attempt; what is not given is a fast complete answer."""
    facts = {**COLUMNS, **values}
    names = ", ".join(facts)
    connection.execute(
        f"INSERT INTO routing_stats({names}) VALUES ({', '.join('?' * len(facts))})", list(facts.values())
    )
