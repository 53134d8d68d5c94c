"""Files of `:ZekeStats export=`: attempts as CSV, the report as JSON, or as an HTML page with charts."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeke.cache import usage
from zeke.report import charts, export
from zeke.report.charts import ChartsUnavailable

if TYPE_CHECKING:
    import sqlite3

KINDS = (".csv", ".json", ".html")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
BATCH = 2000
"""Rows read and written at once."""
COLUMNS = (
    "request_id",
    "attempt",
    "created_at",
    "project",
    "intent",
    "alias",
    "provider",
    "model",
    "size_hint",
    "success",
    "error_code",
    "latency_ms",
    "total_duration_ms",
    "tokens_in",
    "tokens_out",
    "cost_cents",
    "cost_source",
    "escalated",
)
"""Of a CSV file, one line an attempt. No text of a request is among them."""


class ExportError(ValueError):
    """A file cannot be written. The text is one sentence with the next step."""


def kind_of(path: str) -> str:
    """The ending of a file's name, which says what is written.

    Raises:
        ExportError: it is none of those accepted.
    """
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise ExportError(f"export={path}: accepted are files that end in {', '.join(KINDS)}")
    return kind


def write(
    connection: sqlite3.Connection,
    path: str,
    cwd: str,
    project: str | None,
    since: int,
    table: Mapping[str, Any] | None,
) -> tuple[str, int]:
    """Write a file whole or not at all; returns its absolute path and how many attempts are in it.

    A relative `path` is one of the folder `cwd`. `table` is the report of `report.export`, None for a CSV file.

    Raises:
        ExportError: the file cannot be written, or one that is not an export is in its place.
    """
    target = Path(cwd) / Path(path).expanduser()
    if not _is_ours(target):
        raise ExportError(f"export={target}: there is another file of that name, and it is left alone: name a new one")
    beside = target.with_name(f".{target.name}.part")
    try:
        beside.touch(mode=0o600)
        if table is None:
            attempts = _csv(connection, beside, project, since)
        else:
            attempts = int(table["whole"]["attempts"])
            beside.write_text(_text(table, kind_of(path)), encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        raise ExportError(f"export={target}: {error.strerror}: name a file that can be written") from None
    except ChartsUnavailable as error:
        raise ExportError(str(error)) from None
    finally:
        beside.unlink(missing_ok=True)
    return str(target), attempts


def _text(table: Mapping[str, Any], kind: str) -> str:
    return charts.page(table) if kind == ".html" else json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _csv(connection: sqlite3.Connection, path: Path, project: str | None, since: int) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for rows in usage.rows(connection, project, since, COLUMNS, BATCH):
            lines.writerows([[_cell(value) for value in row] for row in rows])
            count += len(rows)
    return count


def _cell(value: object) -> object:
    """A value as a spreadsheet may read it: text that begins like a formula, say a model's name, is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value


def _is_ours(path: Path) -> bool:
    """Whether a file may be replaced: it is not there, or an earlier export."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            begin = file.read(400)
    except OSError:
        # It is not there, or what is wrong with it is said when it is written.
        return True
    return not begin or export.GENERATOR in begin or begin.startswith(",".join(COLUMNS))
