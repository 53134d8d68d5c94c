"""The handlers: pynvim's decorators and nothing else. Each one delegates to the app and returns at once.

Neovim's side defines the same commands in Lua and notifies these handlers with the decorators' argument
layout (args, range, bang, context). A classic remote plugin host calls them through its own commands;
then the context says so and the request is taken up again on the Lua side, which captures the selection.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pynvim

if TYPE_CHECKING:
    from zeke.app import App

Handler = TypeVar("Handler", bound=Callable[..., None])
Target = Callable[[str, str, bool, dict[str, Any]], None]

COMPLETE = "customlist,v:lua.require'zeke.completion'.complete"
CLASSIC = "{'classic': v:true}"


def _guarded(handler: Handler) -> Handler:
    """One line for the user and the details to the log, whatever a handler raises."""

    @functools.wraps(handler)
    def run(self: ZekePlugin, *args: Any) -> None:
        try:
            handler(self, *args)
        except Exception as error:
            self.app.report(error)

    return run  # type: ignore[return-value]


@pynvim.plugin
class ZekePlugin:
    """The registry of commands."""

    live: ClassVar[list[ZekePlugin]] = []
    """What pynvim made of this class, for an orderly exit."""

    def __init__(self, nvim: pynvim.Nvim) -> None:
        """Neither talks to Neovim nor imports anything: pynvim hides what is raised here."""
        self.nvim = nvim
        self._app: App | None = None
        self.live.append(self)

    @property
    def app(self) -> App:
        """The stages behind the handlers, wired on first use."""
        if self._app is None:
            from zeke.app import App
            from zeke.screen import Screen

            self._app = App(Screen(self.nvim._session, self.nvim.channel_id), self.nvim.loop)
        return self._app

    def _hand_on(
        self, target: Target, name: str, args: list[str], range_: list[int], bang: int, context: dict[str, Any]
    ) -> None:
        if context.get("classic"):
            self.app.screen.take_over(name, args, range_, bang)
        else:
            target(name, args[0] if args else "", bool(bang), context)

    # allow_nested makes pynvim's own commands plain notifications; without it one caught exception
    # in a sync handler of any plugin would silence them for good.

    @pynvim.command("Zeke", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """Ask anything."""
        self._hand_on(self.app.command, "Zeke", args, range_, bang, context)

    @pynvim.command("ZekeTest", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_test(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """Tests for what is selected."""
        self._hand_on(self.app.command, "ZekeTest", args, range_, bang, context)

    @pynvim.command("ZekeExplain", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_explain(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """What is selected, explained."""
        self._hand_on(self.app.command, "ZekeExplain", args, range_, bang, context)

    @pynvim.command("ZekeRefactor", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_refactor(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """The same code, better built, as a diff."""
        self._hand_on(self.app.command, "ZekeRefactor", args, range_, bang, context)

    @pynvim.command("ZekeFix", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_fix(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """What is wrong, corrected, as a diff."""
        self._hand_on(self.app.command, "ZekeFix", args, range_, bang, context)

    @pynvim.command("ZekeDocs", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_docs(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """Documentation, as a diff."""
        self._hand_on(self.app.command, "ZekeDocs", args, range_, bang, context)

    @pynvim.command("ZekeReview", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_review(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """Findings about the changes."""
        self._hand_on(self.app.command, "ZekeReview", args, range_, bang, context)

    @pynvim.command("ZekeCommit", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_commit(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """A message for what is staged."""
        self._hand_on(self.app.command, "ZekeCommit", args, [0, 0], bang, context)

    @pynvim.command("ZekeReply", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_reply(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """One more turn of a conversation."""
        self._hand_on(self.app.command, "ZekeReply", args, range_, bang, context)

    @pynvim.command("ZekeStop", nargs="?", bang=True, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_stop(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Stop a request; with `!` all of them."""
        if context.get("classic"):
            self.app.screen.take_over("ZekeStop", args, [0, 0], bang)
        else:
            self.app.stop(None if bang else context.get("id"))

    @pynvim.command("ZekePreview", nargs="?", range="", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_preview(self, args: list[str], range_: list[int], bang: int, context: dict[str, Any]) -> None:
        """What a command would send."""
        self._hand_on(self.app.inquire, "ZekePreview", args, range_, bang, context)

    @pynvim.command("ZekeWhy", nargs="?", bang=True, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_why(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Why this model; with `!` what the gateway sent."""
        self._hand_on(self.app.inquire, "ZekeWhy", args, [0, 0], bang, context)

    @pynvim.command("ZekePrefs", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_prefs(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Show or set the project's preferences; with `!` forget them."""
        self._hand_on(self.app.inquire, "ZekePrefs", args, [0, 0], bang, context)

    @pynvim.command("ZekeModel", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_model(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Pin a model or alias for the project."""
        self._hand_on(self.app.inquire, "ZekeModel", args, [0, 0], bang, context)

    @pynvim.command("ZekeAlias", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_alias(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Pin an alias for the project."""
        self._hand_on(self.app.inquire, "ZekeAlias", args, [0, 0], bang, context)

    @pynvim.command("ZekeBudget", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_budget(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Show or set the project's monthly limit in cents."""
        self._hand_on(self.app.inquire, "ZekeBudget", args, [0, 0], bang, context)

    @pynvim.command("ZekeHistory", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_history(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """Earlier conversations; with `!` of all projects."""
        self._hand_on(self.app.inquire, "ZekeHistory", args, [0, 0], bang, context)

    @pynvim.command("ZekeStats", nargs="?", bang=True, complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_stats(self, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """How the models do; with `!` in all projects."""
        self._hand_on(self.app.inquire, "ZekeStats", args, [0, 0], bang, context)

    @pynvim.command("ZekeRate", nargs="?", complete=COMPLETE, allow_nested=True, eval=CLASSIC)
    @_guarded
    def zeke_rate(self, args: list[str], context: dict[str, Any]) -> None:
        """A verdict on this buffer's answer."""
        self._hand_on(self.app.inquire, "ZekeRate", args, [0, 0], 0, context)

    @pynvim.rpc_export("zeke_report")
    @_guarded
    def report_again(self, state: dict[str, Any], context: dict[str, Any]) -> None:
        """The statistics, sorted, grouped or opened by a key."""
        self.app.report_again(state, context)

    @pynvim.rpc_export("zeke_recall")
    @_guarded
    def recall(self, request_id: str, how: str, words: str) -> None:
        """Bring an earlier conversation back."""
        self.app.recall(request_id, how, words)

    @pynvim.rpc_export("zeke_forget")
    @_guarded
    def forget(self, request_ids: list[str]) -> None:
        """Delete turns of the history."""
        self.app.forget(request_ids)

    @pynvim.rpc_export("zeke_signal")
    @_guarded
    def signal(self, request_id: str, kind: str) -> None:
        """The user did something with an answer."""
        self.app.signal(request_id, kind)

    @pynvim.rpc_export("zeke_fetch")
    @_guarded
    def fetch(self, token: int, what: str, words: str, context: dict[str, Any]) -> None:
        """What a function of the Lua API waits for."""
        self.app.fetch(token, what, words, context)

    @pynvim.rpc_export("zeke_own")
    @_guarded
    def own(self, name: str, args: list[str], bang: int, context: dict[str, Any]) -> None:
        """A command of an intent of the user's own."""
        self.app.command(name, args[0] if args else "", bool(bang), context)

    @pynvim.rpc_export("zeke_reply")
    @_guarded
    def reply(self, question_id: str, choice: str) -> None:
        """The choice of the user to a question."""
        self.app.reply(question_id, choice)

    @pynvim.rpc_export("zeke_ask")
    @_guarded
    def ask(self, context: dict[str, Any]) -> None:
        """A request of the Lua API."""
        self.app.ask(context)

    @pynvim.rpc_export("zeke_configure")
    @_guarded
    def configure(self, options: dict[str, Any]) -> None:
        """The options of `setup{}`, at start and when they change."""
        self.app.configure(options)

    @pynvim.rpc_export("zeke_warm")
    @_guarded
    def warm(self) -> None:
        """Import what a request needs while the user still types."""
        self.app.warm()

    @pynvim.rpc_export("zeke_info")
    @_guarded
    def info(self) -> None:
        """Show versions, paths and the gateway."""
        self.app.info()

    async def finish(self) -> None:
        """Orderly end: called by `zeke.boot` when the editor is gone."""
        if self._app is not None:
            await self._app.close()
