"""The requests behind a figure, one attempt a line; each opens its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zeke.exchange.hostile import visible
from zeke.report.figures import cents, count, seconds
from zeke.report.page import Page, Piece, fit, width
from zeke.report.statistics import NARROWEST, WIDEST, day_of, moment, who
from zeke.report.view import PERIODS, View


@dataclass(frozen=True, slots=True)
class Requested:
    """One attempt with what its request asked, empty when no text is kept."""

    request_id: str | None
    project: str
    intent: str | None
    provider: str | None
    model: str | None
    success: bool
    error_code: str | None
    latency_ms: int | None
    total_duration_ms: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost_cents: float | None
    cost_source: str | None
    created_at: int
    verdict: bool | None = None
    """What the user thought of it, as far as it can be told."""
    prompt: str = ""
    has_text: bool = False


def about(view: View) -> str:
    """The filters in words."""
    only = view.only
    said = [
        who(only.get("provider"), only.get("model")) if name == "model" else str(only[name])
        for name in ("project", "intent", "model", "error_code", "outcome")
        if name in only and only[name] is not None
    ]
    if "model" not in only and only.get("provider"):
        said.append(str(only["provider"]))
    if "day" in only:
        first = int(only["day"])
        days = int(only.get("days", 1))
        said.append(f"{day_of(first):%d %b}" + (f" to {day_of(first + days - 1):%d %b}" if days > 1 else ""))
    if "above_ms" in only:
        upto = int(only["upto_ms"])
        said.append(f"over {int(only['above_ms']) / 1000:g} s" + (f" up to {upto / 1000:g} s" if upto else ""))
    if only.get("order") in ("slowest", "costliest"):
        said.append(f"{only['order']} first")
    return " · ".join(said) or "every request"


def page(rows: Sequence[Requested], view: View, *, columns: int, now: datetime, limit: int) -> Page:
    """The list in a window of so many columns; `limit` is how many rows were asked for."""
    columns = min(max(columns, NARROWEST), WIDEST)
    made = Page(columns)
    made.line(Piece(f"# {view.project or 'all projects'} · {PERIODS[view.period][0]} · {about(view)}", "Title"))
    made.line()
    if not rows:
        made.line("There is no such request.")
        return made
    texts = [tuple(map(visible, _texts(row, now, with_project=view.project is None))) for row in rows]
    widths = [max(width(text[place]) for text in texts) for place in range(len(texts[0]))]
    widths[2] = min(widths[2], max(columns // 4, 12))
    for row, cells in zip(rows, texts, strict=True):
        opens: dict[str, Any] = {"request": row.request_id, "has_text": row.has_text} if row.request_id else {}
        shown = [fit(text, size) for text, size in zip(cells, widths, strict=True)]
        line = "  ".join(shown)
        left = columns - width(line) - 2
        prompt = fit(row.prompt, left).rstrip() if left >= 12 else ""
        group = (
            None if row.success else "ZekeNote" if row.error_code in ("cancelled", "in_flight") else "DiagnosticWarn"
        )
        made.line(
            Piece(fit(line, columns).rstrip(), group, opens), Piece(f"  {prompt}" if prompt else "", "ZekeNote", opens)
        )
    if len(rows) >= limit:
        made.line()
        made.line(Piece(f"the first {limit}; narrow the period or open a smaller figure for the rest", "ZekeNote"))
    return made


def _texts(row: Requested, now: datetime, *, with_project: bool) -> tuple[str, ...]:
    verdict = {True: "+", False: "-", None: ""}[row.verdict]
    return (
        moment(row.created_at, now),
        (f"{row.project} " if with_project else "") + (row.intent or "none"),
        who(row.provider, row.model),
        ("ok" if row.success else row.error_code or "failed") + verdict,
        seconds(row.latency_ms),
        f"{count(row.tokens_in)}→{count(row.tokens_out)}",
        cents(row.cost_cents, row.cost_source),
    )
