"""Wires the stages: a command becomes an Ask, the Ask a Plan, the Plan an answer. Owns the tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from zeke import __version__, journal

if TYPE_CHECKING:
    from zeke.answering import Answering
    from zeke.housekeeping import Housekeeping
    from zeke.inquiries import Inquiries
    from zeke.models import Ask, Route
    from zeke.reporting import Reporting, Shelf
    from zeke.screen import Screen
    from zeke.stages import Stages

FAILED = "Zeke failed on this request: the details are in :ZekeLog"


class App:
    """One editor's Zeke. Everything runs on the loop; only the cache has a thread."""

    def __init__(self, screen: Screen, loop: asyncio.AbstractEventLoop) -> None:
        """`screen` is where things are shown; `loop` is pynvim's own."""
        self.screen = screen
        self._loop = loop
        self._options: Mapping[str, Any] = {}
        self._stages: Stages | None = None
        self._built_from: Mapping[str, Any] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()
        self._shown: Shelf | None = None
        self._housekeeping: Housekeeping | None = None
        self._questions: dict[str, asyncio.Future[str]] = {}
        self._answering: set[str] = set()
        loop.set_exception_handler(lambda _, context: self._unexpected(context))

    # What the handlers call. Each returns at once.

    def configure(self, options: Mapping[str, Any]) -> None:
        """Take `setup`'s options; they hold from the next request on."""
        self._options = options

    def command(self, name: str, text: str, override: bool, context: Mapping[str, Any]) -> None:
        """A request command: `text` is everything after its name."""
        from zeke import asking

        self._start_with(context, lambda: asking.from_command(name, text, override, context))

    def ask(self, context: Mapping[str, Any]) -> None:
        """A request of the Lua API; `context` holds intent, prompt and perhaps an alias."""
        from zeke import asking

        self._start_with(context, lambda: asking.from_lua(context))

    def inquire(self, name: str, text: str, bang: bool, context: Mapping[str, Any]) -> None:
        """A command that shows or sets something and sends no prompt."""
        from zeke.asking import mended

        text, context = mended(text), mended(context)
        if name in ("ZekeStats", "ZekeHistory"):
            self._report(name, context, lambda reporting: reporting.run(name, text, bang, context))
            return
        self._inquire(
            f"{name} {context.get('id')}",
            lambda inquiries: inquiries.run(name, text, bang, context),
            context["source"].get("file") or "",
        )

    def _inquire(
        self, name: str, work: Callable[[Inquiries], Coroutine[Any, Any, None]], project_file: str | None = None
    ) -> None:
        from zeke.inquiries import Inquiries

        self._with_stages(
            name,
            lambda sentence: self.screen.notice("error", sentence),
            lambda stages: work(Inquiries(stages, self.screen)),
            project_file,
        )

    def _report(
        self, name: str, context: Mapping[str, Any], work: Callable[[Reporting], Coroutine[Any, Any, None]]
    ) -> None:
        from zeke.reporting import Reporting

        self._with_stages(
            f"{name} {context.get('serial')}",
            lambda sentence: self.screen.notice("error", sentence),
            lambda stages: work(Reporting(stages, self.screen, self._shelf())),
            context["source"].get("file") or "",
        )

    def _shelf(self) -> Shelf:
        if self._shown is None:
            from zeke.reporting import Shelf

            self._shown = Shelf()
        return self._shown

    def recall(self, request_id: str, how: str, words: str) -> None:
        """Bring an earlier conversation back; `how` is show, fork or replay, `words` are those of the replay."""
        self._inquire(f"recall {request_id}", lambda inquiries: inquiries.recall(request_id, how, words))

    def signal(self, request_id: str, kind: str) -> None:
        """The user did something with an answer."""
        self._inquire(f"signal {request_id}", lambda inquiries: inquiries.signal(request_id, kind))

    def forget(self, request_ids: list[str]) -> None:
        """Delete turns of the history."""
        self._inquire("forget", lambda inquiries: inquiries.forget(request_ids))

    def report_again(self, state: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        """A key of the statistics' page."""
        self._report("ZekeStats", context, lambda reporting: reporting.again(state, context))

    def fetch(self, token: int, what: str, words: str, context: Mapping[str, Any]) -> None:
        """What a function of the Lua API waits for: `stats` or `why`."""

        async def work(stages: Stages) -> None:
            from zeke.cache.database import CacheUnavailable
            from zeke.inquiries import Inquiries
            from zeke.reporting import Reporting
            from zeke.routing.arguments import ArgumentError

            try:
                if what == "stats":
                    reporting = Reporting(stages, self.screen, self._shelf())
                    found = await reporting.fetch(words, bool(context.get("everywhere")), context)
                else:
                    found = await Inquiries(stages, self.screen).fetch(words, context)
            except (ArgumentError, CacheUnavailable) as error:
                self.screen.fetched(token, None, str(error))
            else:
                self.screen.fetched(token, found, None)

        self._with_stages(
            f"fetch {token}",
            lambda sentence: self.screen.fetched(token, None, sentence),
            work,
            context["source"].get("file") or "",
        )

    def reply(self, question_id: str, choice: str) -> None:
        """The user answered a question; an empty choice cancels."""
        future = self._questions.pop(question_id, None)
        if future is not None and not future.done():
            future.set_result(choice)

    def stop(self, request_id: str | None) -> None:
        """Cancel one request, or all of them."""
        for known, task in list(self._tasks.items()):
            if request_id in (None, known):
                task.cancel()

    def warm(self) -> None:
        """Import and build what the first request needs."""

        # What is wrong is said when a request needs it.
        def work(stages: Stages) -> Coroutine[Any, Any, None]:
            return stages.warm()

        self._loop.call_soon(self._with_stages, "warm", journal.LOGGER.warning, work)

    def info(self) -> None:
        """Show what the host knows of itself."""
        import platform

        from zeke.exchange.address import shown

        lines = [f"zeke       {__version__}, Python {platform.python_version()}"]

        async def show(stages: Stages) -> None:
            settings, health = stages.settings, stages.log.health
            self.screen.info(
                [
                    *lines,
                    f"gateway    {shown(settings.gateway.base)} ({'with a key' if settings.gateway.key else 'no key'})",
                    f"cache      {health.path}: {health.trouble or f'fine, {health.lost} rows lost'}",
                    f"log        {settings.journal}",
                ]
            )

        self._with_stages("info", lambda sentence: self.screen.info([*lines, sentence]), show)

    def report(self, error: BaseException) -> None:
        """Something went wrong that no stage explained: details to the log, one line to the user."""
        journal.LOGGER.error("unexpected", exc_info=error)
        self.screen.notice("error", f"Zeke failed ({type(error).__name__}): the details are in :ZekeLog")

    async def close(self) -> None:
        """End everything in order: answers, model, connections, cache."""
        self.stop(None)
        if self._housekeeping is not None:
            self._housekeeping.stop()
        if self._stages is not None:
            await self._stages.close()

    # How it is done.

    def _unexpected(self, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self.report(error)
        else:
            journal.LOGGER.warning("%s", context.get("message"))

    def _keep(self, name: str, task: asyncio.Task[None]) -> None:
        # The loop holds its tasks weakly.
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        if task.cancelled():
            # It never came to its answer, so nobody told the editor.
            self.screen.finish(
                name, {"success": False, "error_code": "cancelled", "message": "cancelled before it left"}
            )
        elif (error := task.exception()) is not None:
            self.report(error)
            # Only a request that still waits for its end takes it.
            self._refuse(name, FAILED)

    def _with_stages(
        self,
        name: str,
        refuse: Callable[[str], None],
        work: Callable[[Stages], Coroutine[Any, Any, None]] | None,
        project_file: str | None = "",
    ) -> None:
        """Run `work` with the stages of the current options and the project's own; None takes those that are there.

        `refuse` gets the sentence when they cannot be built.
        """
        from zeke.settings import SettingsError, with_project
        from zeke.stages import Stages

        before = self._stages
        try:
            options = with_project(self._options, project_file or "")
            if before is None or (project_file is not None and options != self._built_from):
                self._stages = Stages(options, before=before, ask_user=self._ask_user, on_trouble=self._cache_trouble)
                self._built_from = options
        except (SettingsError, ValueError) as error:
            refuse(str(error))
            return
        if before is not None and before is not self._stages:
            self._keep("retired client", self._loop.create_task(before.retire()))
        if work is not None and self._stages is not None:
            self._keep(name, self._loop.create_task(work(self._stages)))

    def _cache_trouble(self, sentence: str) -> None:
        # On the cache's thread.
        self._loop.call_soon_threadsafe(self.screen.notice, "warn", sentence)

    async def _ask_user(self, question_id: str, question: str, choices: list[str]) -> str:
        future: asyncio.Future[str] = self._loop.create_future()
        self._questions[question_id] = future
        self.screen.ask(question_id, question, choices)
        return await future

    def _start_with(self, context: Mapping[str, Any], build: Callable[[], Ask]) -> None:
        """Build the request and start it; one that cannot be built has its end all the same."""
        from zeke.routing.arguments import ArgumentError

        try:
            self._start(build())
        except ArgumentError as error:
            self._refuse(str(context["id"]), str(error))
        except Exception:
            self._refuse(str(context["id"]), FAILED)
            raise

    def _start(self, ask: Ask) -> None:
        self._with_stages(
            ask.request_id,
            lambda sentence: self._refuse(ask.request_id, sentence),
            lambda stages: self._answer_in(stages, ask),
            ask.source.file,
        )

    def _refuse(self, request_id: str, sentence: str) -> None:
        self.screen.finish(request_id, {"success": False, "message": sentence})

    async def _answer_in(self, stages: Stages, ask: Ask) -> None:
        self._answering.add(ask.request_id)
        try:
            async with stages.in_use():
                await self._answer(ask, stages)
        finally:
            self._answering.discard(ask.request_id)
            self._tidy_later(stages, ask.source.project)

    async def _answer(self, ask: Ask, stages: Stages) -> None:
        from zeke.answering import Answering
        from zeke.exchange.keys import KeyUnavailable
        from zeke.planning import SecretFound
        from zeke.routing.aliases import AliasError

        try:
            plan = await stages.planner.route(ask, stages.settings)
            key = await stages.key()
        except (AliasError, KeyUnavailable) as error:
            self._refuse(ask.request_id, str(error))
            return
        if plan.standing.is_near:
            self.screen.budget(ask.request_id, "ZekeBudgetWarning", plan.standing.figures())
        elif plan.standing.is_exceeded:
            self.screen.budget(ask.request_id, "ZekeBudgetExceeded", plan.standing.figures())
        self._tell_strategy(plan.route)
        if plan.dropped:
            self.screen.head(ask.request_id, {"dropped": plan.dropped})
        try:
            permitted = await stages.planner.permit(ask, plan, stages.settings)
        except SecretFound as error:
            self._refuse(ask.request_id, str(error))
            return
        if permitted is None:
            self.screen.finish(
                ask.request_id, {"success": False, "error_code": "cancelled", "message": "cancelled, nothing was sent"}
            )
            return
        plan = permitted
        answering = Answering(
            ask, plan.route, self.screen, stages.log, stages.prices, plan.override, keeps_text=plan.keeps_text
        )
        steps = stages.attempts.run(
            ask.request_id,
            plan.route,
            plan.messages,
            key=key,
            blocked=plan.blocked,
            go_local=plan.go_local,
            rest=answering.rest,
        )
        await answering.run(steps)
        if kept := answering.take_kept():
            self._remember(ask, stages, kept, answering.model)
        if answering.refused_key:
            stages.keys.forget()
        if answering.unpriced is not None and not stages.prices.is_known(answering.unpriced[0]):
            await self._price(ask, stages, answering.unpriced[0], answering, key)

    def _remember(self, ask: Ask, stages: Stages, text: bytearray, model: str | None) -> None:
        """Keep prompt and answer."""
        from zeke.cache import conversations

        now = int(time.time())
        parent = ask.history[-1].ask.request_id if ask.history else None
        stages.log.call(lambda connection: conversations.save(connection, ask, text, model, parent, now))

    def _tidy_later(self, stages: Stages, project: str) -> None:
        """The log is looked after once nobody waits for an answer any more."""
        from zeke.housekeeping import Housekeeping

        if self._housekeeping is None:
            self._housekeeping = Housekeeping(self._loop, self.screen, lambda: bool(self._answering))
        self._housekeeping.soon(stages, project)

    def _tell_strategy(self, route: Route) -> None:
        """A strategy of the user's own is said once, with what it does."""
        strategy = (route.omen or {}).get("strategy", "single")
        if strategy != "single" and strategy not in self._told:
            self._told.add(str(strategy))
            self.screen.notice(
                "warn",
                f"strategy {strategy} asks several models at once: each one costs, and OMEN may cut or mix their"
                " answers; `single` does not",
            )

    async def _price(self, ask: Ask, stages: Stages, base: str, answering: Answering, key: str | None) -> None:
        """Learn the gateway's prices after the first answer that came without a cost, and complete its row."""
        from zeke.cache import decisions

        await stages.prices.learn(stages.client, base, key)
        cents = answering.computed_cost()
        if cents is not None:
            stages.log.call(lambda connection: decisions.price(connection, ask.request_id, cents))
