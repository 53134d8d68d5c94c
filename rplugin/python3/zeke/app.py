"""Wires the stages: a command becomes an Ask, the Ask a Route, the Route an answer. Owns the tasks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zeke import __version__, journal
from zeke.models import Ask, Scope, Source

if TYPE_CHECKING:
    from zeke.cache.writer import Log
    from zeke.exchange.attempts import Attempts
    from zeke.exchange.client import Client
    from zeke.exchange.local.embedded import EmbeddedModel
    from zeke.screen import Screen
    from zeke.settings import Settings


class App:
    """One editor's Zeke. Everything runs on the loop; only the cache has a thread."""

    def __init__(self, screen: Screen, loop: asyncio.AbstractEventLoop) -> None:
        """`screen` is where things are shown; `loop` is pynvim's own."""
        self.screen = screen
        self._loop = loop
        self._options: Mapping[str, Any] = {}
        self._settings: Settings | None = None
        self._client: Client | None = None
        self._attempts: Attempts | None = None
        self._embedded: EmbeddedModel | None = None
        self._log: Log | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        loop.set_exception_handler(lambda _, context: self._unexpected(context))

    # What the handlers call. Each returns at once.

    def configure(self, options: Mapping[str, Any]) -> None:
        """Take `setup`'s options; they hold from the next request on."""
        self._options = options
        self._settings = None
        self._attempts = None
        self._retire(self._client)
        self._client = None

    def command(self, name: str, text: str, override: bool, context: Mapping[str, Any]) -> None:
        """A request command: `text` is everything after its name."""
        from zeke.intents import by_command
        from zeke.routing import arguments

        try:
            words = arguments.parse(text)
            intent = words.options.get("intent") or by_command(name).name
        except arguments.ArgumentError as error:
            self.screen.finish(str(context["id"]), {"success": False, "message": str(error)})
            return
        self._start(_ask(context, intent, words.text, words.options, override))

    def ask(self, context: Mapping[str, Any]) -> None:
        """A request of the Lua API; `context` holds intent, prompt and perhaps an alias."""
        arguments = {"alias": str(context["alias"])} if context.get("alias") else {}
        self._start(_ask(context, str(context["intent"]), str(context["prompt"]), arguments, False))

    def stop(self, request_id: str | None) -> None:
        """Cancel one request, or all of them."""
        for known, task in list(self._tasks.items()):
            if request_id in (None, known):
                task.cancel()

    def warm(self) -> None:
        """Import and build what the first request needs."""
        self._loop.call_soon(self._prepared_quietly)

    def info(self) -> None:
        """Show what the host knows of itself."""
        import platform

        from zeke.settings import SettingsError

        lines = [f"zeke       {__version__}, Python {platform.python_version()}"]
        try:
            settings, _, _, log = self._prepared()
        except (SettingsError, ValueError) as error:
            self.screen.info([*lines, str(error)])
            return
        health = log.health
        self.screen.info(
            [
                *lines,
                f"gateway    {settings.gateway.base} ({'with a key' if settings.gateway.key else 'no key'})",
                f"cache      {health.path}: {health.trouble or f'fine, {health.lost} rows lost'}",
                f"log        {settings.log}",
            ]
        )

    def report(self, error: BaseException) -> None:
        """Something went wrong that no stage explained: details to the log, one line to the user."""
        journal.LOGGER.error("unexpected", exc_info=error)
        self.screen.notice("error", f"Zeke failed ({type(error).__name__}): the details are in :ZekeLog")

    async def close(self) -> None:
        """End everything in order: answers, model, connections, cache."""
        self.stop(None)
        if self._embedded is not None:
            self._embedded.kill()
        if self._client is not None:
            await self._client.close()
        if self._log is not None:
            self._log.close()

    # How it is done.

    def _unexpected(self, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self.report(error)
        else:
            journal.LOGGER.warning("%s", context.get("message"))

    def _retire(self, client: Client | None) -> None:
        if client is not None:
            self._keep("client", self._loop.create_task(client.close()))

    def _keep(self, name: str, task: asyncio.Task[None]) -> None:
        # The loop holds its tasks weakly.
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        if task.cancelled():
            # It never ran, so nobody told the editor.
            self.screen.finish(
                name, {"success": False, "error_code": "cancelled", "message": "cancelled before it left"}
            )
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report(error)

    def _prepared_quietly(self) -> None:
        from zeke.settings import SettingsError

        # What is wrong is said when a request needs it.
        try:
            self._prepared()
        except (SettingsError, ValueError) as error:
            journal.LOGGER.warning("%s", error)

    def _prepared(self) -> tuple[Settings, Client, Attempts, Log]:
        """The stages, built once for the current options.

        Raises:
            SettingsError: an option or variable cannot be used.
            ValueError: the CA bundle cannot be read.
        """
        from zeke import settings as schema
        from zeke.cache.database import default_path
        from zeke.cache.writer import Log
        from zeke.exchange.attempts import Attempts
        from zeke.exchange.client import Client
        from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions

        if self._settings is None:
            self._settings = schema.load(self._options, os.environ)
            journal.start(self._settings.log, self._settings.log_level, self._settings.secrets)
        settings = self._settings
        if self._log is None:
            self._log = Log(
                settings.database or default_path(), owned=settings.database is None, on_trouble=self._cache_trouble
            )
        if self._client is None:
            https = settings.gateway.base.startswith("https:") or str(settings.fallback.ollama.host).startswith(
                "https:"
            )
            self._client = Client(tls=https, ca_bundle=settings.ca_bundle)
        if self._attempts is None:
            local = settings.fallback.embedded
            if self._embedded is None:
                self._embedded = EmbeddedModel(EmbeddedOptions(model_path=local.model_path, threads=local.threads))
            self._attempts = Attempts(self._client, settings, self._embedded)
        return settings, self._client, self._attempts, self._log

    def _cache_trouble(self, sentence: str) -> None:
        # On the cache's thread.
        self._loop.call_soon_threadsafe(self.screen.notice, "warn", sentence)

    def _start(self, ask: Ask) -> None:
        from zeke.settings import SettingsError

        try:
            settings, _, attempts, log = self._prepared()
        except (SettingsError, ValueError) as error:
            self._refuse(ask, str(error))
            return
        self._keep(ask.request_id, self._loop.create_task(self._answer(ask, settings, attempts, log)))

    async def _answer(self, ask: Ask, settings: Settings, attempts: Attempts, log: Log) -> None:
        from zeke.answering import Answering
        from zeke.intents import INTENTS
        from zeke.prompt import messages as prompt
        from zeke.routing.aliases import AliasError
        from zeke.routing.resolve import resolve

        intent = INTENTS.get(ask.intent, INTENTS["code"])
        messages = prompt.build(ask, intent)
        try:
            route = resolve(ask, intent, prompt_bytes=prompt.size(messages), timeouts=settings.gateway.limits())
        except AliasError as error:
            self._refuse(ask, str(error))
            return
        answering = Answering(ask, route, self.screen, log)
        await answering.run(attempts.run(ask.request_id, route, messages))

    def _refuse(self, ask: Ask, sentence: str) -> None:
        self.screen.finish(ask.request_id, {"success": False, "message": sentence})


def _ask(
    context: Mapping[str, Any], intent: str, instruction: str, arguments: Mapping[str, str], override: bool
) -> Ask:
    scope, source = context["scope"], context["source"]
    return Ask(
        request_id=str(context["id"]),
        intent=intent,
        instruction=instruction,
        scope=Scope(kind=scope["kind"], text=scope["text"], first=scope["first"], last=scope["last"]),
        source=Source(**source),
        arguments=arguments,
        override=override,
    )
