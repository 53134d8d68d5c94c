"""`:ZekeWhy`: why this model. What nobody said is said to be unsaid."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeke.report.figures import Attempted, Record, cents, count, seconds, share, table
from zeke.report.verdicts import SIGNALS


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known of one request."""

    attempts: Sequence[Attempted]
    record: Record | None = None
    """How the model did for this intent in this project."""
    signals: Sequence[tuple[str, str | None]] = ()
    """Kind and note of what was done with the answer."""


def table_of(found: Explained) -> dict[str, Any]:
    """The same as a table for programs; unknown is None."""
    return {
        "attempts": [dataclasses.asdict(attempt) for attempt in found.attempts],
        "record": dataclasses.asdict(found.record) if found.record else None,
        "signals": [{"kind": kind, "note": note} for kind, note in found.signals],
    }


def lines(found_of: Explained, *, raw: bool) -> list[str]:
    """The request's route key by key, each attempt, the gateway's reason, and the model's record here.

    `raw` gives the traces as they were stored instead.
    """
    attempts, record = found_of.attempts, found_of.record
    if not attempts:
        return ["nothing is logged of this request"]
    if raw:
        return [
            line for attempt in attempts for line in json.dumps(attempt.trace, indent=2, ensure_ascii=False).split("\n")
        ]
    last = attempts[-1]
    found = [f"# why {_who(last)}", ""]
    found += [_reason(attempts), ""]
    if last.candidates:
        found += [f"Candidates: {', '.join(last.candidates)}", ""]
    own = last.trace.get("zeke")
    own = own if isinstance(own, dict) else {}
    if own.get("violation"):
        found += [f"NOT ALLOWED: {own['violation']}", ""]
    if own.get("override"):
        found += [f"The {own['override']} was overridden by `!` or by you.", ""]
    found.append("## attempts")
    found += table([_attempt(attempt) for attempt in attempts])
    route = own.get("route")
    if isinstance(route, dict) and route:
        found += ["", "## route"]
        found += table([(key, str(pair[0]), f"({pair[1]})") for key, pair in route.items() if len(pair) == 2])
    if record is not None and last.model is not None:
        found += ["", f"## {last.model} for {last.intent} in this project", f"  {_record(record)}"]
    if found_of.signals:
        found += ["", "## what you made of it"]
        found += [f"  {_signal(kind, note)}" for kind, note in found_of.signals]
    return found


def _signal(kind: str, note: str | None) -> str:
    meaning = SIGNALS[kind].meaning if kind in SIGNALS else kind
    return f"{meaning}: {note}" if note else meaning


def _who(attempt: Attempted) -> str:
    if attempt.model is None:
        return "nobody" if not attempt.success else "a model that was not named"
    return f"{attempt.provider}/{attempt.model}" if attempt.provider else attempt.model


def _reason(attempts: Sequence[Attempted]) -> str:
    last = attempts[-1]
    if last.escalated:
        first = next((attempt for attempt in attempts if not attempt.escalated), None)
        cause = last.trace.get("error") or (first.error_code if first else None) or "unknown"
        return f"DEGRADED: a local model answered, because {cause}"
    if last.reason:
        return f"The gateway says: {last.reason}"
    if not last.success:
        return f"There is no answer: {last.trace.get('error') or last.error_code}"
    return "The gateway gave no reason."


def _attempt(attempt: Attempted) -> tuple[str, ...]:
    outcome = "ok" if attempt.success else attempt.error_code or "failed"
    target = attempt.trace.get("base_url") or ""
    return (
        f"{attempt.number}",
        outcome,
        _who(attempt),
        f"{seconds(attempt.latency_ms)} first, {seconds(attempt.total_duration_ms)} all",
        f"{count(attempt.tokens_in)}→{count(attempt.tokens_out)} tok",
        cents(attempt.cost_cents, attempt.cost_source),
        str(target),
    )


def _record(record: Record) -> str:
    if not record.count:
        return "no finished request yet"
    complete = share(record.successes / record.count)
    attempts = f"{record.count} attempt{'s' * (record.count != 1)}"
    return f"{attempts}, {complete} complete, first token p50 {seconds(record.p50_ms)}"
