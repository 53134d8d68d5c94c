"""A report as a table that other programs read: the JSON of `export=`, and what `require("zeke").stats` returns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zeke.report.statistics import day_of
from zeke.report.tally import BOUNDS_MS, Sums, Tally, Usage, ordered
from zeke.report.verdicts import Votes, weight
from zeke.report.view import GROUPINGS, View

GENERATOR = "zeke.nvim"
"""Stands in every exported file, and tells our own from others that must not be overwritten."""


def sums(tally: Sums) -> dict[str, Any]:
    """Every sum of a day or a row; unknown is None. Costs in cents, shares from 0 to 1."""
    return {
        "requests": tally.requests,
        "attempts": tally.attempts,
        "successes": tally.successes,
        "cancelled": tally.cancelled,
        "unfinished": tally.unfinished,
        "refused": tally.refused,
        "success": tally.success,
        "tokens_per_second": tally.speed,
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "untold": tally.untold,
        "cost_cents": tally.cents,
        "computed_cents": tally.computed,
        "unknown_costs": tally.unknown_costs,
    }


def figures(tally: Tally) -> dict[str, Any]:
    """Every figure of a row; times in milliseconds."""
    return {
        **sums(tally),
        "p50_ms": tally.p50,
        "p95_ms": tally.p95,
        "accepted": tally.votes.share,
        "verdicts": tally.votes.count,
    }


def report(usage: Usage, view: View, providers: Mapping[str, Votes], now: datetime) -> dict[str, Any]:
    """The whole report. `providers` are the verdicts by provider, from which OMEN's weights are made."""
    names = GROUPINGS[view.by]
    return {
        "generator": GENERATOR,
        "made_at": int(now.timestamp()),
        "project": view.project,
        "period": view.period,
        "by": view.by,
        "whole": figures(usage.whole),
        "groups": [
            {**dict(zip(names, key, strict=True)), **figures(tally)}
            for key, tally in ordered(usage.groups, view.sort, descending=view.descending)
        ],
        "days": [{"day": day_of(day).isoformat(), **sums(tally)} for day, tally in usage.days.items()],
        "first_token": {"upto_ms": [*BOUNDS_MS, None], "answers": list(usage.whole.histogram)},
        "failures": [
            {
                "error_code": failure.error_code,
                "provider": failure.provider,
                "model": failure.model,
                "count": failure.count,
                "last_at": failure.last_at,
                "said": failure.said,
            }
            for failure in usage.failures
        ],
        "omen": {"priority_weights": {name: weight(votes) for name, votes in sorted(providers.items())}},
    }
