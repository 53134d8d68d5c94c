"""Commands that show or set something: why, preview, a rating, a project's preferences. None of them sends a prompt."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from zeke import asking
from zeke.cache import conversations, maintenance, signals, statistics
from zeke.cache import preferences as stored
from zeke.cache.database import CacheUnavailable
from zeke.exchange.address import shown
from zeke.prompt import messages as prompt
from zeke.report import preview, why
from zeke.report.figures import table
from zeke.routing import aliases, project
from zeke.routing.aliases import AliasError
from zeke.routing.arguments import ArgumentError
from zeke.routing.resolve import explain

if TYPE_CHECKING:
    import sqlite3

    from zeke.screen import Screen
    from zeke.stages import Stages


class Inquiries:
    """Answers one such command; its errors are one sentence."""

    def __init__(self, stages: Stages, screen: Screen) -> None:
        """`stages` are those of the current options."""
        self._stages = stages
        self._screen = screen
        self._named: Mapping[str, Callable[[str, bool, Mapping[str, Any]], Awaitable[None]]] = {
            "ZekeWhy": self._why,
            "ZekePreview": self._preview,
            "ZekePrefs": self._prefs,
            "ZekeModel": self._model,
            "ZekeAlias": self._alias,
            "ZekeBudget": self._budget,
            "ZekeRate": self._rate,
        }

    async def run(self, name: str, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        """`text` is what follows the command; `context` holds `source` and what the command is about."""
        try:
            await self._named[name](text.strip(), bang, context)
        except (ArgumentError, AliasError, CacheUnavailable) as error:
            self._screen.notice("error", f"{name}: {error}")

    async def _why(self, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        name = context["source"]["project"]
        wanted = text or context.get("id")
        found = await self._stages.read(lambda connection: _explained(connection, name, wanted))
        self._screen.report("why", why.lines(found, raw=bang), "json" if bang else "markdown")

    async def fetch(self, request_id: str, context: Mapping[str, Any]) -> dict[str, Any]:
        """What `:ZekeWhy` knows, as a table.

        Raises:
            CacheUnavailable: the cache cannot be read.
        """
        name = context["source"]["project"]
        wanted = request_id or context.get("id")
        return why.table_of(await self._stages.read(lambda connection: _explained(connection, name, wanted)))

    async def _rate(self, text: str, _bang: bool, context: Mapping[str, Any]) -> None:
        sign, _, note = text.partition(" ")
        kind = {"+": "up", "-": "down"}.get(sign)
        if kind is None:
            raise ArgumentError(f"`{sign}`: accepted are + and -, and a note after them" if sign else "say + or -")
        request_id = context.get("id")
        if not request_id:
            raise ArgumentError("there is no answer to rate: ask with :Zeke first")
        name, keeps = context["source"]["project"], self._stages.settings.log.text
        note = note.strip()

        def write(connection: sqlite3.Connection) -> tuple[bool, bool]:
            kept = keeps and stored.load(connection, name).log_text is not False
            return signals.save(connection, request_id, kind, note if note and kept else None, int(time.time())), kept

        is_known, kept = await self._stages.write(write)
        if not is_known:
            raise ArgumentError("this answer is not in the log, so there is nothing to rate: see :ZekeInfo")
        dropped = ", without the note: no text of this project is kept" if note and not kept else ""
        self._screen.rated(request_id, kind, f"rated {sign}{dropped}")

    async def _preview(self, _text: str, bang: bool, context: Mapping[str, Any]) -> None:
        stages = self._stages
        ask = asking.from_command(str(context["command"]), str(context["words"]), bang, context)
        plan = await stages.planner.route(ask, stages.settings)
        body, hints = stages.attempts.body(plan.route, plan.messages)
        base = stages.settings.gateway.base
        price = stages.prices.of(base, plan.route.model)
        lines = preview.lines(
            f"{shown(base)}/chat/completions",
            body,
            sorted({*stages.settings.gateway.headers, *plan.route.headers, *hints}),
            explain(plan.route),
            size=prompt.size(plan.messages),
            price_in=price.tokens_in if price else None,
            standing=plan.standing,
        )
        self._screen.report("preview", lines, "markdown")

    async def _prefs(self, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        name = context["source"]["project"]
        if bang:
            await self._stages.write(lambda connection: stored.reset(connection, name))
        elif text:
            await self._change(name, project.parse(text))
        await self._show(name)

    async def _change(self, name: str, changes: project.Changes) -> None:
        if changes.alias:
            aliases.chain(changes.alias, self._stages.settings.own_aliases())
        limit = self._stages.settings.budget.month_cents

        def write(connection: sqlite3.Connection) -> None:
            # A first row would get the column's limit: the one in force is kept.
            first = not stored.load(connection, name).is_set
            cents = limit if changes.cents is None and first else changes.cents
            stored.save(
                connection,
                name,
                prefer_local=changes.prefer_local,
                cents=cents,
                alias=changes.alias,
                model=changes.model,
            )
            for key in changes.cleared:
                stored.clear(connection, name, key)
            if changes.private is not None:
                stored.save_private(connection, name, changes.private)
            if changes.log_text is not None:
                stored.save_log_text(connection, name, changes.log_text)

        await self._stages.write(write)

    async def _show(self, name: str) -> None:
        found, standing = await self._stages.planner.standing(name, self._stages.settings)
        rows = [
            ("alias", found.alias or aliases.DEFAULT),
            ("model", found.model or "as the alias says"),
            ("prefer_local", "1" if found.prefer_local else "0"),
            ("private", "1" if found.private else "0"),
            ("log", "0" if found.log_text is False or not self._stages.settings.log.text else "1"),
            ("budget", "none" if standing.limit is None else f"¢{standing.limit} a month"),
            ("spent", standing.figures()),
        ]
        self._screen.report("prefs", [f"# {name}", "", *table(rows)], "markdown")

    async def _model(self, text: str, _bang: bool, context: Mapping[str, Any]) -> None:
        name = context["source"]["project"]
        own = self._stages.settings.own_aliases()
        known = {*aliases.BUILT_IN, *own}
        if not text:
            key = await self._stages.key()
            listed = await self._stages.prices.models(self._stages.client, self._stages.settings.gateway.base, key)
            self._screen.pick("model or alias", ["auto", *listed, *sorted(known - {"auto"})], "ZekeModel")
            return
        if text in known and text != aliases.DEFAULT:
            await self._change(name, project.Changes(alias=text, cleared=("model",)))
        elif text == aliases.DEFAULT:
            await self._change(name, project.Changes(cleared=("alias", "model")))
        else:
            await self._change(name, project.Changes(model=text))
        self._screen.notice("info", f"{name} asks {text} from now on")

    async def _alias(self, text: str, _bang: bool, context: Mapping[str, Any]) -> None:
        name = context["source"]["project"]
        own = self._stages.settings.own_aliases()
        if not text:
            self._screen.pick("alias", sorted({*aliases.BUILT_IN, *own}), "ZekeAlias")
            return
        cleared = ("alias",) if text == aliases.DEFAULT and text not in own else ()
        await self._change(name, project.Changes(alias=None if cleared else text, cleared=cleared))
        self._screen.notice("info", f"{name} asks as alias {text} from now on")

    async def recall(self, request_id: str, how: str, words: str) -> None:
        """Bring an earlier conversation back, up to one of its turns; `how` is show, fork or replay."""
        try:
            turns = await self._stages.read(lambda connection: conversations.chain(connection, request_id))
        except CacheUnavailable as error:
            self._screen.notice("error", str(error))
            return
        if turns:
            self._screen.recalled(turns, how, words)
        else:
            self._screen.notice("warn", "no text of this request is kept, so there is nothing to show: gi tells why")

    async def signal(self, request_id: str, kind: str) -> None:
        """Keep what was done with an answer. Nobody is waiting for it, so a cache in trouble is not told here."""
        with contextlib.suppress(CacheUnavailable):
            await self._stages.write(
                lambda connection: signals.save(connection, request_id, kind, None, int(time.time()))
            )

    async def forget(self, request_ids: list[str]) -> None:
        """Delete turns that the user chose; nothing of them is left in the file."""
        try:
            await self._stages.write(lambda connection: conversations.delete(connection, request_ids))
            for step in maintenance.purge():
                while await self._stages.write(step):
                    pass
        except CacheUnavailable as error:
            self._screen.notice("error", f"ZekeHistory: {error}")

    async def _budget(self, text: str, _bang: bool, context: Mapping[str, Any]) -> None:
        name = context["source"]["project"]
        if text:
            cents = project.parse_cents(text)
            await self._change(name, project.Changes(cents=cents, cleared=() if cents is not None else ("budget",)))
        _, standing = await self._stages.planner.standing(name, self._stages.settings)
        self._screen.notice("info", f"{name}: {standing.figures()}")


def _explained(connection: sqlite3.Connection, name: str, wanted: str | None) -> why.Explained:
    request_id = wanted or statistics.newest_request(connection, name)
    attempts = statistics.attempts_of(connection, request_id) if request_id else ()
    last = attempts[-1] if attempts else None
    record = statistics.record_of(connection, name, last.intent, last.model) if last and last.model else None
    return why.Explained(attempts, record, signals.of(connection, request_id) if request_id else ())
