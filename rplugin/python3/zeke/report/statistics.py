"""`:ZekeStats`: the report that is read at a glance. Every figure opens the requests that it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from zeke.exchange.hostile import visible
from zeke.report.figures import count, seconds, share
from zeke.report.page import Page, Piece, bar, column, fit, width, wrapped
from zeke.report.tally import BOUNDS_MS, Failure, Key, Sums, Tally, Usage, ordered
from zeke.report.view import GROUPINGS, PERIODS, View

EPOCH = date(1970, 1, 1)
NARROWEST, WIDEST = 60, 200
"""Columns that the report fits in; a window of another size gets the nearest."""
CHART_ROWS = 4
BAR, BAR_POOR = "ZekeBar", "ZekeBarPoor"
POOR = 0.9
"""A day below this success is drawn in another colour."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    sort: str
    columns: int
    text: Callable[[Tally], str]
    opens: Mapping[str, Any]
    """Added to the row's own filters."""
    priority: int
    """The highest goes first when there is no room."""


def spent(tally: Tally) -> str:
    """A sum of costs: `~` when some were computed, `+` when some are unknown, `–` when there is no answer."""
    if tally.cents is None:
        return "¢?" if tally.successes else "–"
    return f"{'~' if tally.computed else ''}¢{tally.cents:.2f}{'+' if tally.unknown_costs else ''}"


def speed(tally: Tally) -> str:
    """Tokens per second, `?` when unknown."""
    return "?" if tally.speed is None else f"{tally.speed:.0f}/s"


def _accepted(tally: Tally) -> str:
    return f"{share(tally.votes.share)} of {tally.votes.count}" if tally.votes.count else "–"


_COLUMNS = (
    _Column("count", "count", 7, lambda tally: str(tally.attempts), {}, 0),
    _Column("ok", "success", 6, lambda tally: share(tally.success), {"outcome": "failed"}, 0),
    _Column("p50", "p50", 7, lambda tally: seconds(tally.p50), {"outcome": "ok", "order": "slowest"}, 3),
    _Column("p95", "p95", 7, lambda tally: seconds(tally.p95), {"outcome": "ok", "order": "slowest"}, 1),
    _Column("tok/s", "speed", 7, speed, {"outcome": "ok"}, 4),
    _Column("cost", "cost", 10, spent, {"order": "costliest"}, 0),
    _Column("accepted", "accepted", 12, _accepted, {"outcome": "judged"}, 2),
)


def who(provider: str | None, model: str | None) -> str:
    """Provider and model as one name."""
    if model is None:
        return f"{provider}/?" if provider else "nobody said"
    return f"{provider}/{model}" if provider else model


def day_of(number: int) -> date:
    """The day with this number."""
    return EPOCH + timedelta(days=number)


def label(by: str, key: Key) -> tuple[str, ...]:
    """A group's name, as one column or as two."""
    match by:
        case "intent_model":
            return (key[0] or "none", who(key[1], key[2]))
        case "model":
            return (who(key[0], key[1]),)
        case "day":
            return (f"{day_of(key[0]):%a %d %b %Y}",)
    return (key[0] or "none",)


def page(usage: Usage, view: View, *, columns: int, now: datetime, month: str | None = None) -> Page:
    """The report in a window of so many columns. `month` says how the project's budget stands."""
    columns = min(max(columns, NARROWEST), WIDEST)
    made = Page(columns)
    about = view.project or "all projects"
    made.line(Piece(f"# {about} · {PERIODS[view.period][0]}", "Title"))
    if not usage.whole.attempts:
        made.line()
        made.line("Nothing was asked here yet: :ZekeTest on a function makes the first row.")
        return made
    _headline(made, usage.whole, columns, month)
    _table(made, usage, view, columns)
    _days(made, usage, view, columns, now)
    _histogram(made, usage.whole, columns)
    _failures(made, usage.failures, columns, now)
    return made


