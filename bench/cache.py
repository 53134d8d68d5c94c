"""`python -m bench.cache [--rows N] [--turns N] [--file FILE]`: the log's pages on a year of heavy use.

Prints how long the queries take on the reader's thread as medians, against reading the same rows plainly (the floor),
how they are planned, and what an editor notices meanwhile; writes `bench/cache.json`.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.rows import PROJECTS, WORDS, fill
from tests.support.editor import REPOSITORY, Editor
from zeke.cache import conversations, maintenance, usage
from zeke.cache.database import open_connection
from zeke.cache.decisions import Attempt
from zeke.cache.reader import Reader
from zeke.cache.writer import Log
from zeke.report import tally, view
from zeke.report.search import parse

NOW = datetime.now()
EPOCH = int(NOW.timestamp())
FLOOR = (
    "SELECT intent, provider, model, created_at, attempt, escalated, success, error_code, tokens_in, tokens_out,"
    " latency_ms, total_duration_ms, cost_cents, cost_source FROM routing_stats WHERE created_at >= ?"
)
"""The columns that the report needs, of the same rows."""
SEARCHES = (
    "mutex offset",
    "needle9912",
    '"mutex offset"',
    "lock since=30d",
    "async intent=tests model=claude",
    "nothere",
)


def milliseconds(call: Callable[[], Any], rounds: int) -> list[float]:
    """How long some calls took, each."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return found


def told(name: str, times: Sequence[float], floor: float | None = None) -> dict[str, Any]:
    """Print a line, and the same as a table."""
    median, worst = statistics.median(times), max(times)
    ratio = f"{median / floor:6.2f} × the floor" if floor else ""
    print(f"{name:46} {median:9.1f} ms  worst {worst:9.1f} ms  {ratio}")
    return {"name": name, "median_ms": median, "worst_ms": worst, "times_ms": list(times)}


def report(project: str | None, period: str, by: str = "intent_model") -> Callable[[Any], tally.Usage]:
    """All queries of one page, and their sums."""
    since = view.since(period, NOW)

    def read(connection: Any) -> tally.Usage:
        return tally.usage(
            usage.slices(connection, project, since, EPOCH, by),
            usage.votes(connection, project, since, EPOCH, by),
            usage.failures(connection, project, since),
            by=by,
        )

    return read


def queries(path: Path, rounds: int) -> list[dict[str, Any]]:
    """Queries on the thread that runs them."""
    reader = Reader(path, owned=False)

    def timed(name: str, job: Callable[[Any], Any], floor: float | None = None) -> dict[str, Any]:
        return told(name, milliseconds(lambda: reader.call(job).result(), rounds), floor)

    since = view.since("month", NOW)
    plain = timed("floor: the rows of 30 days, read plainly", lambda c: c.execute(FLOOR, (since,)).fetchall())
    floor = plain["median_ms"]
    found = [
        plain,
        timed("report: 30 days, all projects", report(None, "month"), floor),
        timed("report: 30 days, all projects, by project", report(None, "month", "project"), floor),
        timed("report: 30 days, one project", report(PROJECTS[0], "month"), floor),
        timed("report: all time, one project", report(PROJECTS[0], "all"), floor),
        timed("projects", usage.projects),
        timed("a figure's requests", lambda c: usage.requests(c, None, since, EPOCH, {"outcome": "failed"}, 200)),
        timed("the slowest requests", lambda c: usage.requests(c, None, since, EPOCH, {"order": "slowest"}, 200)),
    ]
    for text in SEARCHES:
        search = parse(text, None, NOW)
        found.append(timed(f"history: {text}", functools.partial(conversations.find, search=search, limit=200)))
    began = time.perf_counter()
    reader.call(report(None, "all")).result()
    found.append(told("report: all time, all projects (once)", [(time.perf_counter() - began) * 1000]))
    reader.close()
    return found


