"""`:ZekeHistory`: earlier turns, newest first, one entry each with what was found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zeke.exchange.hostile import visible
from zeke.report.page import Page, Piece, fit, width
from zeke.report.search import Search
from zeke.report.statistics import NARROWEST, WIDEST, moment

MARK, UNMARK = "\x02", "\x03"
"""Around what was found in an excerpt; neither stands in a text that is shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """One turn of the history. In `excerpt` what was found stands between \\x02 and \\x03."""

    request_id: str
    project: str
    intent: str
    prompt: str
    model: str | None
    created_at: int
    excerpt: str = ""


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _excerpt(text: str, opens: Mapping[str, Any]) -> list[Piece]:
    parts = " ".join(text.split()).replace(UNMARK, MARK).split(MARK)
    return [Piece(part, "ZekeFound" if number % 2 else "ZekeNote", opens) for number, part in enumerate(parts) if part]


def page(
    found: Sequence[Found], search: Search, text: str, *, columns: int, now: datetime, limit: int, keeps_text: bool
) -> Page:
    """The list in a window of so many columns; `text` is what was typed, `keeps_text` whether new turns are kept."""
    columns = min(max(columns, NARROWEST), WIDEST)
    made = Page(columns)
    about = f" · {_one_line(text)}" if text else ""
    made.line(Piece(f"# history of {search.project or 'all projects'}{about}", "Title"))
    made.line()
    if not found:
        made.line("No conversation is found." if text or keeps_text else "No text is kept here, as the options say.")
        return made
    widest = min(max(width(visible(turn.intent)) for turn in found), columns // 4)
    for turn in found:
        opens = {"request": turn.request_id, "has_text": True}
        project = f"{_one_line(turn.project)}  " if search.project is None else ""
        head = f"{moment(turn.created_at, now):>12}  {project}{fit(turn.intent, widest)}  "
        tail = f"  {_one_line(turn.model or '?')}"
        room = columns - width(head) - width(tail)
        prompt = _one_line(turn.prompt) or "(standing instruction)"
        made.line(
            Piece(head, "ZekeNote", opens),
            Piece(fit(prompt, max(room, 12)), None, opens),
            Piece(tail, "ZekeNote", opens),
        )
        # What was found in the prompt alone is in the line above.
        if turn.excerpt.replace(MARK, "").replace(UNMARK, "").strip("…") not in turn.prompt:
            made.line(" " * 14, *_excerpt(turn.excerpt, opens))
    if len(found) >= limit:
        made.line()
        made.line(Piece(f"the newest {limit}; more words find the older ones", "ZekeNote"))
    return made
