"""Finding conversations by their words, and forgetting them so that nothing is left."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.logged import opened
from zeke.cache import conversations, maintenance, preferences
from zeke.models import Ask, Source
from zeke.report.search import Search, parse
from zeke.routing.arguments import ArgumentError

NOW = datetime.now()


def ask(request_id: str, prompt: str, **source: str) -> Ask:
    return Ask(request_id, source.pop("intent", "tests"), prompt, source=Source(project=source.pop("project", "grim")))


def keep(connection: sqlite3.Connection, request_id: str, prompt: str, answer: str, at: int = 0, **more: str) -> None:
    conversations.save(
        connection, ask(request_id, prompt, **more), answer, "qwen2.5-coder:7b", None, at or int(time.time())
    )


def found(connection: sqlite3.Connection, text: str, project: str | None = "grim") -> list[str]:
    return [turn.request_id for turn in conversations.find(connection, parse(text, project, NOW), 50)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with opened(tmp_path / "db.sqlite3") as opening:
        yield opening


def test_words_are_found_by_their_beginning_in_prompt_and_answer(connection: sqlite3.Connection) -> None:
    keep(connection, "a", "why does json_parse leak", "Because of the Café.")
    keep(connection, "b", "sort a list", "Use parse order; it is stable.")
    assert found(connection, "leak") == ["a"]
    assert found(connection, "pars") == ["b", "a"]
    assert found(connection, "pars stab") == ["b"]
    assert found(connection, '"parse order"') == ["b"]
    assert found(connection, '"order parse"') == []
    assert found(connection, "json_parse") == ["a"]
    assert found(connection, "cafe") == ["a"]
    assert found(connection, "nothing") == []
    assert "\x02Café\x03" in conversations.find(connection, parse("café", "grim", NOW), 5)[0].excerpt


def test_scripts_without_spaces_and_signs_are_found_inside(connection: sqlite3.Connection) -> None:
    keep(connection, "a", "関数を説明してください", "a -> b, 100 % sure_")
    assert found(connection, "説明") == ["a"]
    assert found(connection, "->") == ["a"]
    assert found(connection, "%") == ["a"]
    assert found(connection, "説明 sure") == ["a"]
    assert found(connection, "無") == []


def test_filters_narrow_by_project_intent_model_and_time(connection: sqlite3.Connection) -> None:
    old = int((NOW - timedelta(days=40)).timestamp())
    keep(connection, "old", "alpha", "x", at=old)
    keep(connection, "new", "alpha", "x")
    keep(connection, "fix", "alpha", "x", intent="fix")
    keep(connection, "far", "alpha", "x", project="other")
    assert found(connection, "alpha") == ["fix", "new", "old"]
    assert found(connection, "alpha intent=fix") == ["fix"]
    assert found(connection, "since=7d") == ["fix", "new"]
    assert found(connection, "alpha until=7d") == ["old"]
    assert found(connection, f"since={NOW:%Y-%m-%d} alpha") == ["fix", "new"]
    assert found(connection, "model=QWEN alpha") == ["fix", "new", "old"]
    assert found(connection, "model=gpt") == []
    assert found(connection, "alpha", None) == ["far", "fix", "new", "old"]
    assert found(connection, "alpha project=other") == ["far"]
    for wrong in ("since=soon", "until=2026-13-01", "since=99999w", "intent="):
        with pytest.raises(ArgumentError, match=wrong.partition("=")[0]):
            parse(wrong, None, NOW)


@given(text=st.text(max_size=40))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_is_an_error(connection: sqlite3.Connection, text: str) -> None:
    try:
        search = parse(text, "grim", NOW)
    except ArgumentError:
        return
    conversations.find(connection, search, 5)


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_asked_is_found_by_each_of_its_words(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("DELETE FROM zeke_turns")
    keep(connection, "a", text, "")
    for word in text.split():
        if not parse(word, "grim", NOW).match and not parse(word, "grim", NOW).parts:
            continue
        if "=" in word or '"' in word:
            continue
        assert found(connection, word) == ["a"], word


def left(path: Path, secret: bytes) -> list[str]:
    """Files of the cache that hold these bytes, pages that nobody uses included."""
    return [file.name for file in path.parent.iterdir() if secret in file.read_bytes()]


def test_a_forgotten_turn_is_nowhere_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "db" / "routing.sqlite3"
    with opened(path) as connection:
        for number in range(50):
            keep(connection, f"r{number}", "ordinary prompt", f"ordinary answer {number} " * 200)
        keep(connection, "mine", "canaryprompt", "canaryanswer " * 500)
        assert left(path, b"canaryprompt")
        assert conversations.delete(connection, ["mine"]) == 1
        for step in maintenance.purge():
            while step(connection):
                pass
        assert left(path, b"canary") == []
        assert found(connection, "canaryprompt") == []
        assert len(found(connection, "ordinary")) == 50
        connection.execute("INSERT INTO zeke_search(zeke_search, rank) VALUES ('integrity-check', 1)")


def test_a_project_that_keeps_none_keeps_none(tmp_path: Path) -> None:
    path = tmp_path / "db" / "routing.sqlite3"
    with opened(path) as connection:
        preferences.save_log_text(connection, "grim", False)
        keep(connection, "a", "canaryprompt", "canaryanswer")
        assert preferences.load(connection, "grim").log_text is False
        assert left(path, b"canary") == []
        preferences.save_log_text(connection, "grim", True)
        keep(connection, "a", "canaryprompt", "canaryanswer")
        assert left(path, b"canary")


def run(connection: sqlite3.Connection, **options: int) -> int:
    steps = 0
    for step in maintenance.steps(now=int(time.time()), **{"retention_days": 0, "max_bytes": 0, **options}):
        steps += 1
        while step(connection):
            steps += 1
    return steps


def test_old_text_goes_in_batches_and_the_index_with_it(connection: sqlite3.Connection) -> None:
    old = int(time.time()) - 100 * 86400
    for number in range(maintenance.BATCH + 50):
        keep(connection, f"old{number}", "alpha", "x", at=old)
        connection.execute("INSERT INTO routing_trace(request_id, created_at) VALUES (?, ?)", (f"old{number}", old))
    keep(connection, "new", "alpha", "x")
    assert run(connection, retention_days=90) > 6
    assert found(connection, "alpha") == ["new"]
    assert connection.execute("SELECT COUNT(*) FROM routing_trace").fetchone() == (0,)
    connection.execute("INSERT INTO zeke_search(zeke_search, rank) VALUES ('integrity-check', 1)")


def test_the_oldest_text_goes_when_there_is_too_much(connection: sqlite3.Connection) -> None:
    for number in range(20):
        keep(connection, f"r{number:02}", "p", "x" * 1000, at=1000 + number)
    run(connection, max_bytes=10_000)
    left_over = connection.execute("SELECT MIN(request_id), SUM(bytes) FROM zeke_turns").fetchone()
    assert left_over[0] > "r00"
    assert 5_000 < left_over[1] <= 10_000
    assert connection.execute("SELECT MAX(request_id) FROM zeke_turns").fetchone() == ("r19",)


def test_what_is_due_is_done_by_one_editor(connection: sqlite3.Connection) -> None:
    claims = [maintenance.claim(connection, "maintenance", at, 100) for at in (1000, 1001, 1099, 1100, 1150)]
    assert claims == [True, False, False, True, False]


def test_the_index_survives_a_vacuum(connection: sqlite3.Connection) -> None:
    for number in range(10):
        keep(connection, f"r{number}", f"word{number}", "x")
    conversations.delete(connection, ["r0", "r3"])
    connection.execute("VACUUM")
    assert found(connection, "word7") == ["r7"]
    keep(connection, "again", "word7", "x")
    assert found(connection, "word7") == ["again", "r7"]


def test_a_turn_that_cannot_be_read_is_shown_as_far_as_it_can(connection: sqlite3.Connection) -> None:
    keep(connection, "a", "prompt", "answer")
    connection.execute("UPDATE zeke_turns SET turn = '{broken'")
    (turn,) = conversations.chain(connection, "a")
    assert (turn["prompt"], turn["text"], turn["scope"]["kind"]) == ("prompt", "answer", "none")


def test_a_search_without_words_matches_by_its_filters_alone() -> None:
    assert parse("", "grim", NOW) == Search(project="grim")