def plans(path: Path) -> None:
    """How SQLite goes about the report of 30 days and a search."""
    connection, _ = open_connection(path, owned=False)
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    report(None, "month")(connection)
    report(PROJECTS[0], "month")(connection)
    conversations.find(connection, parse("mutex intent=tests", PROJECTS[0], NOW), 200)
    connection.set_trace_callback(None)
    for sql in (sql for sql in seen if sql.startswith("SELECT") and "FROM routing_trace" not in sql):
        if "zeke_search_config" in sql:
            continue
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
        print(f"  {sql[:60].strip()}…\n    {'; '.join(steps)}")
    connection.close()


def writes(path: Path) -> list[dict[str, Any]]:
    """Rows of new requests, alone and while the longest report is read."""
    log, reader = Log(path, owned=False), Reader(path, owned=False)

    def write(number: int) -> None:
        attempt = Attempt(f"b{number}#1", f"b{number}", "bench", None, "code", None, EPOCH, escalated=False)
        log.begin(attempt).result()

    write(0)
    alone = told("a row, nothing else", milliseconds(lambda: write(1), 300))
    reading = reader.call(report(None, "all"))
    times: list[float] = []
    while not reading.done():
        times += milliseconds(lambda: write(2), 1)
        time.sleep(0.005)
    beside = told("a row, beside the report of all time", times)
    log.close()
    reader.close()
    return [alone, beside]


def maintaining(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Every batch of a first clean-up, on a copy; each holds the file for that long."""
    copy = folder / "copy.sqlite3"
    shutil.copyfile(path, copy)
    connection, _ = open_connection(copy, owned=False)
    times: list[float] = []
    for step in maintenance.steps(retention_days=90, max_bytes=20 * 1024 * 1024, now=EPOCH):
        more = True
        while more:
            began = time.perf_counter()
            more = step(connection)
            times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return [told(f"a batch of maintenance, of {len(times)}", times)]


def trips(editor: Editor, until: Callable[[], bool]) -> list[float]:
    """Round trips to Neovim, one every 5 ms; milliseconds each."""
    found: list[float] = []
    while True:
        found += milliseconds(lambda: editor.lua("return 1"), 1)
        if until():
            return found
        time.sleep(0.005)


def editing(path: Path, home: Path) -> list[dict[str, Any]]:
    """What somebody at the keyboard notices: the split, the figures, and the editor meanwhile."""
    filled = "require('zeke.page').current() and #require('zeke.page').current().targets > 0"
    found: list[dict[str, Any]] = []
    with Editor(home, env={"ZEKE_DB": str(path)}) as editor:
        deadline = time.perf_counter() + 2
        idle = trips(editor, lambda: time.perf_counter() > deadline)
        opened, figures, meanwhile = [], [], []
        for number in range(6):
            began = time.perf_counter()
            editor.lua("vim.cmd('ZekeStats!')")
            editor.screen()
            opened.append((time.perf_counter() - began) * 1000)
            meanwhile += trips(editor, lambda: bool(editor.lua(f"return {filled}")))
            if number:
                figures.append((time.perf_counter() - began) * 1000)
            editor.command("bwipeout")
        found.append(told("editor: the split is on the screen", opened[1:]))
        found.append(told("editor: 30 days of all projects are in it", figures))
        quantiles = [statistics.quantiles(times, n=100)[98] for times in (idle, meanwhile)]
        found.append(told("editor: round trip, idle, p99", [quantiles[0]]))
        found.append(told("editor: round trip, meanwhile, p99", [quantiles[1]], quantiles[0]))
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--file", type=Path, help="a file of an earlier run, made if it is not there")
    arguments = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "cache" / "routing.sqlite3"
        if not path.exists():
            connection, _ = open_connection(path, owned=False)
            fill(connection, rows=arguments.rows, turn_count=arguments.turns)
            connection.close()
        megabytes = path.stat().st_size / 1e6
        print(f"{arguments.rows:,} rows, {arguments.turns:,} turns of {len(WORDS)} words, {megabytes:.0f} MB")
        found = queries(path, arguments.rounds) + writes(path) + editing(path, Path(folder) / "home")
        found += maintaining(path, Path(folder))
        print("plans:")
        plans(path)
    (REPOSITORY / "bench" / "cache.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
