"""The query behind the notices."""

from __future__ import annotations

import sqlite3

from zeke.report.notices import BEFORE_DAYS, RECENT_DAYS, Observed

DAY = 86400


def _observed(connection: sqlite3.Connection, project: str, since: int, until: int) -> Observed:
    rows = connection.execute(
        "SELECT NULLIF(model, ''), NULLIF(provider, ''), NULLIF(intent, ''), CAST(latency_ms AS INTEGER)"
        " FROM routing_stats WHERE project = ? AND created_at >= ? AND created_at < ? AND success = 1",
        (project, since, until),
    ).fetchall()
    latencies: dict[str, list[int]] = {}
    providers: dict[str, dict[str, int]] = {}
    for model, provider, intent, latency in rows:
        if model and latency is not None:
            latencies.setdefault(model, []).append(latency)
        if provider and intent:
            by_provider = providers.setdefault(intent, {})
            by_provider[provider] = by_provider.get(provider, 0) + 1
    return Observed(latencies, providers)


def observed(connection: sqlite3.Connection, project: str, now: int) -> tuple[Observed, Observed]:
    """The project's answers of the last days, and of those before them."""
    recent = now - RECENT_DAYS * DAY
    return (
        _observed(connection, project, recent, now + 1),
        _observed(connection, project, recent - BEFORE_DAYS * DAY, recent),
    )
