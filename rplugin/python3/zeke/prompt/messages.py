"""The messages of a request from intent, instruction, file and scope."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zeke.intents import Intent, of
from zeke.models import Ask, Message, Turn

_SCOPES = {
    "char": "Selected text",
    "line": "Selected lines",
    "block": "Selected block",
    "function": "The function",
    "buffer": "The whole file",
}


def fence(text: str, language: str = "") -> str:
    """The text in a Markdown code fence that the text itself cannot close (CommonMark §4.5)."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{text.removesuffix(chr(10))}\n{ticks}"


HISTORY_BYTES = 48 * 1024
"""UTF-8 bytes of earlier turns that are sent along: some 12,000 tokens, less than most windows hold."""


def _user(ask: Ask) -> str:
    scope, source = ask.scope, ask.source
    parts = [ask.instruction if scope.kind == "none" else ask.instruction or of(ask).instruction]
    if scope.kind == "diff":
        parts.append(f"The changes:\n\n{fence(scope.text, 'diff')}")
    elif scope.kind != "none":
        where = f"{_SCOPES[scope.kind]}, lines {scope.first} to {scope.last}"
        name = f" of `{source.path}`" if source.path else ""
        kind = f" ({source.filetype})" if source.filetype else ""
        parts.append(f"{where}{name}{kind}:\n\n{fence(scope.text, source.filetype)}")
    if ask.notes:
        parts.append("\n".join(["Diagnostics:", *(f"- {note}" for note in ask.notes)]))
    parts += [f"{given.title}:\n\n{fence(given.text, given.language)}" for given in ask.attachments]
    return "\n\n".join(parts)


def build(ask: Ask, intent: Intent) -> tuple[Message, ...]:
    """System message, the earlier turns that fit, and the user's. What was not asked to be sent is not in them."""
    system = intent.system
    if ask.guidance:
        system = f"{system}\n\nThe project's own instructions:\n\n{ask.guidance.strip()}"
    earlier = [message for turn in kept(ask) for message in _messages(turn)]
    return (Message("system", system), *earlier, Message("user", _user(ask)))


def _messages(turn: Turn) -> tuple[Message, Message]:
    return Message("user", _user(turn.ask)), Message("assistant", turn.answer)


def kept(ask: Ask) -> tuple[Turn, ...]:
    """The newest earlier turns that fit the budget; the older ones are left out."""
    left = HISTORY_BYTES
    found: list[Turn] = []
    for turn in reversed(ask.history):
        left -= size(_messages(turn))
        if left < 0:
            break
        found.insert(0, turn)
    return tuple(found)


def size(messages: Sequence[Message]) -> int:
    """UTF-8 bytes of all contents together."""
    return sum(len(message.content.encode("utf-8", "surrogatepass")) for message in messages)
