"""What is done for the log while nobody waits: retention in small batches, and a line a day at most about changes."""

from __future__ import annotations

import asyncio
import calendar
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from zeke.cache import maintenance, notices
from zeke.cache.database import CacheUnavailable
from zeke.report.notices import pace, sentence

if TYPE_CHECKING:
    from zeke.screen import Screen
    from zeke.stages import Stages

IDLE_SECONDS = 2.0
"""Quiet after an answer before anything is done."""
PAUSE_SECONDS = 0.02
"""Between two batches: other editors get the file."""
MAINTAIN_SECONDS = 6 * 3600
DAY = 86400
LOOK_SECONDS = 3600
"""How often this editor looks whether something is due."""


class Housekeeping:
    """Waits for quiet, works in steps, and breaks off when a request comes in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, screen: Screen, is_busy: Callable[[], bool]) -> None:
        """`is_busy` says whether an answer is under way."""
        self._loop = loop
        self._screen = screen
        self._is_busy = is_busy
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._left: Iterator[maintenance.Step] = iter(())
        self._step: maintenance.Step | None = None
        self._looked: dict[str, float] = {}

    def soon(self, stages: Stages, project: str) -> None:
        """An answer ended: begin after a while, unless another one is under way then."""
        self._cancel_timer()
        self._timer = self._loop.call_later(IDLE_SECONDS, self._begin, stages, project)

    def stop(self) -> None:
        """Do nothing more."""
        self._cancel_timer()
        if self._task is not None:
            self._task.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, stages: Stages, project: str) -> None:
        self._timer = None
        if not self._is_busy() and (self._task is None or self._task.done()):
            self._task = self._loop.create_task(self._work(stages, project))

    async def _work(self, stages: Stages, project: str) -> None:
        # A cache in trouble is told where somebody asks for it.
        try:
            await self._look(stages, project)
            await self._maintain(stages)
        except CacheUnavailable:
            return

    def _is_due(self, what: str) -> bool:
        """Whether the file is asked again who does it: not after every answer."""
        now = time.monotonic()
        if now - self._looked.get(what, now - LOOK_SECONDS) < LOOK_SECONDS:
            return False
        self._looked[what] = now
        return True

    async def _maintain(self, stages: Stages) -> None:
        now, options = int(time.time()), stages.settings.log
        if (
            self._step is None
            and self._is_due("maintenance")
            and await stages.write(
                lambda connection: maintenance.claim(connection, "maintenance", now, MAINTAIN_SECONDS)
            )
        ):
            self._left = maintenance.steps(
                retention_days=options.retention_days, max_bytes=options.max_mb * 1024 * 1024, now=now
            )
            self._step = next(self._left, None)
        while self._step is not None and not self._is_busy():
            if not await stages.write(self._step):
                self._step = next(self._left, None)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, stages: Stages, project: str) -> None:
        """Say what changed, once a day at most whatever the number of editors."""
        if not stages.settings.notices or not self._is_due(f"notice {project}"):
            return
        now = int(time.time())
        recent, before = await stages.read(lambda connection: notices.observed(connection, project, now))
        _, standing = await stages.planner.standing(project, stages.settings)
        said = sentence(project, recent, before, pace(standing.spent, standing.limit, _elapsed(datetime.now())))
        if said is None:
            return
        if await stages.write(lambda connection: maintenance.claim(connection, f"notice {project}", now, DAY)):
            self._screen.notice("info", said)


def _elapsed(now: datetime) -> float:
    """The part of the month that is over, 0 to 1."""
    days = calendar.monthrange(now.year, now.month)[1]
    return (now.day - 1 + now.hour / 24) / days
