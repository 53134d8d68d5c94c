"""Many editors and the Zig client on one database: no row lost, none doubled, the write-ahead log bounded."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import threading
import time
from multiprocessing import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.chaos import faults
from tests.chaos.conftest import Chaos
from tests.chaos.wire import Fault, Plan, in_thread
from tests.e2e.test_host import wait_gone
from tests.support.editor import Editor
from tests.support.gateway import closed_port
from zeke.cache.decisions import Attempt, Ending
from zeke.cache.writer import Log

GOOD = Fault("fine", [faults.HEAD, faults.event("fine"), faults.DONE], answer="fine", may_succeed=True)
# The two statements of the Zig client's first version, the second as it has to be written to compile.
SEED_STAT = (
    "INSERT INTO routing_stats(project, alias, model, provider, intent, size_hint, latency_ms, tokens_in, tokens_out,"
    " success, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SEED_PREFS = (
    "INSERT INTO routing_prefs(project, prefer_local, max_cloud_cost_cents, last_alias, last_model, updated_at)"
    " VALUES (:p, 1, 200, :a, NULL, :t) ON CONFLICT(project) DO UPDATE SET"
    " last_alias=COALESCE(excluded.last_alias, routing_prefs.last_alias), updated_at=excluded.updated_at"
)
WAL_LIMIT = 64 * 1024 * 1024
"""Bytes. It is begun anew after 8 MiB; each editor looks after some tens of writes, and may have to wait for others."""
CHAIN = """
    local count = ...
    _G.ids, _G.wrong = {}, {}
    require("zeke").setup({ fallback = false, ui = { open = "hide" } })
    local function again(answer)
      if answer and not answer.success then table.insert(_G.wrong, answer.message) end
      if #_G.ids < count then
        vim.schedule(function() table.insert(_G.ids, require("zeke").ask({ prompt = "hi", on_done = again })) end)
      else
        _G.over = true
      end
    end
    again()
"""


class ZigClient(threading.Thread):
    """Plain SQLite without a busy timeout, as the seed opens it; remembers what was acknowledged."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._over = threading.Event()
        self.acknowledged = 0
        self.refused = 0

    def run(self) -> None:
        with contextlib.closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            while not self._over.wait(0.002):
                try:
                    now = int(time.time())
                    row = ("zig", "auto", f"m-{self.acknowledged}", "ollama", "tests", "small", 1, 2, 3, 1, now)
                    connection.execute(SEED_STAT, row)
                    self.acknowledged += 1
                    connection.execute(SEED_PREFS, {"p": "zig", "a": "auto", "t": now})
                except sqlite3.OperationalError:
                    self.refused += 1

    def end(self) -> None:
        self._over.set()
        self.join(30)


def observe(path: Path, over: Event, told: Queue[tuple[list[float], int]]) -> None:
    """Write through a log in a process of its own; tells the milliseconds of each write and the bytes of the WAL."""
    log, wal = Log(path, owned=False), path.with_name(path.name + "-wal")
    ending = Ending(True, None, "m", "p", 1, 2, 3, 4, None, None)
    milliseconds: list[float] = []
    largest = 0
    while not over.wait(0.01):
        name = f"observer-{len(milliseconds)}"
        began = time.perf_counter()
        log.begin(Attempt(f"{name}#1", name, "observer", None, "tests", None, 1, escalated=False)).result(60)
        milliseconds.append((time.perf_counter() - began) * 1000)
        log.complete(f"{name}#1", ending)
        with contextlib.suppress(FileNotFoundError):
            largest = max(largest, wal.stat().st_size)
    log.call(lambda _: None).result(60)
    log.close()
    told.put((milliseconds, largest))


def test_many_editors_and_a_foreign_client_lose_and_double_nothing(chaos: Chaos, tmp_path: Path) -> None:
    editors, requests = chaos.size(3, 8), chaos.size(12, 500)
    path = tmp_path / "shared" / "routing.sqlite3"
    Log(path, owned=True).call(lambda _: None).result(30)
    with in_thread(Plan(lambda _: GOOD)) as gateway, contextlib.ExitStack() as stack:
        environment = {
            "ZEKE_API_BASE": gateway.base,
            "ZEKE_DB": str(path),
            "OLLAMA_HOST": f"127.0.0.1:{closed_port()}",
        }
        running = [
            stack.enter_context(Editor(tmp_path / f"home-{number}", env=environment, ui=None))
            for number in range(editors)
        ]
        context = multiprocessing.get_context("spawn")
        over, told = context.Event(), context.Queue()
        observer = context.Process(target=observe, args=(path, over, told), daemon=True)
        observer.start()
        zig = ZigClient(path)
        zig.start()
        for editor in running:
            editor.lua(CHAIN, requests)
        asked: list[str] = []
        hosts = []
        for editor in running:
            editor.wait("_G.over", 400)
            assert editor.lua("return _G.wrong") == []
            asked += editor.lua("return _G.ids")
            hosts.append(editor.lua("return require('zeke.host').status().pid"))
        zig.end()
        over.set()
        milliseconds, largest = told.get(timeout=60)
        observer.join(30)
        for editor in running:
            editor.quit()
        wait_gone(*hosts)
    assert len(set(asked)) == editors * requests
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        query = "SELECT request_id, success, error_code FROM routing_stats WHERE project NOT IN ('zig', 'observer')"
        rows = connection.execute(query).fetchall()
        assert sorted(row[0] for row in rows) == sorted(asked), "a row is lost or doubled"
        assert {row[1:] for row in rows} == {(1, None)}
        for table in ("routing_trace", "zeke_turns"):
            found = [row[0] for row in connection.execute(f"SELECT request_id FROM {table}")]
            assert sorted(found) == sorted(asked), table
        for project, count in (("zig", zig.acknowledged), ("observer", len(milliseconds))):
            query = "SELECT COUNT(*), COUNT(DISTINCT COALESCE(request_id, model)) FROM routing_stats WHERE project = ?"
            assert connection.execute(query, (project,)).fetchone() == (count, count)
    assert zig.acknowledged > 0
    assert largest < WAL_LIMIT
    times = sorted(milliseconds)
    chaos.figures.append(
        f"{editors} editors x {requests} requests and {zig.acknowledged} writes of a foreign client ({zig.refused} more"
        f" refused as busy): p99 of a write {times[int(len(times) * 0.99)]:.0f} ms of {len(times)},"
        f" write-ahead log at most {largest / 2**20:.1f} MiB"
    )
    chaos.survived(len(asked), len(rows) + zig.acknowledged + len(times))
