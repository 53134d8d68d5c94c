"""Pages about the log: statistics, the requests behind a figure, history, exports. None holds up a row."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from zeke import exporting
from zeke.cache import conversations, usage
from zeke.cache.database import CacheUnavailable
from zeke.exporting import ExportError
from zeke.report import export, history, requests, statistics, tally, view
from zeke.report.page import Page
from zeke.report.search import parse
from zeke.report.tally import Usage
from zeke.report.verdicts import Votes
from zeke.report.view import View
from zeke.routing.arguments import ArgumentError

if TYPE_CHECKING:
    import sqlite3

    from zeke.screen import Screen
    from zeke.stages import Stages

LISTED = 200
"""Lines of a list; a narrower one finds the rest."""


@dataclass
class Shelf:
    """The figures shown last: another order or width of them needs no query."""

    about: tuple[object, ...] = ()
    usage: Usage | None = None


class Reporting:
    """Answers one command or key; its errors are one sentence, on the page where there is one."""

    def __init__(self, stages: Stages, screen: Screen, shelf: Shelf) -> None:
        """`stages` are those of the current options; `shelf` outlives them."""
        self._stages = stages
        self._screen = screen
        self._shelf = shelf

    async def run(self, name: str, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        """`:ZekeStats` or `:ZekeHistory`, with what follows the command."""
        work = self._statistics if name == "ZekeStats" else self._history
        await self._guarded(name, context, work(text, bang, context))

    async def again(self, state: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        """The statistics as a key of their page wants them; `context["fresh"]` reads them anew."""
        await self._guarded("ZekeStats", context, self._page(state, context))

    async def fetch(self, words: str, everywhere: bool, context: Mapping[str, Any]) -> dict[str, Any]:
        """The report as a table.

        Raises:
            ArgumentError: a word is not accepted.
            CacheUnavailable: the cache cannot be read.
        """
        wanted, _ = view.from_words(words, context["source"]["project"], everywhere=everywhere)
        return await self._table(wanted, datetime.now())

    async def _guarded(self, name: str, context: Mapping[str, Any], work: Awaitable[None]) -> None:
        try:
            await work
        except (ArgumentError, CacheUnavailable, ExportError) as error:
            sentence = f"{name}: {error}"
            self._screen.notice("error", sentence)
            if "page" in context:
                self._screen.page(context["page"], context["serial"], [sentence], [], [], {})

    async def _statistics(self, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        wanted, path = view.from_words(text, context["source"]["project"], everywhere=bang)
        if path:
            await self._export(wanted, path, str(context["cwd"]))
        else:
            await self._page(wanted.state(), {**context, "fresh": True})

    async def _page(self, state: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        wanted, now = view.from_state(state), datetime.now()
        columns = int(context["columns"])
        if wanted.only:
            since, epoch = view.since(wanted.period, now), int(now.timestamp())
            rows = await self._stages.read(
                lambda connection: usage.requests(connection, wanted.project, since, epoch, wanted.only, LISTED)
            )
            made = requests.page(rows, wanted, columns=columns, now=now, limit=LISTED)
        else:
            found = await self._usage(wanted, now, fresh=bool(context.get("fresh")))
            month = await self._month(wanted.project)
            made = statistics.page(found, wanted, columns=columns, now=now, month=month)
        names = await self._stages.read(usage.projects)
        self._send(made, context, {**wanted.state(), "projects": names})

    def _send(self, made: Page, context: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        self._screen.page(context["page"], context["serial"], made.lines, made.spans, made.targets, state)

    async def _usage(self, wanted: View, now: datetime, *, fresh: bool) -> Usage:
        about = (self._stages.log.health.path, wanted.project, wanted.period, wanted.by, now.date())
        if not fresh and self._shelf.about == about and self._shelf.usage is not None:
            return self._shelf.usage
        since, epoch = view.since(wanted.period, now), int(now.timestamp())

        def read(connection: sqlite3.Connection) -> Usage:
            return tally.usage(
                usage.slices(connection, wanted.project, since, epoch, wanted.by),
                usage.votes(connection, wanted.project, since, epoch, wanted.by),
                usage.failures(connection, wanted.project, since),
                by=wanted.by,
            )

        found = await self._stages.read(read)
        self._shelf.about, self._shelf.usage = about, found
        return found

    async def _month(self, project: str | None) -> str | None:
        """How the project's budget stands."""
        if project is None:
            return None
        _, standing = await self._stages.planner.standing(project, self._stages.settings)
        return standing.figures()

    async def _table(self, wanted: View, now: datetime) -> dict[str, Any]:
        since, epoch = view.since(wanted.period, now), int(now.timestamp())
        found = await self._usage(wanted, now, fresh=True)
        votes: Mapping[Any, Votes] = await self._stages.read(
            lambda connection: usage.votes(connection, wanted.project, since, epoch, "provider")
        )
        providers = {str(key[0]): given for key, given in votes.items() if key[0]}
        return export.report(found, wanted, providers, now)

    async def _export(self, wanted: View, path: str, cwd: str) -> None:
        now = datetime.now()
        kind = exporting.kind_of(path)
        table = None if kind == ".csv" else await self._table(wanted, now)
        since = view.since(wanted.period, now)
        # On the reader's thread: a disk may be slow, and plotly takes its time to be imported.
        where, attempts = await self._stages.read(
            lambda connection: exporting.write(connection, path, cwd, wanted.project, since, table)
        )
        self._screen.exported(where, attempts)

    async def _history(self, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        now = datetime.now()
        search = parse(text, None if bang else context["source"]["project"], now)
        found = await self._stages.read(lambda connection: conversations.find(connection, search, LISTED))
        made = history.page(
            found,
            search,
            text,
            columns=int(context["columns"]),
            now=now,
            limit=LISTED,
            keeps_text=self._stages.settings.log.text,
        )
        self._send(made, context, {"query": text, "everywhere": bang})
