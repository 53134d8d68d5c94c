"""Whatever stands in a command line, a project's file or a database: a value, or one sentence."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zeke.cache import database, migrations, preferences
from zeke.routing import arguments, project
from zeke.routing.arguments import ArgumentError
from zeke.settings import SettingsError, load, with_project

words = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["alias=", "model=", "latency=low", "latency=", "tag.", "tag.x=1", "--", "log=0", "out=diff", "=", "a=b"]
        ),
        st.builds("{}={}".format, st.text(max_size=6), st.text(max_size=6)),
    ),
    max_size=6,
).map(" ".join)


@given(words)
def test_a_command_line_is_options_and_text_or_one_sentence(line: str) -> None:
    try:
        parsed = arguments.parse(line)
    except ArgumentError as error:
        assert str(error)
        return
    assert parsed.text in line
    for key, value in parsed.options.items():
        assert f"{key}={value}" in line


@given(words)
@example(line="¹")
def test_preferences_are_changes_or_one_sentence(line: str) -> None:
    with contextlib.suppress(ArgumentError):
        changes = project.parse(line)
        assert changes.cents is None or 0 <= changes.cents <= 10**9
    with contextlib.suppress(ArgumentError):
        project.parse_cents(line)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.integers(10**30, 10**31)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["enabled", "host", "model", "base", "key", "timeouts", "idle", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
GROUPS = ("gateway", "fallback", "aliases", "budget", "log")
FIELDS = (
    "base",
    "key",
    "key_cmd",
    "headers",
    "hints",
    "timeouts",
    "ollama",
    "embedded",
    "month_cents",
    "warn_at",
    "on_exceeded",
    "text",
    "retention_days",
    "mine",
)
groups = st.one_of(values, st.dictionaries(st.sampled_from(FIELDS), values, max_size=3))
options = st.dictionaries(st.sampled_from(GROUPS), groups, max_size=4)


def loaded(given_options: dict[str, Any]) -> None:
    try:
        found = load(given_options, {})
    except SettingsError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    assert found.budget.month_cents < 2**63
    assert found.log.retention_days * 86400 < 2**63


@given(options)
@settings(max_examples=300)
def test_options_are_settings_or_one_sentence(given_options: dict[str, Any]) -> None:
    loaded(given_options)


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else "nan"
    return "''" if value is None else json.dumps(value)


@given(options, st.text(max_size=10))
def test_a_projects_file_is_options_or_one_sentence(given_options: dict[str, Any], noise: str) -> None:
    text = "\n".join(f"{key} = {as_toml(value)}" for key, value in given_options.items())
    for written in (text, text + noise, noise + text):
        try:
            merged = with_project({}, written)
        except SettingsError as error:
            assert ".zeke.toml" in str(error)
            continue
        loaded(merged)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "gateway = 5",
        "fallback = 5",
        "[fallback]\nollama = 5",
        "aliases = 'x'",
        "[aliases]\nmine = 5",
        "gateway = []",
        "[gateway]\nheaders = 5",
        "[budget]\nmonth_cents = 99999999999999999999999",
    ],
)
def test_a_projects_file_that_was_once_too_much(text: str) -> None:
    with contextlib.suppress(SettingsError):
        loaded(with_project({}, text))


TABLES = ("routing_stats", "routing_prefs", "routing_trace", "zeke_projects", "zeke_turns")
COLUMNS = (
    "id",
    "project",
    "request_id",
    "error_code",
    "success",
    "created_at",
    "cost_cents",
    "private",
    "trace",
    "turn",
)
schemas = st.dictionaries(
    st.sampled_from(TABLES), st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5, unique=True)
)


@given(schemas, st.integers(-(2**31), 2**31 - 1) | st.integers(0, 6), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_of_any_schema_is_taken_over_or_moved_aside(
    schema: dict[str, list[str]], version: int, is_cut: bool, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routing.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for table, columns in schema.items():
                connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.commit()
        if is_cut and path.stat().st_size:
            content = bytearray(path.read_bytes())
            for _ in range(3):
                content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
            path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        found, _ = database.open_connection(path, owned=True)
        with contextlib.closing(found) as connection:
            newest = migrations.known()[-1][0]
            assert connection.execute("PRAGMA user_version").fetchone()[0] >= newest
            connection.execute("SELECT request_id, error_code FROM routing_stats").fetchall()


def test_a_preference_that_no_column_holds_is_refused() -> None:
    with pytest.raises(SettingsError):
        load({"budget": {"month_cents": 10**30}}, {})
    assert load({}, {}).budget.month_cents == preferences.DEFAULT_CENTS
