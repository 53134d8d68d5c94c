from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.unit.logged import opened, row
from zeke.cache import notices as stored
from zeke.housekeeping import _elapsed
from zeke.report.notices import ENOUGH, Observed, moved, pace, sentence, slower

DAY = 86400
NOW = 1_795_000_000


def test_a_model_whose_p95_doubled_is_told_with_both_figures() -> None:
    fast, slow = [400] * ENOUGH, [1000] * ENOUGH
    assert slower(Observed({"m": slow}), Observed({"m": fast})) == (
        "m takes 1.0 s to its first token (p95), 0.4 s in the weeks before"
    )
    assert slower(Observed({"m": [700] * ENOUGH}), Observed({"m": fast})) is None
    assert slower(Observed({"m": slow[1:]}), Observed({"m": fast})) is None
    assert slower(Observed({"m": slow}), Observed()) is None


def test_an_intent_that_moved_is_told_once_it_is_clear() -> None:
    before = Observed(providers={"code": {"ollama": 30}})
    assert moved(Observed(providers={"code": {"anthropic": 25, "ollama": 5}}), before) == (
        "code moved from ollama to anthropic: 25 answers in 7 days"
    )
    assert moved(Observed(providers={"code": {"anthropic": 10, "ollama": 10}}), before) is None
    assert moved(Observed(providers={"code": {"anthropic": 5}}), before) is None


def test_a_month_that_gets_dear_is_told_before_it_is() -> None:
    assert pace(100, 200, 0.25) == "¢100 are spent, at this pace the month costs ¢400 of ¢200"
    assert pace(100, 200, 0.6) is None
    assert pace(100, None, 0.25) is None
    assert pace(10, 200, 0.01) is None
    assert pace(250, 200, 0.5) is None
    assert _elapsed(datetime(2026, 11, 16)) == 0.5


def test_the_log_is_looked_at_in_two_stretches(tmp_path: Path) -> None:
    with opened(tmp_path / "db.sqlite3") as connection:
        for number in range(ENOUGH):
            row(connection, created_at=NOW - DAY - number, latency_ms=3000, provider="anthropic")
            row(connection, created_at=NOW - 20 * DAY - number, latency_ms=300, provider="ollama")
            row(connection, created_at=NOW - 60 * DAY, latency_ms=9)
            row(connection, created_at=NOW - DAY, project="other", latency_ms=9)
            row(connection, created_at=NOW - DAY, success=0, error_code="cancelled", latency_ms=9)
        recent, before = stored.observed(connection, "grim", NOW)
    assert (set(recent.latencies["m"]), set(before.latencies["m"])) == ({3000}, {300})
    said = sentence("grim", recent, before, None)
    assert said is not None
    assert said.startswith("grim: m takes 3.0 s")
    assert "tests moved from ollama to anthropic" in said
    assert "\n" not in said
    assert sentence("grim", before, before, None) is None
