"""What is worth a line without being asked: a model that got slow, an intent that moved, a month that gets dear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zeke.report.figures import percentile, seconds

RECENT_DAYS, BEFORE_DAYS = 7, 28
"""The last days are held against those before them."""
ENOUGH = 20
"""Answers on either side below which nothing is said."""
DOUBLED = 2.0
MOSTLY = 0.6
"""Part of an intent's answers that one provider gives, to be called its provider."""
EARLIEST_SHARE = 0.1
"""Part of a month that has to be over before its pace is told."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A project's complete answers of one stretch of days."""

    latencies: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Milliseconds to the first token, by model."""
    providers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Answers by provider, by intent."""


def slower(recent: Observed, before: Observed) -> str | None:
    """The model whose p95 grew most, if any doubled."""
    worst: tuple[float, str] | None = None
    for model, values in recent.latencies.items():
        earlier = before.latencies.get(model, ())
        now, then = percentile(values, 95), percentile(earlier, 95)
        if len(values) < ENOUGH or len(earlier) < ENOUGH or not now or not then or now < DOUBLED * then:
            continue
        sentence = f"{model} takes {seconds(now)} to its first token (p95), {seconds(then)} in the weeks before"
        worst = max(worst or (0.0, ""), (now / then, sentence))
    return worst[1] if worst else None


def _main(providers: Mapping[str, int]) -> str | None:
    total = sum(providers.values())
    if total < ENOUGH:
        return None
    name = max(providers, key=lambda each: providers[each])
    return name if providers[name] >= MOSTLY * total else None


def moved(recent: Observed, before: Observed) -> str | None:
    """The intent that another provider answers than before."""
    for intent, providers in sorted(recent.providers.items()):
        now, then = _main(providers), _main(before.providers.get(intent, {}))
        if now and then and now != then:
            return f"{intent} moved from {then} to {now}: {providers[now]} answers in {RECENT_DAYS} days"
    return None


def pace(spent: float, limit: int | None, elapsed: float) -> str | None:
    """The month's cost at this pace; `elapsed` is the part of the month that is over, 0 to 1."""
    if not limit or elapsed < EARLIEST_SHARE or spent >= limit or spent / elapsed <= limit:
        return None
    return f"¢{spent:.0f} are spent, at this pace the month costs ¢{spent / elapsed:.0f} of ¢{limit}"


def sentence(project: str, recent: Observed, before: Observed, month: str | None) -> str | None:
    """One line for all that is to be said, None when nothing is; `month` is what `pace` said."""
    found = [said for said in (slower(recent, before), moved(recent, before), month) if said]
    return f"{project}: {'; '.join(found)} (:ZekeStats)" if found else None