def _headline(made: Page, whole: Tally, columns: int, month: str | None) -> None:
    first = [f"{whole.requests} request{'s' * (whole.requests != 1)}"]
    if whole.attempts != whole.requests:
        first[0] += f" in {whole.attempts} attempts"
    first.append(f"{share(whole.success)} complete")
    first += [
        f"{number} {word}"
        for number, word in (
            (whole.cancelled, "cancelled"),
            (whole.unfinished, "unfinished"),
            (whole.refused, "refused by the budget"),
        )
        if number
    ]
    first.append(f"first token p50 {seconds(whole.p50)}, p95 {seconds(whole.p95)}")
    if whole.speed is not None:
        first.append(f"{whole.speed:.0f} tokens/s")
    if whole.untold < whole.successes:
        told = f"{count(whole.tokens_in)}→{count(whole.tokens_out)} tokens"
        first.append(f"{told}, {_answers(whole.untold)} untold" if whole.untold else told)
    if whole.votes.count:
        first.append(f"{share(whole.votes.share)} of {whole.votes.count} accepted")
    costs = [f"spent {spent(whole).rstrip('+')}"]
    if whole.computed and whole.reported:
        costs.append(f"~¢{whole.computed:.2f} of it computed from prices")
    if whole.unknown_costs:
        costs.append(f"{_answers(whole.unknown_costs)} of unknown cost")
    if month:
        costs.append(month)
    for text in (*wrapped(first, columns), *wrapped(costs, columns)):
        made.line(text)


def _answers(number: int) -> str:
    return f"{number} answer{'s' * (number != 1)}"


def _chosen(columns: int, labels: int) -> list[_Column]:
    """The columns that there is room for beside labels of at least so many columns."""
    chosen = list(_COLUMNS)
    for number in range(max(each.priority for each in _COLUMNS), 0, -1):
        if labels + sum(each.columns + 1 for each in chosen) <= columns:
            break
        chosen = [each for each in chosen if each.priority != number]
    return chosen


