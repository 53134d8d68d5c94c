"""The report as one HTML page that needs nothing else: plotly's charts with plotly itself inside.

Imports plotly when it is called, on the reader's thread.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from zeke.report.export import GENERATOR
from zeke.report.figures import cents, count, seconds, share
from zeke.report.statistics import who
from zeke.report.view import GROUPINGS, PERIODS


class ChartsUnavailable(Exception):
    """The plotting library is not there. The text is one sentence with the next step."""


_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .25rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr { border-bottom: 1px solid #8884; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; } .figures div { min-width: 8rem; }
.figures b { display: block; font-size: 1.5rem; } .plotly-graph-div { background: #fff; }
"""


def _label(row: Mapping[str, Any], by: str) -> str:
    if by == "day":
        return str(row["day"])
    names = GROUPINGS[by]
    parts = [str(row[name] or "none") for name in names if name not in ("provider", "model")]
    if "model" in names:
        parts.append(who(row["provider"], row["model"]))
    elif "provider" in names:
        parts.append(str(row["provider"] or "none"))
    return " · ".join(parts)


def _cost(row: Mapping[str, Any]) -> str:
    text = cents(row["cost_cents"], "computed" if row["computed_cents"] else None)
    return f"{text}+" if row["unknown_costs"] and row["cost_cents"] is not None else text


def _speed(row: Mapping[str, Any]) -> str:
    return "?" if row["tokens_per_second"] is None else f"{row['tokens_per_second']:.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return f"<table>{line(heads, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _groups(report: Mapping[str, Any]) -> str:
    rows = [
        (
            _label(row, report["by"]),
            str(row["attempts"]),
            share(row["success"]),
            seconds(row["p50_ms"]),
            seconds(row["p95_ms"]),
            _speed(row),
            _cost(row),
            f"{share(row['accepted'])} of {row['verdicts']}" if row["verdicts"] else "–",
        )
        for row in report["groups"]
    ]
    return _table(("", "count", "complete", "p50", "p95", "tokens/s", "cost", "accepted"), rows)


def _figures(report: Mapping[str, Any]) -> str:
    whole = report["whole"]
    said = {
        "requests": str(whole["requests"]),
        "complete": share(whole["success"]),
        "first token, p50": seconds(whole["p50_ms"]),
        "first token, p95": seconds(whole["p95_ms"]),
        "tokens in→out": f"{count(whole['tokens_in'])}→{count(whole['tokens_out'])}",
        "cost": _cost(whole),
        "accepted": share(whole["accepted"]),
    }
    return "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for name, value in said.items())


def page(report: Mapping[str, Any]) -> str:
    """The page of what `export.report` made.

    Raises:
        ChartsUnavailable: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
        import plotly.io as pio
    except ImportError:
        raise ChartsUnavailable(
            "an HTML page needs plotly: run :ZekeInstall charts, or export to .json or .csv"
        ) from None

    days = report["days"]
    dates = [row["day"] for row in days]
    requests = go.Figure(
        [
            go.Bar(name="complete", x=dates, y=[row["successes"] for row in days]),
            go.Bar(
                name="failed",
                x=dates,
                y=[
                    row["attempts"] - row["successes"] - row["cancelled"] - row["unfinished"] - row["refused"]
                    for row in days
                ],
            ),
            go.Bar(name="cancelled", x=dates, y=[row["cancelled"] for row in days]),
        ]
    )
    requests.update_layout(barmode="stack", title="attempts a day")
    spent = go.Figure(go.Bar(x=dates, y=[row["cost_cents"] for row in days]))
    spent.update_layout(title="known cost a day, cents")
    groups = [row for row in report["groups"] if row["p50_ms"] is not None][:20]
    names = [html.escape(_label(row, report["by"])) for row in groups]
    latency = go.Figure(
        [
            go.Bar(name="p50", x=names, y=[row["p50_ms"] / 1000 for row in groups]),
            go.Bar(name="p95", x=names, y=[row["p95_ms"] / 1000 for row in groups]),
        ]
    )
    latency.update_layout(barmode="group", title="first token, seconds")
    bounds = report["first_token"]["upto_ms"]
    lower = [0, *bounds[:-1]]
    classes = [
        f"{a / 1000:g}–{b / 1000:g} s" if b else f"over {a / 1000:g} s" for a, b in zip(lower, bounds, strict=True)
    ]
    histogram = go.Figure(go.Bar(x=classes, y=report["first_token"]["answers"]))
    histogram.update_layout(title="answers by the time to their first token")
    charts = []
    for number, figure in enumerate((requests, spent, latency, histogram)):
        figure.update_layout(template="plotly_white", margin={"l": 50, "r": 20, "t": 50, "b": 50})
        charts.append(
            pio.to_html(
                figure,
                full_html=False,
                include_plotlyjs=number == 0,
                config={"displayModeBar": False},
                default_height="360px",
            )
        )
    failures = [
        (
            f"{row['error_code']} · {who(row['provider'], row['model'])}",
            str(row["count"]),
            str(row["said"] or ""),
        )
        for row in report["failures"]
    ]
    title = f"{report['project'] or 'all projects'} · {PERIODS[report['period']][0]}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="generator" content="{GENERATOR}">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>"
        f'<div class="figures">{_figures(report)}</div>{"".join(charts)}'
        f"<h2>by {html.escape(report['by'].replace('_', ' × '))}</h2>{_groups(report)}"
        f"<p>~ computed from prices, + at least, because some costs are unknown.</p>"
        f"<h2>what is failing</h2>{_table(('', 'count', 'last words'), failures)}</body></html>\n"
    )
