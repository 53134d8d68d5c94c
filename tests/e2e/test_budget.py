"""The month's budget: figures, questions, policies, and where a cost comes from."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Session, Start
from tests.e2e.test_routing import NO_LOCAL, asked, in_project, report
from tests.support.gateway import HEAD, Reply, event


def spend(session: Session, cents: float, project: str = "grim") -> None:
    """Rows as an earlier request of this month left them; the cache is there already."""
    path = session.home / "data" / "zeke" / "routing.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        connection.execute(
            "INSERT INTO routing_stats(project, model, success, cost_cents, cost_source, created_at)"
            " VALUES (?, 'm', 1, ?, 'reported', ?)",
            (project, cents, int(time.time())),
        )


def exceeded(start: Start, project: Path, **options: Any) -> Session:
    """A session whose project spent more than its limit of ¢200."""
    session = start(**options)
    in_project(session, project)
    report(session, "ZekePrefs")
    spend(session, 250.0)
    return session


@pytest.mark.parametrize(
    ("choice", "sent", "code"),
    [
        ("send this once", 1, None),
        ("cancel", 0, "cancelled"),
        (None, 0, "cancelled"),
        ("ask a local model", 0, "budget_exceeded"),
    ],
)
def test_a_used_up_budget_asks_with_the_figures(
    start: Start, project: Path, choice: str | None, sent: int, code: str | None
) -> None:
    session = exceeded(start, project)
    session.editor.lua(NO_LOCAL)
    session.editor.lua(
        "local choice = ...; vim.ui.select = function(items, opts, on) _G.prompt = opts.prompt; on(choice) end", choice
    )
    answer = asked(session)
    assert "¢250.00 of ¢200 spent this month" in session.editor.lua("return _G.prompt")
    assert len(session.gateway.seen) == sent
    assert answer.get("error_code") == code
    assert "ZekeBudgetExceeded" in [name for name, _ in session.events()]
    if choice == "send this once":
        assert "The budget was overridden" in report(session, "ZekeWhy")


def test_a_bang_answers_in_advance_and_is_logged(start: Start, project: Path) -> None:
    session = exceeded(start, project)
    session.editor.lua("vim.ui.select = function() error('asked') end")
    assert asked(session, "Zeke! hi")["success"] is True
    assert '"override": "budget"' in session.traces()[-1]["trace"]


@pytest.mark.parametrize(("policy", "sent"), [("refuse", 0), ("warn", 1), ("local", 0)])
def test_a_policy_answers_in_advance(start: Start, project: Path, policy: str, sent: int) -> None:
    session = exceeded(start, project)
    session.editor.lua("require('zeke').setup({ fallback = false, budget = { on_exceeded = ... } })", policy)
    answer = asked(session)
    assert len(session.gateway.seen) == sent
    assert answer.get("error_code") == (None if sent else "budget_exceeded")
    if not sent:
        assert ":ZekeBudget" in answer["message"]
        assert session.wait_rows([None, "budget_exceeded"])[1]["success"] == 0


def test_without_a_screen_it_refuses(start: Start, project: Path) -> None:
    session = start(ui=None)
    in_project(session, project)
    asked(session)
    spend(session, 250.0)
    answer = asked(session, answers=2)
    assert answer["error_code"] == "budget_exceeded"
    assert len(session.gateway.seen) == 1


def test_a_warning_at_80_percent_once(start: Start, project: Path) -> None:
    session = start()
    in_project(session, project)
    report(session, "ZekePrefs")
    spend(session, 170.0)
    asked(session)
    asked(session, answers=2)
    session.wait_message("grim: ¢170.00 of ¢200 spent this month")
    assert session.editor.messages().count("¢170.00 of ¢200") == 1
    assert [name for name, _ in session.events()].count("ZekeBudgetWarning") == 2


def test_costs_are_computed_from_the_gateways_own_prices(start: Start) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500}}\n\n'
    reply = Reply([HEAD, event("a"), event(finish="stop"), usage, b"data: [DONE]\n\n"])
    session = start(reply, ui=(160, 40))
    session.gateway.models = {"data": [{"id": "m-1", "pricing": {"input_per_1k": 0.01, "output_per_1k": 0.02}}]}
    asked(session)
    session.editor.wait("true")
    for _ in range(200):
        (row,) = session.wait_rows([None])
        if row["cost_source"]:
            break
        session.editor.lua("vim.wait(20)")
    assert (row["cost_cents"], row["cost_source"]) == (2.0, "computed")
    answer = asked(session, answers=2)
    assert (answer["cost_cents"], answer["estimated"]) == (2.0, True)
    assert "~¢2.00" in session.editor.screen()[0]
    assert session.gateway.listed == 1
