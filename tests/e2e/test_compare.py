"""The same prompt on several models, side by side, and what is made of the answers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Session, Start
from tests.e2e.editing import answering, opened
from tests.e2e.test_routing import asked
from tests.support.gateway import HEAD, Reply, event, stream

CODE = "```python\ndef add(a, b):\n    return b + a\n```\n"


def signals(session: Session, count: int) -> list[tuple[str, str]]:
    """Model and kind of each signal, once there are so many."""
    rows = session.rows_of("SELECT model, kind FROM zeke_signals ORDER BY id", count)
    return [(each["model"], each["kind"]) for each in rows]


def named(text: str, model: str) -> Reply:
    return Reply([HEAD, event(text, model=model), event(finish="stop", model=model), b"data: [DONE]\n\n"])


def test_models_answer_at_the_same_time_and_one_is_kept(start: Start, project: Path) -> None:
    gate = threading.Event()
    held = [Reply([HEAD, event("Same.\nMine.", model=name), event(finish="stop", model=name)], gate=gate, held=2)
            for name in ("a", "b")]  # fmt: skip
    session = start(named("First.", "m-1"), *held, ui=(140, 40))
    opened(session, project)
    asked(session, "4,6ZekeExplain in short")
    first = session.gateway.seen[-1].body
    session.type_command("ZekeCompare code-smart gpt-4o")
    # Both have said something while neither is done.
    session.editor.wait("require('zeke').pending() == 2 and #vim.api.nvim_tabpage_list_wins(0) == 2")
    session.editor.wait(
        "vim.iter(vim.api.nvim_tabpage_list_wins(0)):all(function(w) return vim.fn.getbufline("
        "vim.api.nvim_win_get_buf(w), 1, '$')[vim.fn.line('$', w)] == 'Mine.' end)"
    )
    gate.set()
    session.wait_done(3)
    bodies = [seen.body for seen in session.gateway.seen[1:]]
    assert sorted((body["model"], body["tags"]["latency"]) for body in bodies) == [("auto", "high"), ("gpt-4o", "low")]
    assert all(body["messages"] == first["messages"] for body in bodies)
    header = session.editor.screen()[1]
    assert "explain code-smart → " in header
    assert "explain gpt-4o → " in header
    assert header.count("in all") == 2
    session.editor.input("gD")
    assert session.editor.lua(
        "return vim.tbl_map(function(w) return vim.wo[w].diff end, vim.api.nvim_tabpage_list_wins(0))"
    ) == [True, True]
    session.editor.input("gD")
    assert not session.editor.lua("return vim.wo.diff")
    session.editor.input("gK")
    assert session.editor.lua("return #vim.api.nvim_tabpage_list_wins(0)") == 1
    kinds = signals(session, 2)
    assert sorted(kind for _, kind in kinds) == ["passed_over", "preferred"]
    assert len({model for model, _ in kinds}) == 2
    (rated,) = [data for name, data in session.events() if name == "ZekeRated"]
    assert rated["rating"] == "preferred"
    replays = session.rows_of("SELECT replay_of FROM zeke_turns ORDER BY seq", 3)
    assert [each["replay_of"] is None for each in replays] == [True, False, False]


def test_the_kept_answer_is_the_one_whose_change_is_offered(start: Start, project: Path) -> None:
    session = start(*[Reply(stream(CODE))] * 3)
    opened(session, project)
    session.editor.command("5")
    asked(session, "ZekeRefactor")
    before = source_lines(session)
    session.type_command("ZekeReject")
    session.type_command("ZekeCompare a b")
    session.wait_done(3)
    assert "proposed" not in "\n".join(session.scratch())
    session.editor.input("gK")
    session.editor.wait("table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false)):find('hunk') ~= nil")
    assert source_lines(session) == before
    session.editor.input("ga")
    assert "    return b + a" in source_lines(session)
    assert "ZekeApplied" in [name for name, _ in session.events()]


def source_lines(session: Session) -> list[str]:
    lines: list[str] = session.editor.lua(
        "for _, b in ipairs(vim.api.nvim_list_bufs()) do if vim.bo[b].filetype == 'python' then"
        " return vim.api.nvim_buf_get_lines(b, 0, -1, false) end end"
    )
    return lines


def test_a_comparison_needs_two_names_and_an_answer(start: Start) -> None:
    session = start()
    session.type_command("ZekeCompare a b")
    session.wait_message("there is nothing to compare: ask with :Zeke first")
    asked(session, "Zeke hi")
    session.type_command("ZekeCompare a")
    session.wait_message("ZekeCompare: name two or more models or aliases")
    session.type_command("ZekeReplay and more")
    session.wait_message("ZekeReplay: `and more`: accepted are options like model=, the prompt stays")


def test_a_replay_has_a_buffer_of_its_own(start: Start) -> None:
    session = start(*answering("One.", "Two."))
    asked(session, "Zeke latency=high first")
    first = session.answer()
    asked(session, "ZekeReplay model=other", answers=2)
    body = session.gateway.seen[-1].body
    assert (body["model"], body["tags"]["latency"], session.sent()) == ("other", "high", "first")
    assert session.answer()["bufnr"] != first["bufnr"]
    assert session.rows_of("SELECT replay_of FROM zeke_turns ORDER BY seq", 2)[1]["replay_of"] == first["id"]


def test_ratings_and_what_is_done_with_an_answer_are_kept(start: Start, project: Path) -> None:
    session = start(Reply(stream(CODE)), Reply(stream(CODE.replace("b + a", "sum((a, b))"))))
    opened(session, project)
    session.type_command("ZekeRate +")
    session.wait_message("there is no answer to rate: ask with :Zeke first")
    session.editor.command("5")
    asked(session, "ZekeRefactor")
    session.editor.input("<C-w>l")
    session.editor.input("gy")
    session.editor.input("gy")
    session.editor.input("-")
    session.wait_message("rated -")
    session.type_command("ZekeRate + after all")
    session.wait_message("rated +")
    session.type_command("ZekeRate maybe")
    session.wait_message("ZekeRate: `maybe`: accepted are + and -")
    session.editor.input("ga")
    asked(session, "ZekeRetry", answers=2)
    session.editor.input("gr")
    assert [kind for _, kind in signals(session, 6)] == ["yanked", "down", "up", "accepted", "retried", "rejected"]
    (noted,) = session.rows_of("SELECT note FROM zeke_signals WHERE note IS NOT NULL", 1)
    assert noted["note"] == "after all"
    rated: list[Any] = [data["rating"] for name, data in session.events() if name == "ZekeRated"]
    assert rated == ["-", "+"]
    session.type_command("ZekeWhy")
    session.editor.wait("vim.api.nvim_buf_get_name(0):find('why') ~= nil")
    assert "dismissed" in "\n".join(session.editor.lines())


def test_the_users_own_yank_in_an_answer_counts(start: Start) -> None:
    session = start(*answering("One line.\nTwo lines."))
    asked(session, "Zeke hi")
    session.editor.input("<C-w>lGyy")
    assert [kind for _, kind in signals(session, 1)] == ["yanked"]
