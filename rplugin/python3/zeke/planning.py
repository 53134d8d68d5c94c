"""From a request to the permission to send it: preferences, route, messages and the month's budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from zeke.cache import preferences as stored
from zeke.cache.database import CacheUnavailable
from zeke.exchange.events import Failed
from zeke.intents import of
from zeke.models import Ask, ErrorCode, Message, Route
from zeke.prompt import messages as prompt
from zeke.prompt import secrets
from zeke.routing.budget import Standing, judge
from zeke.routing.resolve import Preferences, aimed, resolve

if TYPE_CHECKING:
    import sqlite3

    from zeke.cache.writer import Log
    from zeke.settings import Settings

T = TypeVar("T")
AskUser = Callable[[str, str, list[str]], Awaitable[str]]
CACHE_SECONDS = 2.0
"""How long a request waits for its preferences: a locked cache must not hold up an answer."""
SEND, LOCAL, CANCEL = "send this once", "ask a local model", "cancel"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a request. `blocked` means that it must not leave for the gateway."""

    route: Route
    messages: tuple[Message, ...]
    standing: Standing
    blocked: Failed | None = None
    go_local: bool = False
    override: str | None = None
    """The guard that the user overrode: `budget`."""
    dropped: int = 0
    """Earlier turns that do not fit."""
    keeps_text: bool = False
    """Whether prompt and answer may be written to the cache."""


class SecretFound(ValueError):
    """The prompt holds what looks like a secret. The text is one sentence with the next step."""


class Planner:
    """Plans the requests of one editor; remembers preferences for the case that the cache cannot be read."""

    def __init__(self, log: Log, ask_user: AskUser) -> None:
        """`ask_user(request_id, question, choices)` gives one of the choices, or something else to cancel."""
        self._log = log
        self._ask_user = ask_user
        self._known: dict[str, stored.Stored] = {}

    async def standing(self, project: str, settings: Settings) -> tuple[stored.Stored, Standing]:
        """A project's preferences and what it spent this month."""
        since = stored.month_start()

        def read(connection: sqlite3.Connection) -> tuple[stored.Stored, stored.Spent]:
            return stored.load(connection, project), stored.spent(connection, project, since)

        kept = self._known.get(project, stored.Stored())
        found, spent = await settled(self._log.call(read), (kept, stored.Spent()))
        self._known[project] = found
        limit = found.cents if found.is_set else settings.budget.month_cents
        return found, Standing(spent.cents, limit, spent.unknown, settings.budget.warn_at)

    async def route(self, ask: Ask, settings: Settings) -> Plan:
        """The plan as far as it needs no answer of the user.

        Raises:
            AliasError: an alias cannot be used.
        """
        found, standing = await self.standing(ask.source.project, settings)
        own = settings.own_aliases()
        ask = aimed(ask, own)
        intent = of(ask)
        messages = prompt.build(ask, intent)
        timeouts = settings.gateway.limits()
        if intent.first_byte is not None:
            timeouts = replace(timeouts, first_byte=max(timeouts.first_byte, intent.first_byte))
        route = resolve(
            ask,
            intent,
            prompt_bytes=prompt.size(messages),
            own=own,
            preferences=Preferences(found.alias, found.model, found.prefer_local, found.private),
            timeouts=timeouts,
        )
        return Plan(
            route,
            messages,
            standing,
            dropped=len(ask.history) - len(prompt.kept(ask)),
            keeps_text=settings.log.text and found.log_text is not False and ask.arguments.get("log") != "0",
        )

    async def permit(self, ask: Ask, plan: Plan, settings: Settings) -> Plan | None:
        """The plan after secrets and budget were asked about, None when the user cancels."""
        count = await self._secrets(ask, plan)
        if count is None:
            return None
        permitted = await self._budget(ask, plan, settings)
        if permitted is None or not count:
            return permitted
        overridden = filter(None, (permitted.override, f"warning of {count} secrets"))
        return replace(permitted, override=" and the ".join(overridden))

    async def _secrets(self, ask: Ask, plan: Plan) -> int | None:
        """How many were found and are sent anyway; None when they are not.

        Raises:
            SecretFound: some were found, and nobody can be asked.
        """
        text = plan.messages[-1].content
        paths = [given.title.removeprefix("File ") for given in ask.attachments] + (
            [ask.source.path] if ask.scope.kind != "none" else []
        )
        found = secrets.scan(text, paths)
        if not found or ask.override:
            return len(found)
        shown = ", ".join(f"{secret.kind} in line {secret.line}" for secret in found[:3])
        if not ask.can_ask:
            raise SecretFound(
                f"nothing was sent, the prompt seems to hold a secret ({shown}): repeat with ! to send it"
            )
        choice = await self._ask_user(ask.request_id, f"The prompt seems to hold a secret: {shown}", [SEND, CANCEL])
        return len(found) if choice == SEND else None

    async def _budget(self, ask: Ask, plan: Plan, settings: Settings) -> Plan | None:
        standing = plan.standing
        verdict = judge(standing, settings.budget.on_exceeded, override=ask.override, can_ask=ask.can_ask)
        override = "budget" if standing.is_exceeded and verdict == "send" else None
        if verdict == "ask":
            question = f"{ask.source.project}: {standing.figures()}. Send this request?"
            choice = await self._ask_user(ask.request_id, question, [SEND, LOCAL, CANCEL])
            if choice not in (SEND, LOCAL):
                return None
            verdict = "send" if choice == SEND else "local"
            override = "budget" if choice == SEND else None
        if verdict == "send":
            return replace(plan, override=override)
        sentence = f"the budget is used up ({standing.figures()}): repeat with !, or raise it with :ZekeBudget"
        blocked = Failed(ErrorCode.BUDGET_EXCEEDED.value, sentence)
        return replace(plan, blocked=blocked, go_local=verdict == "local")


async def settled(future: Future[T], otherwise: T) -> T:
    """The result of a job of the cache, or `otherwise` when the cache cannot tell in time."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), CACHE_SECONDS)
    except (CacheUnavailable, asyncio.TimeoutError):
        return otherwise
