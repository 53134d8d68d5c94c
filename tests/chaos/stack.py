"""The real stages of a request in this process: attempts, client, decoder, answering and cache."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from tests.chaos.wire import Fault, Gateway, Plan
from zeke.answering import Answering
from zeke.cache.writer import Log
from zeke.exchange.attempts import Attempting, Attempts, Step
from zeke.exchange.client import Client
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions
from zeke.exchange.prices import Prices
from zeke.models import Ask, Message, Route, Source, Timeouts
from zeke.screen import Screen
from zeke.settings import load

QUICK = Timeouts(connect=1.0, first_byte=0.25, idle=0.25)
SLOW = Timeouts(connect=2.0, first_byte=30.0, idle=30.0)
KEY = "canary-7f3a9c"
MESSAGES = (Message("system", "s"), Message("user", "u"))


@dataclass
class Told:
    """What the editor was told of one request."""

    shown: list[str] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    after_the_end: int = 0


class Wire:
    """Stands at the other end of pynvim's channel: takes what is sent, as it would travel."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self._packer = msgpack.Packer(unicode_errors="surrogateescape")

    def request(self, _method: str, code: str, args: tuple[Any, ...], *, async_: bool) -> None:
        assert async_, "the host must never wait for the editor"
        self._packer.pack(args)
        told = self.told.setdefault(args[0], Told())
        told.after_the_end += bool(told.outcomes)
        if ".append(" in code:
            told.shown.append(args[1])
        elif ".finish(" in code:
            told.outcomes.append(args[1])


def leaks() -> dict[str, int]:
    """What this process holds: file descriptors, threads, children."""
    children = 0
    for folder in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            children += len((folder / "children").read_text().split())
    return {"files": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(), "children": children}  # noqa: PTH208


class Stack:
    """Everything that a request passes, against one gateway and one database."""

    def __init__(self, folder: Path, gateway: Gateway, log: Log | None = None) -> None:
        settings = load({"gateway": {"base": gateway.base, "key": KEY}, "fallback": False}, {})
        self.path = folder / "data" / "routing.sqlite3"
        self.log = log or Log(self.path, owned=True)
        self.client = Client(tls=False)
        self.attempts = Attempts(self.client, settings, EmbeddedModel(EmbeddedOptions()))
        self.wire = Wire()
        self.began: dict[str, int] = {}
        self._screen = Screen(self.wire, 1)  # type: ignore[arg-type]  # the part of it that a screen uses
        self._prices = Prices()

    async def ask(self, name: str, timeouts: Timeouts) -> None:
        """One request from its first step to its end."""
        ask = Ask(name, "tests", "do", source=Source(project="chaos"))
        route = Route("auto", "auto", {}, timeouts=timeouts)
        answering = Answering(ask, route, self._screen, self.log, self._prices)
        steps = self.attempts.run(name, route, MESSAGES, key=KEY)
        await answering.run(self._counted(name, steps))

    async def _counted(self, name: str, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        async for step in steps:
            if isinstance(step, Attempting):
                self.began[name] = self.began.get(name, 0) + 1
            yield step

    async def close(self) -> None:
        await self.client.close()
        await asyncio.wrap_future(self.log.call(lambda _: None))
        self.log.close()


def rows_of(path: Path) -> dict[str, list[sqlite3.Row]]:
    """The rows of every request."""
    found: dict[str, list[sqlite3.Row]] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for row in connection.execute("SELECT * FROM routing_stats ORDER BY id"):
            found.setdefault(row["request_id"], []).append(row)
    return found


def check(name: str, fault: Fault, stack: Stack, plan: Plan, rows: list[sqlite3.Row]) -> None:
    """The promises, for one case."""
    about = f"{name}: {fault.name}"
    told = stack.wire.told[name]
    assert len(told.outcomes) == 1, f"{about}: ended {len(told.outcomes)} times"
    assert not told.after_the_end, f"{about}: told of something after its end"
    outcome = told.outcomes[0]
    success, sentence = outcome["success"], str(outcome.get("message") or "")
    assert "\n" not in sentence, about
    assert success or sentence, f"{about}: failed without a sentence"
    assert "Traceback" not in sentence, about
    assert "Zeke failed" not in sentence, f"{about}: {sentence}"
    assert KEY not in str(told), about
    assert fault.must_say in sentence, f"{about}: said {sentence!r}"
    shown = "".join(told.shown)
    if fault.answer != "*":
        assert (fault.answer or "").startswith(shown), f"{about}: showed {shown[-80:]!r}"
    assert fault.may_succeed or not success, f"{about}: called complete"
    if success and fault.answer not in ("*", None):
        assert shown == fault.answer, f"{about}: called complete with {shown[-80:]!r}"
    assert len(rows) == stack.began[name], f"{about}: {stack.began[name]} attempts, {len(rows)} rows"
    assert len(rows) >= min(plan.arrived.get(name, 0), 1), f"{about}: an attempt left without a row"
    last = rows[-1]
    assert (last["success"] == 1) is success, about
    assert (last["error_code"] is None) is success, f"{about}: {last['error_code']}"
    assert last["error_code"] == outcome.get("error_code"), about
    assert all(row["success"] == 0 and row["error_code"] for row in rows[:-1]), about
    assert all(row["error_code"] != "in_flight" for row in rows), about


async def run_cases(
    folder: Path, cases: dict[str, Fault], *, timeouts: Timeouts, at_once: int = 8
) -> tuple[Stack, Plan]:
    """Run all cases against one gateway, some of them side by side, and close everything."""
    plan = Plan(cases.get)
    async with Gateway(plan) as gateway:
        stack = Stack(folder, gateway)
        names = iter(list(cases))

        async def worker() -> None:
            for name in names:
                await asyncio.wait_for(stack.ask(name, timeouts), 60)

        await asyncio.gather(*(worker() for _ in range(at_once)))
        await stack.close()
    # A generator that was left early is closed by the loop in a turn of its own.
    for _ in range(100):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            break
        await asyncio.sleep(0.01)
    assert not others, f"leak: tasks are left: {others}"
    return stack, plan