def _table(made: Page, usage: Usage, view: View, columns: int) -> None:
    made.section(f"by {' × '.join(word for word in GROUPINGS[view.by] if word != 'provider' or view.by == 'provider')}")
    labels = [tuple(map(visible, label(view.by, key))) for key in usage.groups]
    natural = [max(width(text[place]) for text in labels) for place in range(len(labels[0]))]
    chosen = _chosen(columns, sum(natural) + len(natural) - 1 if sum(natural) < columns // 2 else columns // 3)
    room = columns - sum(each.columns + 1 for each in chosen) - len(natural) + 1
    # The last label is the name that may be long; it gets what is left.
    widths = [min(each, 12) for each in natural[:-1]]
    widths.append(max(min(natural[-1], room - sum(widths)), 8))
    heads = [fit("", sum(widths) + len(widths) - 1)]
    for each in chosen:
        mark = ("▾" if view.descending else "▴") if each.sort == view.sort else ""
        heads.append(fit(f"{each.title}{mark}", each.columns, right=True))
    made.line(Piece(" ".join(heads).rstrip(), "ZekeNote"))
    for key, tally in ordered(usage.groups, view.sort, descending=view.descending):
        row = dict(zip(GROUPINGS[view.by], key, strict=True))
        name = " ".join(fit(text, size) for text, size in zip(label(view.by, key), widths, strict=True))
        pieces: list[Piece | str] = [Piece(name, None, row)]
        for each in chosen:
            text = fit(each.text(tally), each.columns, right=True)
            poor = each.sort == "success" and tally.success is not None and tally.success < POOR
            pieces += [" ", Piece(text, "DiagnosticWarn" if poor else None, {**row, **each.opens})]
        made.line(*pieces)


def _buckets(usage: Usage, view: View, now: datetime, most: int) -> list[tuple[int, int, Sums]]:
    """First day, number of days and tally of each bar; as many days a bar as it takes to have at most so many."""
    today = (now.date() - EPOCH).days
    days = PERIODS[view.period][1]
    first = min(usage.days, default=today) if days is None else today - days + 1
    size = next((each for each in (1, 7, 30, 365) if (today - first) // each < most), 3650)
    found: dict[int, Sums] = {}
    for day in range(first, today + 1):
        tally = found.setdefault((day - first) // size, Sums())
        if day in usage.days:
            tally.add(usage.days[day])
    return [(first + place * size, size, tally) for place, tally in found.items()]


_SIZES = {1: "a day", 7: "a week", 30: "per 30 days", 365: "per 365 days", 3650: "per ten years"}


def _days(made: Page, usage: Usage, view: View, columns: int, now: datetime) -> None:
    buckets = _buckets(usage, view, now, columns - 8)
    most = max(tally.requests for _, _, tally in buckets)
    if len(buckets) < 2 or not most:
        return
    each = min((columns - 8) // len(buckets), 4)
    made.section(f"requests {_SIZES[buckets[0][1]]}")
    drawn = [column(tally.requests, most, CHART_ROWS) for _, _, tally in buckets]
    for row in range(CHART_ROWS):
        axis = str(most) if row == 0 else "0" if row == CHART_ROWS - 1 else ""
        pieces: list[Piece | str] = [f"{axis:>6} "]
        for (first, size, tally), cells in zip(buckets, drawn, strict=True):
            poor = tally.success is not None and tally.success < POOR
            text = fit(cells[row] * max(each - 1, 1), each)
            only = {"day": first, "days": size} if tally.requests else None
            pieces.append(Piece(text, BAR_POOR if poor else BAR, only))
        made.line(*pieces)
    left, right = f"{day_of(buckets[0][0]):%d %b}", f"{now:%d %b}"
    made.line(Piece(f"{'':7}{left}{right.rjust(max(each * len(buckets) - len(left), len(right) + 1))}", "ZekeNote"))


def _histogram(made: Page, whole: Tally, columns: int) -> None:
    classes = whole.histogram
    if not sum(classes):
        return
    made.section("time to the first token")
    filled = [place for place, number in enumerate(classes) if number]
    lower = (0, *BOUNDS_MS)
    for place in range(filled[0], filled[-1] + 1):
        above = lower[place]
        upto = BOUNDS_MS[place] if place < len(BOUNDS_MS) else None
        name = f"{above / 1000:g}–{upto / 1000:g} s" if upto else f"over {above / 1000:g} s"
        only = {"outcome": "ok", "order": "slowest", "above_ms": above, "upto_ms": upto or 0}
        drawn = bar(classes[place], max(classes), min(columns - 24, 60))
        made.line(Piece(f"{name:>12} ", None, only), Piece(drawn, BAR, only), Piece(f" {classes[place]}", None, only))


def _failures(made: Page, failures: Sequence[Failure], columns: int, now: datetime) -> None:
    if not failures:
        return
    made.section("what is failing")
    code = min(max(width(visible(failure.error_code)) for failure in failures), columns // 3)
    name = min(max(width(visible(who(failure.provider, failure.model))) for failure in failures), columns // 3)
    for failure in failures:
        when = moment(failure.last_at, now)
        head = (
            f"{failure.count:>5} × {fit(failure.error_code, code)}  {fit(who(failure.provider, failure.model), name)}"
        )
        only = {
            "error_code": failure.error_code,
            "model": failure.model,
            "provider": failure.provider,
            "outcome": "failed",
        }
        made.line(Piece(f"{head}  last {when}", None, only))
        if failure.said:
            made.line(Piece(f"{'':8}{fit(failure.said, columns - 8).rstrip()}", "ZekeNote", only))


def moment(epoch: int, now: datetime) -> str:
    """A time of day of today, else the date with it."""
    at = datetime.fromtimestamp(epoch)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%d %b %H:%M}" if at.year == now.year else f"{at:%d %b %Y}"
