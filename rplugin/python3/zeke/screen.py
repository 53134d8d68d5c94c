"""The editor as the app sees it: fire-and-forget notifications, never a request, never an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynvim.msgpack_rpc.session import Session

_HEAD = "require('zeke.scratch').head(...)"
_APPEND = "require('zeke.scratch').append(...)"
_REASON = "require('zeke.scratch').reason(...)"
_FINISH = "require('zeke.scratch').finish(...)"
_NOTICE = "local level, sentence = ... require('zeke.notice')[level](sentence)"
_CLASSIC = "require('zeke.request').classic(...)"
_REPORT = "require('zeke.report').show(...)"
_ASK = "require('zeke.report').ask(...)"
_PICK = "require('zeke.report').pick(...)"
_PAGE = "require('zeke.page').fill(...)"
_EXPORTED = "require('zeke.stats').exported(...)"
_RECALLED = "require('zeke.replay').recalled(...)"
_RATED = "require('zeke.signals').rated(...)"
_FETCHED = "require('zeke.fetch').receive(...)"
_BUDGET = "require('zeke.report').budget(...)"
_INFO = "require('zeke.info').host_lines(...)"


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields that are unknown are absent in the editor, so that Lua never meets `vim.NIL`."""
    return {key: value for key, value in fields.items() if value is not None}


class Screen:
    """Sends to one Neovim. Every method returns at once."""

    def __init__(self, session: Session, channel: int) -> None:
        """`session` is the host's, `channel` its number in Neovim.

        Not `pynvim.Nvim`: that looks through every argument for buffers and windows, at the price of a third of the
        decoding, and ours has none.
        """
        self._session = session
        self._channel = channel

    def _lua(self, code: str, *args: Any) -> None:
        self._session.request("nvim_exec_lua", code, args, async_=True)

    def head(self, request_id: str, facts: Mapping[str, object], events: Sequence[str] = ()) -> None:
        """Show facts of the route and fire `User` events, in order."""
        self._lua(_HEAD, request_id, _known(facts), list(events))

    def append(self, request_id: str, text: str) -> None:
        """Append one frame of the answer."""
        self._lua(_APPEND, request_id, text)

    def reason(self, request_id: str, text: str) -> None:
        """Append one frame of the model's reasoning."""
        self._lua(_REASON, request_id, text)

    def finish(self, request_id: str, outcome: Mapping[str, object]) -> None:
        """End the answer: `success`, `error_code`, `message` and the facts known at the end."""
        self._lua(_FINISH, request_id, _known(outcome))

    def notice(self, level: str, sentence: str) -> None:
        """One line in the messages; `level` is `info`, `warn` or `error`."""
        self._lua(_NOTICE, level, sentence)

    def info(self, lines: Sequence[str]) -> None:
        """The host's lines of `:ZekeInfo`."""
        self._lua(_INFO, list(lines))

    def report(self, title: str, lines: Sequence[str], filetype: str) -> None:
        """Show a report; `title` says which."""
        # A line of a buffer has no line end: a folder's name may.
        self._lua(_REPORT, title, [line.replace("\n", "␊") for line in lines], filetype)

    def ask(self, question_id: str, question: str, choices: Sequence[str]) -> None:
        """Put a question; the choice comes back as a notification."""
        self._lua(_ASK, question_id, question, list(choices))

    def pick(self, title: str, items: Sequence[str], command: str) -> None:
        """Let the user choose; the choice becomes the argument of `command`."""
        self._lua(_PICK, title, list(items), command)

    def page(
        self,
        bufnr: int,
        serial: int,
        lines: Sequence[str],
        spans: Sequence[tuple[int, int, int, str]],
        targets: Sequence[tuple[int, int, int, Mapping[str, Any]]],
        state: Mapping[str, object],
    ) -> None:
        """Fill a page; `serial` is that of the request, so that a late answer is not shown."""
        self._lua(_PAGE, bufnr, serial, list(lines), spans, targets, state)

    def exported(self, path: str, attempts: int) -> None:
        """A file was written."""
        self._lua(_EXPORTED, path, attempts)

    def recalled(self, turns: Sequence[Mapping[str, object]], how: str, words: str) -> None:
        """An earlier conversation, to be shown, forked or asked once more."""
        self._lua(_RECALLED, list(turns), how, words)

    def rated(self, request_id: str, kind: str, sentence: str) -> None:
        """A rating was kept."""
        self._lua(_RATED, request_id, kind, sentence)

    def fetched(self, token: int, value: object, problem: str | None) -> None:
        """What a function of the Lua API asked for."""
        self._lua(_FETCHED, token, value, problem or "")

    def budget(self, request_id: str, event: str, figures: str) -> None:
        """Fire one of the budget's events, and say the figures."""
        self._lua(_BUDGET, request_id, event, figures)

    def take_over(self, name: str, args: Sequence[str], range_: Sequence[int], bang: int) -> None:
        """A classic command came in: the Lua side captures the selection and asks again."""
        self._lua(_CLASSIC, self._channel, name, list(args), list(range_), bang)
