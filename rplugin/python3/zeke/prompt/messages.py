"""The messages of a request from intent, instruction, file and scope."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zeke.intents import Intent
from zeke.models import Ask, Message

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


def build(ask: Ask, intent: Intent) -> tuple[Message, ...]:
    """System and user message. What was not asked to be sent (absolute paths, other files) is not in them."""
    parts = [ask.instruction or intent.instruction if ask.scope.kind != "none" else ask.instruction]
    if ask.scope.kind != "none":
        where = f"{_SCOPES[ask.scope.kind]}, lines {ask.scope.first} to {ask.scope.last}"
        name = f" of `{ask.source.path}`" if ask.source.path else ""
        kind = f" ({ask.source.filetype})" if ask.source.filetype else ""
        parts.append(f"{where}{name}{kind}:\n\n{fence(ask.scope.text, ask.source.filetype)}")
    return (Message("system", intent.system), Message("user", "\n\n".join(parts)))


def size(messages: Sequence[Message]) -> int:
    """UTF-8 bytes of all contents together."""
    return sum(len(message.content.encode("utf-8", "surrogatepass")) for message in messages)
