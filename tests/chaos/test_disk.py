"""What a disk, another program or a careless hand can do to the cache while it is in use."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import Chaos
from tests.chaos.disk import a_folder_in_its_place, damage, no_more_room, read_only
from tests.chaos.stack import leaks
from zeke.cache import database
from zeke.cache.decisions import Attempt, Ending, Trace
from zeke.cache.writer import Log

GOOD = Ending(True, None, "m", "p", 12, 340, 5, 6, 0.25, "reported")
BAD = Ending(False, "truncated", None, None, None, 3, None, None, None, None)


def attempt(name: str, project: str = "chaos") -> Attempt:
    return Attempt(f"{name}#1", name, project, "auto", "tests", "small", 1_790_000_000, escalated=False)


def write(log: Log, name: str, ending: Ending = GOOD, project: str = "chaos") -> None:
    log.begin(attempt(name, project)).result(120)
    log.complete(f"{name}#1", ending)
    log.trace(Trace(name, project, "{}", None, None, 1_790_000_000))


def settle(log: Log) -> None:
    """Until all that was handed in is done, whatever became of it."""
    with contextlib.suppress(database.CacheUnavailable, sqlite3.Error):
        log.call(lambda _: None).result(120)


def found(path: Path) -> dict[str, sqlite3.Row]:
    """The rows that can be read, by request; each request has one at most."""
    rows: dict[str, sqlite3.Row] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        # What Python cannot decode of SQLite's own messages is a UnicodeError.
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeError, IndexError, MemoryError):
            for row in connection.execute("SELECT * FROM routing_stats ORDER BY id DESC"):
                # In a damaged file one page may be read twice.
                assert row["request_id"] not in rows or not is_intact(path), "a row is doubled"
                if {"success", "error_code"} <= set(row.keys()):
                    rows.setdefault(row["request_id"], row)
    return rows


def is_intact(path: Path) -> bool:
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        contextlib.suppress(sqlite3.DatabaseError, UnicodeError, MemoryError),
    ):
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    return False


def truthful(rows: dict[str, sqlite3.Row], endings: dict[str, Ending]) -> int:
    """How many of these are there; each one as it ended, or not ended yet."""
    there = 0
    for name, ending in endings.items():
        row = rows.get(name)
        if row is not None:
            there += 1
            assert (row["success"], row["error_code"]) in ((int(ending.success), ending.error_code), (0, "in_flight"))
    return there


def filled(path: Path, count: int = 150) -> None:
    log = Log(path, owned=True)
    for number in range(count):
        write(log, f"old-{number}")
    settle(log)
    log.close()


def test_damage_at_random_places(chaos: Chaos, tmp_path: Path) -> None:
    rng = chaos.rng("damage")
    template = tmp_path / "template" / "routing.sqlite3"
    filled(template)
    count = chaos.size(25, 600)
    before = leaks()
    rows = 0
    for number in range(count):
        path = tmp_path / f"{number}" / "routing.sqlite3"
        path.parent.mkdir()
        shutil.copy(template, path)
        while_open = rng.random() < 0.6
        took_the_log = not while_open and damage(path, rng)
        log = Log(path, owned=True)
        endings: dict[str, Ending] = {}
        for step in range(6):
            if while_open and step == 2:
                settle(log)
                took_the_log = damage(path, rng)
            ending = rng.choice((GOOD, BAD))
            if step >= 2:
                endings[f"new-{step}"] = ending
            write(log, f"new-{step}", ending)
        settle(log)
        assert log._thread.is_alive(), "the cache's thread died"
        lost = log.health.lost
        log.close()
        log._thread.join(10)
        files = [path, *path.parent.glob("*.corrupt-*[0-9]")]
        there = sum(truthful(found(file), endings) for file in files)
        if there + lost < len(endings) and not took_the_log:
            # Written, but behind damage that no write met: only then may a row not be read.
            assert not all(map(is_intact, files)), (
                f"{len(endings) - there} rows are gone and only {lost} counted as lost"
            )
        rows += there
        # The next start heals what is in its way.
        again = Log(path, owned=True)
        write(again, "next")
        settle(again)
        files = [path, *path.parent.glob("*.corrupt-*[0-9]")]
        assert sum(truthful(found(file), {"next": GOOD}) for file in files) == 1 or not is_intact(files[-1])
        write(again, "last")
        settle(again)
        again.close()
        again._thread.join(10)
        assert truthful(found(path), {"last": GOOD}) == 1, again.health
        shutil.rmtree(path.parent)
    after = leaks()
    assert after["threads"] == before["threads"], f"leak: {before} became {after}"
    chaos.survived(count, rows)


def test_damage_twice_in_a_second_keeps_both_files(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite3"
    for content in (b"first" * 100, b"second" * 100):
        path.write_bytes(content)
        connection, warning = database.open_connection(path, owned=True)
        connection.close()
        assert warning
    kept = sorted(file.read_bytes()[:5] for file in tmp_path.glob("*.corrupt-*"))
    assert kept == [b"first", b"secon"]


def test_damage_that_a_write_meets_is_moved_aside_and_the_row_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite3"
    filled(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    sentences: list[str] = []
    log = Log(path, owned=True, on_trouble=sentences.append)
    write(log, "new")
    settle(log)
    log.close()
    assert found(path)["new"]["success"] == 1
    assert log.health.lost == 0
    assert ["was damaged" in sentence for sentence in sentences] == [True]


def test_the_row_of_another_attempt_is_never_completed(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite3"
    log = Log(path, owned=True)
    log.begin(attempt("first")).result(10)
    for file in tmp_path.iterdir():
        file.unlink()
    log.begin(attempt("second")).result(10)
    log.complete("first#1", GOOD)
    settle(log)
    log.close()
    rows = found(path)
    assert (rows["first"]["success"], rows["second"]["success"]) == (1, 0)


def test_whoever_stops_waiting_does_not_end_the_log(tmp_path: Path) -> None:
    log = Log(tmp_path / "routing.sqlite3", owned=True)
    hold = threading.Event()
    log.call(lambda _: hold.wait(10))
    waiting = [log.call(lambda connection: connection.execute("SELECT 1").fetchone()), log.begin(attempt("new"))]
    for future in waiting:
        future.cancel()
    hold.set()
    log.complete("new#1", GOOD)
    settle(log)
    assert log._thread.is_alive()
    log.close()
    assert found(tmp_path / "routing.sqlite3")["new"]["success"] == 1


def test_a_row_that_cannot_be_stored_does_not_end_the_log(tmp_path: Path) -> None:
    log = Log(tmp_path / "routing.sqlite3", owned=True)
    huge = Ending(True, None, "m", "p", 12, 340, 10**30, 6, None, None)
    write(log, "huge", huge)
    write(log, "half", project="caf\udce9")
    write(log, "good")
    settle(log)
    log.close()
    rows = found(tmp_path / "routing.sqlite3")
    assert rows["good"]["success"] == 1
    assert rows["huge"]["error_code"] == "in_flight"
    assert log.health.lost == 3


Trouble = Callable[[Path], contextlib.AbstractContextManager[None]]


@pytest.mark.parametrize("trouble", [no_more_room, a_folder_in_its_place, read_only])
@pytest.mark.parametrize("is_open", [True, False], ids=["while open", "at the start"])
def test_a_disk_that_takes_nothing_costs_rows_and_says_so_once(
    chaos: Chaos, trouble: Trouble, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeke.cache.writer.REOPEN_SECONDS", 0.0)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "data" / "routing.sqlite3"
        filled(path, 3)
        sentences: list[str] = []
        log = Log(path, owned=True, on_trouble=sentences.append)
        if is_open:
            write(log, "before")
            settle(log)
        with trouble(path):
            for number in range(3):
                write(log, f"during-{number}")
            settle(log)
        lost = log.health.lost
        write(log, "after")
        settle(log)
        log.close()
        log._thread.join(10)
        rows = found(path)
        # What could not be written is written as soon as it can.
        assert [rows[name]["success"] for name in ("during-0", "during-1", "during-2", "after")] == [1] * 4
        assert log.health.lost == 0
        assert log.health.trouble is None or not lost
        assert len(sentences) <= 3
        assert bool(sentences) is bool(lost)
        for sentence in sentences:
            assert "ZEKE_DB" in sentence
            assert "\n" not in sentence
        chaos.survived(1, len(rows))


@pytest.mark.parametrize("what", ["file", "folder", "wal", "moved"])
def test_a_file_that_is_taken_away_is_begun_anew(chaos: Chaos, tmp_path: Path, what: str) -> None:
    path = tmp_path / "data" / "routing.sqlite3"
    logs = [Log(path, owned=True) for _ in range(2)]
    for number, log in enumerate(logs):
        write(log, f"before-{number}")
        settle(log)
    if what == "folder":
        shutil.rmtree(path.parent)
    elif what == "moved":
        path.rename(tmp_path / "elsewhere")
    else:
        path.with_name(path.name + ("" if what == "file" else "-wal")).unlink()
    for turn in range(3):
        for number, log in enumerate(logs):
            write(log, f"after-{number}-{turn}")
            settle(log)
    for log in logs:
        log.close()
        log._thread.join(10)
    rows = found(path)
    assert {f"after-{number}-{turn}" for number in range(2) for turn in range(3)} <= set(rows)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    chaos.survived(1, len(rows))


def test_a_lock_of_another_program_is_waited_for(chaos: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = chaos.size(0, 60) or 0.6
    if not chaos.full:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    path = tmp_path / "routing.sqlite3"
    filled(path, 1)
    locked, over = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            locked.set()
            over.wait(seconds)
            connection.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    log = Log(path, owned=True)
    begun = log.begin(attempt("new"))
    log.complete("new#1", GOOD)
    begun.result(90)
    settle(log)
    thread.join()
    log.close()
    assert found(path)["new"]["success"] == 1
    assert log.health.lost == 0
    chaos.survived(1, 1)


NAMES = [
    "with spaces and ünïcödé 日本",
    "100% #1 ?mode=memory",
    "x'; DROP TABLE routing_stats; --",
    'a"b`c$(touch x)&|',
    "-rf",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_folders_and_projects_are_names_and_nothing_else(chaos: Chaos, tmp_path: Path, name: str) -> None:
    from zeke.cache import conversations, preferences, statistics, usage
    from zeke.report import search

    path = tmp_path / name / "routing.sqlite3"
    log = Log(path, owned=True)
    write(log, "new", project=name)

    def prefer(connection: sqlite3.Connection) -> tuple[object, ...]:
        preferences.save(connection, name, cents=7, alias=name, model=name)
        preferences.save_private(connection, name, True)
        stored = preferences.load(connection, name)
        return (
            stored.model,
            stored.cents,
            preferences.load(connection, "other").is_set,
            statistics.newest_request(connection, name),
            conversations.find(connection, search.Search(project=name), 10),
            usage.projects(connection),
        )

    assert log.call(prefer).result(10) == (name, 7, False, "new", [], [name])
    settle(log)
    log.close()
    assert found(path)["new"]["project"] == name
    chaos.survived(1, 1)


def test_a_size_that_no_memory_holds_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite3"
    filled(path, 1)

    def swamped(_: sqlite3.Connection) -> None:
        raise MemoryError

    log = Log(path, owned=True)
    with pytest.raises(database.CacheUnavailable, match="malformed"):
        log.call(swamped).result(10)
    write(log, "new")
    settle(log)
    log.close()
    assert found(path)["new"]["success"] == 1
