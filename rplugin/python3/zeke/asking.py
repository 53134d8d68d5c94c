"""What the editor sent becomes an Ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zeke.intents import by_command
from zeke.models import Ask, Scope, Source
from zeke.routing import arguments


def from_command(name: str, text: str, override: bool, context: Mapping[str, Any]) -> Ask:
    """The request that a command and its words are.

    Raises:
        ArgumentError: a word cannot be used.
    """
    words = arguments.parse(text)
    return _ask(context, words.options.get("intent") or by_command(name).name, words.text, words.options, override)


def from_lua(context: Mapping[str, Any]) -> Ask:
    """The request that a call of `require("zeke").ask` is."""
    options = {"alias": str(context["alias"])} if context.get("alias") else {}
    return _ask(context, str(context["intent"]), str(context["prompt"]), options, False)


def _ask(
    context: Mapping[str, Any], intent: str, instruction: str, arguments: Mapping[str, str], override: bool
) -> Ask:
    scope = context["scope"]
    return Ask(
        request_id=str(context["id"]),
        intent=intent,
        instruction=instruction,
        scope=Scope(kind=scope["kind"], text=scope["text"], first=scope["first"], last=scope["last"]),
        source=Source(**context["source"]),
        arguments=arguments,
        override=override,
        can_ask=bool(context.get("can_ask")),
    )
