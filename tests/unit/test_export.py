"""Files of `export=`: whole, our own, and harmless whatever stands in the log."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.logged import opened, row
from zeke import exporting
from zeke.cache import usage
from zeke.report import export, tally
from zeke.report.verdicts import Votes
from zeke.report.view import View

NOW = int(time.time())
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with opened(tmp_path / "db.sqlite3") as opening:
        for number in range(exporting.BATCH + 3):
            row(opening, request_id=f"r{number}", created_at=NOW - number % 1000)
        row(opening, model=HOSTILE, provider=None, created_at=NOW, success=0, error_code="http_500", request_id="h")
        row(opening, model=HOSTILE, provider=None, created_at=NOW, request_id="i")
        row(opening, project="other", created_at=NOW)
        yield opening


def table(connection: sqlite3.Connection) -> dict[str, Any]:
    found = tally.usage(
        usage.slices(connection, "grim", 0, NOW), {}, usage.failures(connection, "grim", 0), by="intent_model"
    )
    return export.report(found, View("grim"), {"ollama": Votes(3, 1)}, datetime.now())


def test_csv_has_every_attempt_and_no_other(connection: sqlite3.Connection, tmp_path: Path) -> None:
    where, attempts = exporting.write(connection, "out.csv", str(tmp_path), "grim", 0, None)
    assert where == str(tmp_path / "out.csv")
    with Path(where).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == attempts == exporting.BATCH + 5
    assert tuple(lines[0]) == exporting.COLUMNS
    assert [line["request_id"] for line in lines[:3]] == ["r0", "r1", "r2"]
    assert {line["project"] for line in lines} == {"grim"}


def test_json_has_the_report_and_omens_weights(connection: sqlite3.Connection, tmp_path: Path) -> None:
    where, attempts = exporting.write(connection, "out.json", str(tmp_path), "grim", 0, table(connection))
    read = json.loads(Path(where).read_text("utf-8"))
    assert read["whole"]["attempts"] == attempts == exporting.BATCH + 5
    assert read["omen"] == {"priority_weights": {"ollama": 0.667}}
    assert read["groups"][0]["model"] == "m"
    assert sum(read["first_token"]["answers"]) == read["whole"]["successes"]


def test_html_needs_nothing_else_and_runs_nothing_of_the_log(connection: sqlite3.Connection, tmp_path: Path) -> None:
    where, _ = exporting.write(connection, "out.html", str(tmp_path), "grim", 0, table(connection))
    page = Path(where).read_text("utf-8")
    assert "Plotly.newPlot" in page
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "<script src=" not in page
    assert "&lt;/script&gt;" in page


def test_an_earlier_export_is_replaced_and_another_file_is_not(connection: sqlite3.Connection, tmp_path: Path) -> None:
    for name in ("a.csv", "a.json", "a.html"):
        for _ in range(2):
            exporting.write(
                connection, name, str(tmp_path), "grim", 0, None if name.endswith("csv") else table(connection)
            )
        (tmp_path / name).write_text("my own notes")
        with pytest.raises(exporting.ExportError, match="left alone"):
            exporting.write(connection, name, str(tmp_path), "grim", 0, None)
        assert (tmp_path / name).read_text() == "my own notes"
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


def test_what_cannot_be_written_is_one_sentence(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(exporting.ExportError, match=r"accepted are files that end in \.csv, \.json, \.html"):
        exporting.kind_of("report.xlsx")
    with pytest.raises(exporting.ExportError, match="No such file or directory: name a file"):
        exporting.write(connection, "missing/out.csv", str(tmp_path), None, 0, None)
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(exporting.ExportError, match=":ZekeInstall charts"):
        exporting.write(connection, "out.html", str(tmp_path), "grim", 0, table(connection))
    assert not (tmp_path / "out.html").exists()


def test_a_name_that_is_a_formula_is_text_and_the_file_is_its_users_alone(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    row(connection, model="=HYPERLINK(1)", provider="@SUM(1)", created_at=NOW, request_id="formula")
    for name in ("out.csv", "out.json"):
        where, _ = exporting.write(
            connection, name, str(tmp_path), "grim", 0, None if name.endswith("csv") else table(connection)
        )
        assert Path(where).stat().st_mode & 0o077 == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        (line,) = [line for line in csv.DictReader(file) if line["request_id"] == "formula"]
    assert (line["model"], line["provider"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
