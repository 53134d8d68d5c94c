"""The table: medians, their ratios to the floor, and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.measured import Measured, median, percentile
from bench.scenarios import FLOOR, SCENARIOS, TARGETS, ZEKE, Sides

COLUMNS: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("wire", lambda m: median(m.wire)),
    ("first", lambda m: median(m.first)),
    ("screen", lambda m: median(m.screen)),
    ("lag50", lambda m: percentile(m.lag, 50)),
    ("lag95", lambda m: percentile(m.lag, 95)),
    ("end", lambda m: median(m.end)),
    ("whole", lambda m: median(m.whole)),
    ("gapmax", lambda m: max(m.gap, default=float("nan"))),
    ("cpu s", lambda m: median(m.cpu)),
    ("nvim s", lambda m: median(m.cpu_editor)),
    ("MB", lambda m: median(m.memory)),
    ("key99", lambda m: percentile(m.keys, 99)),
    ("callmax", lambda m: max(m.calls, default=float("nan"))),
)


def _cell(value: float) -> str:
    if value != value:
        return f"{'-':>9}"
    digits = 3 if value < 1 else 2 if value < 100 else 0
    return f"{value:9.{digits}f}"


def table(results: Mapping[str, Mapping[str, Measured]]) -> Iterator[str]:
    """One row per scenario and side, and Zeke's ratios to the floor. Milliseconds unless said."""
    yield f"{'medians, ms':12}" + "".join(f"{name:>9}" for name, _ in COLUMNS)
    for scenario, sides in results.items():
        yield f"{scenario}: {SCENARIOS[scenario].what}"
        rows = {side: [figure(measured) for _, figure in COLUMNS] for side, measured in sides.items()}
        for side, values in rows.items():
            yield f"  {side:10}" + "".join(_cell(value) for value in values)
        pairs = zip(rows[ZEKE], rows[FLOOR], strict=True)
        yield "  ratio     " + "".join(_cell(zeke / floor if floor > 0 else float("nan")) for zeke, floor in pairs)


def verdicts(results: Mapping[str, Mapping[str, Measured]]) -> list[dict[str, Any]]:
    """Each target in each scenario that was run."""
    found = []
    for target in TARGETS:
        for scenario in target.scenarios:
            if scenario in results:
                sides = results[scenario]
                figure = target.figure(Sides(sides[ZEKE], sides[FLOOR], sides.get("idle", Measured())))
                found.append(verdict(target.what, scenario, figure, target.limit))
    return found


def verdict(what: str, scenario: str, figure: float, limit: float) -> dict[str, Any]:
    """Whether one figure is within its limit."""
    return {"target": what, "scenario": scenario, "figure": round(figure, 3), "limit": limit, "met": figure <= limit}


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """The targets as text."""
    for one in found:
        mark = "met   " if one["met"] else "MISSED"
        yield f"{mark} {one['scenario']:5} {one['target']:34} {one['figure']:9.2f}  (at most {one['limit']:g})"


def summary(results: Mapping[str, Mapping[str, Measured]]) -> dict[str, Any]:
    """Distributions for the JSON file: count, quantiles and extremes of every figure."""
    return {
        scenario: {
            side: {name: _distribution(values) for name, values in vars(measured).items() if values}
            for side, measured in sides.items()
        }
        for scenario, sides in results.items()
    }


def _distribution(values: list[float]) -> dict[str, float]:
    quantiles = {f"p{share}": round(percentile(values, share), 4) for share in (5, 25, 50, 75, 95, 99)}
    return {"count": len(values), "min": round(min(values), 4), **quantiles, "max": round(max(values), 4)}
