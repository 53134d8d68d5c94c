"""The stages behind the handlers, built for the options of the day. What holds state outlives a change of options."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from zeke import journal
from zeke import settings as schema
from zeke.cache.database import CacheUnavailable, default_path
from zeke.cache.reader import Reader
from zeke.cache.writer import Log
from zeke.exchange.attempts import Attempts
from zeke.exchange.client import Client
from zeke.exchange.keys import Keys
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions
from zeke.exchange.prices import Prices
from zeke.planning import AskUser, Planner
from zeke.prompt import secrets

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")


class Stages:
    """Everything a request passes, for one set of options."""

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        before: Stages | None,
        ask_user: AskUser,
        on_trouble: Callable[[str], None],
    ) -> None:
        """`before` gives on what need not be made anew; `on_trouble` is called on the cache's thread.

        Raises:
            SettingsError: an option or variable cannot be used.
            ValueError: the CA bundle cannot be read.
        """
        self.settings = settings = schema.load(options, os.environ)
        self.keys: Keys = before.keys if before else Keys()
        self.keys.forget()
        self.start_journal()
        self.prices: Prices = before.prices if before else Prices()
        path = settings.database or default_path()
        self.log: Log
        self.reader: Reader
        self.embedded: EmbeddedModel
        if before is not None and before.log.health.path == path:
            self.log, self.reader = before.log, before.reader
        else:
            if before is not None:
                before.log.close()
                before.reader.close()
            self.log = Log(path, owned=settings.database is None, on_trouble=on_trouble)
            self.reader = Reader(path, owned=settings.database is None)
        self.planner = Planner(self.log, ask_user)
        hosts = (settings.gateway.base, str(settings.fallback.ollama.host))
        tls = any(host.startswith("https:") for host in hosts)
        self.client = Client(tls=tls, ca_bundle=settings.ca_bundle)
        local = settings.fallback.embedded
        model = EmbeddedOptions(model_path=local.model_path, threads=local.threads)
        if before is not None and before.embedded.options == model:
            self.embedded = before.embedded
        else:
            if before is not None:
                before.embedded.kill()
            self.embedded = EmbeddedModel(model)
        learned = before.attempts.learned if before else None
        self.attempts: Attempts = Attempts(self.client, settings, self.embedded, learned)
        self._users = 0
        self._is_retired = False

    async def warm(self) -> None:
        """Load and open what the first request needs, beyond what is built already. Whatever fails, fails there."""
        from zeke import answering, asking  # noqa: F401 - loaded for the request
        from zeke.cache import conversations  # noqa: F401 - the same

        self.log.call(lambda _: None)
        with contextlib.suppress(ValueError):
            await self.client.warm(self.settings.gateway.base)
        secrets.warm()

    def start_journal(self) -> None:
        """(Re)start the log with every secret known by now."""
        settings = self.settings
        journal.start(settings.journal, settings.log_level, (*settings.secrets, *self.keys.secrets))

    async def key(self) -> str | None:
        """The gateway's key.

        Raises:
            KeyUnavailable: the configured command does not print one.
        """
        known = len(self.keys.secrets)
        key = await self.keys.of(self.settings.gateway)
        if len(self.keys.secrets) != known:
            self.start_journal()
        return key

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """What a job on the log's own connection returns.

        Raises:
            CacheUnavailable: the cache cannot be used.
        """
        return await asyncio.wrap_future(self.log.call(job))

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """What a reading job finds, all rows handed in before included.

        Raises:
            CacheUnavailable: the cache cannot be read.
        """
        # A log that cannot write says so elsewhere; what is there is still read.
        with contextlib.suppress(CacheUnavailable):
            await self.write(lambda _: None)
        return await asyncio.wrap_future(self.reader.call(job))

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """The connections stay open in here, also when the options change meanwhile."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            await self._close_unused()

    async def retire(self) -> None:
        """Close the connections as soon as nobody uses them."""
        self._is_retired = True
        await self._close_unused()

    async def _close_unused(self) -> None:
        if self._is_retired and not self._users:
            await self.client.close()

    async def close(self) -> None:
        """End model, connections and cache, the last within a bounded time."""
        self.embedded.kill()
        await self.client.close()
        self.reader.close()
        self.log.close()
