"""Pages fit their windows, whatever is in them, and their parts lead where they say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeke.report import history, requests, statistics, tally
from zeke.report.figures import count, share
from zeke.report.history import Found
from zeke.report.page import Page, bar, column, fit, width, wrapped
from zeke.report.requests import Requested
from zeke.report.search import Search
from zeke.report.tally import Failure, Slice, Sums
from zeke.report.verdicts import Votes
from zeke.report.view import GROUPINGS, PERIODS, SORTS, View, from_state, from_words
from zeke.routing.arguments import ArgumentError

NOW = datetime(2026, 11, 24, 12, 0)
TODAY = (NOW.date() - statistics.EPOCH).days
NAMES = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
COLUMNS = st.sampled_from([60, 61, 80, 100, 137, 200])


def slices(draw: Any, by: str) -> list[Slice]:
    number = st.integers(0, 2_000_000)
    return [
        Slice(
            key=tuple(draw(NAMES) for name in GROUPINGS[by] if name != "day"),
            day=TODAY - draw(st.integers(0, 29)),
            sums=Sums(
                requests=draw(number),
                attempts=draw(number),
                successes=draw(number),
                tokens_out=draw(number),
                reported=draw(st.floats(0, 1e6)),
                unknown_costs=draw(st.integers(0, 3)),
            ),
            latencies=draw(st.lists(st.integers(0, 10**6), max_size=4)),
        )
        for _ in range(draw(st.integers(0, 5)))
    ]


def check(page: Page, columns: int) -> None:
    """Lines fit, and every span and target is a part of its line that is cut between characters."""
    for line in page.lines:
        assert width(line) <= columns, line
        assert "\n" not in line
    for row, start, end, _ in [*page.spans, *page.targets]:
        encoded = page.lines[row].encode("utf-8", "surrogatepass")
        assert 0 <= start <= end <= len(encoded)
        encoded[start:end].decode("utf-8", "surrogatepass")


@given(data=st.data(), by=st.sampled_from(list(GROUPINGS)), period=st.sampled_from(list(PERIODS)), columns=COLUMNS)
@settings(deadline=None, max_examples=150)
def test_the_report_fits(data: st.DataObject, by: str, period: str, columns: int) -> None:
    failures = [Failure("http_500", data.draw(NAMES), data.draw(NAMES), 3, 1_795_000_000, data.draw(NAMES))]
    parts = slices(data.draw, by)
    found = tally.usage(parts, {part.key: Votes(2, 1) for part in parts if by != "day"}, failures, by=by)
    view = View(data.draw(NAMES), period, by, data.draw(st.sampled_from(SORTS)), data.draw(st.booleans()))
    check(statistics.page(found, view, columns=columns, now=NOW, month="¢1.00 of ¢200 spent this month"), columns)


@given(data=st.data(), columns=COLUMNS)
@settings(deadline=None, max_examples=100)
def test_lists_fit(data: st.DataObject, columns: int) -> None:
    intent, provider, model, code = (data.draw(NAMES) for _ in range(4))
    facts: dict[str, Any] = {"latency_ms": 1, "total_duration_ms": 2, "tokens_in": 3, "tokens_out": 4}
    asked = Requested(
        request_id="id",
        project=data.draw(NAMES) or "",
        intent=intent,
        provider=provider,
        model=model,
        success=False,
        error_code=code,
        cost_cents=5.0,
        cost_source="computed",
        created_at=1_795_000_000,
        prompt=data.draw(NAMES) or "",
        **facts,
    )
    rows = [asked]
    check(requests.page(rows, View(None), columns=columns, now=NOW, limit=200), columns)
    turns = [Found("id", data.draw(NAMES) or "", "tests", data.draw(NAMES) or "", data.draw(NAMES), 1_795_000_000,
                   data.draw(NAMES) or "")]  # fmt: skip
    made = history.page(turns, Search(), data.draw(NAMES) or "", columns=columns, now=NOW, limit=200, keeps_text=True)
    check(made, columns)


@given(st.text(), st.integers(1, 40))
def test_a_cell_has_its_width(text: str, columns: int) -> None:
    assert width(fit(text, columns)) == columns


def test_rows_are_in_order_and_those_that_do_not_know_come_last() -> None:
    parts = [
        Slice(("slow",), TODAY, Sums(1, 1, 1), [900]),
        Slice(("failed",), TODAY, Sums(1, 1, 0)),
        Slice(("fast",), TODAY, Sums(1, 1, 1), [100]),
    ]
    found = tally.usage(parts, {}, by="intent")

    def names(sort: str, *, descending: bool) -> list[str]:
        return [key[0] for key, _ in tally.ordered(found.groups, sort, descending=descending)]

    assert names("p95", descending=True) == ["slow", "fast", "failed"]
    assert names("p95", descending=False) == ["fast", "slow", "failed"]
    assert names("name", descending=True) == ["failed", "fast", "slow"]


def test_figures_are_not_rounded_into_a_lie() -> None:
    assert [share(part) for part in (None, 0, 0.001, 0.5, 0.999, 1)] == ["–", "0 %", "1 %", "50 %", "99 %", "100 %"]
    assert [count(number) for number in (None, 999, 1200, 3_400_000)] == ["?", "999", "1.2k", "3.4M"]
    computed = tally.Tally(successes=2, reported=1.0, computed=0.5, unknown_costs=1)
    assert statistics.spent(computed) == "~¢1.50+"
    assert statistics.spent(tally.Tally(successes=2, unknown_costs=2)) == "¢?"
    assert statistics.spent(tally.Tally(attempts=2)) == "–"


def test_bars_show_what_is_there() -> None:
    assert bar(0, 10, 8) == ""
    assert bar(1, 1000, 8) == "▏"
    assert bar(10, 10, 4) == "████"
    assert column(5, 10, 2) == [" ", "█"]
    assert column(1, 1000, 2) == [" ", "▁"]
    assert wrapped(["aa", "bb", "cc"], 7) == ["aa · bb", "cc"]


def test_a_figure_leads_to_what_it_counts() -> None:
    parts = [Slice(("tests", "p", "m"), TODAY, Sums(3, 3, 2, reported=1.0), [450, 500])]
    page = statistics.page(tally.usage(parts, {}), View("grim"), columns=100, now=NOW)
    row = next(number for number, line in enumerate(page.lines) if "p/m" in line)
    opened = [target[3] for target in page.targets if target[0] == row]
    assert opened[0] == {"intent": "tests", "provider": "p", "model": "m"}
    assert {only.get("outcome") for only in opened} >= {"failed", "ok", "judged"}
    bars = [target[3] for target in page.targets if "day" in target[3]]
    assert bars[-1] == {"day": TODAY, "days": 1}


@pytest.mark.parametrize("word", ["wek", "by=colour", "export="])
def test_a_wrong_word_is_named_with_what_is_accepted(word: str) -> None:
    with pytest.raises(ArgumentError, match="accepted are"):
        from_words(word, "grim", everywhere=False)


def test_words_make_a_view_and_its_state_brings_it_back() -> None:
    view, path = from_words("week by=model export=a b.csv", "grim", everywhere=False)
    assert (view.project, view.period, view.by, path) == ("grim", "week", "model", "a b.csv")
    assert from_state(view.state()) == view
    assert from_words("", "grim", everywhere=True)[0].project is None
    with pytest.raises(ArgumentError):
        from_state({**view.state(), "sort": "beauty"})
