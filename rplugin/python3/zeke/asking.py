"""What the editor sent becomes an Ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zeke.exchange.wellformed import wellformed
from zeke.intents import by_command
from zeke.models import Ask, Attachment, Scope, Source, Turn
from zeke.routing import arguments

REPLY = "ZekeReply"


def from_command(name: str, text: str, override: bool, context: Mapping[str, Any]) -> Ask:
    """The request that a command and its words are.

    Raises:
        ArgumentError: a word cannot be used.
    """
    context = mended(context)
    words = arguments.parse(wellformed(text))
    definition = context.get("definition")
    if definition:
        standing = str(definition["name"])
    else:
        # A reply goes on with the intent of its conversation.
        history = context.get("history") or ()
        standing = str(history[-1]["intent"]) if name == REPLY and history else by_command(name).name
    return _ask(context, words.options.get("intent") or standing, words.text, words.options, override)


def from_lua(context: Mapping[str, Any]) -> Ask:
    """The request that a call of `require("zeke").ask` is."""
    context = mended(context)
    options = {"alias": str(context["alias"])} if context.get("alias") else {}
    return _ask(context, str(context["intent"]), str(context["prompt"]), options, False)


def mended(value: Any) -> Any:
    """The same with text that is UTF-8: a buffer, or the name of a folder, may hold any bytes."""
    if isinstance(value, str):
        return wellformed(value)
    if isinstance(value, Mapping):
        return {mended(key): mended(inner) for key, inner in value.items()}
    return [mended(inner) for inner in value] if isinstance(value, list | tuple) else value


def _ask(
    context: Mapping[str, Any], intent: str, instruction: str, arguments: Mapping[str, str], override: bool
) -> Ask:
    scope = context["scope"]
    return Ask(
        request_id=str(context.get("id") or ""),
        intent=intent,
        instruction=instruction,
        scope=Scope(kind=scope["kind"], text=scope["text"], first=scope["first"], last=scope["last"]),
        source=Source(**context["source"]),
        arguments=arguments,
        override=override,
        notes=tuple(str(note) for note in context.get("notes") or ()),
        attachments=tuple(
            Attachment(str(given["title"]), str(given["text"]), str(given["language"]))
            for given in context.get("attachments") or ()
        ),
        guidance=str(context.get("guidance") or ""),
        history=tuple(
            Turn(_ask(turn, str(turn["intent"]), str(turn["prompt"]), {}, False), str(turn["text"]))
            for turn in context.get("history") or ()
        ),
        replay_of=str(context.get("replay_of") or ""),
        target=str(context.get("target") or ""),
        definition=context.get("definition"),
        can_ask=bool(context.get("can_ask")),
    )
