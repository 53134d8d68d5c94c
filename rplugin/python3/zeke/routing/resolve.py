"""Alias, intent, project preferences and command line become a Route; the last one that names a key wins it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zeke.intents import Intent
from zeke.models import Ask, Route, Timeouts
from zeke.routing import aliases as alias_table
from zeke.routing.aliases import LOCAL, Alias
from zeke.routing.arguments import TAG
from zeke.routing.tags import DEFAULTS, size_hint

LEFT_OUT = "false"
"""The word that leaves a tag out of the request."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a project prefers, as far as it was set."""

    alias: str | None = None
    model: str | None = None
    prefer_local: bool = False
    private: bool = False


class _Draft:
    """Values with the source of each, in the order they are given."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.origin: dict[str, str] = {}

    def put(self, key: str, value: object, source: str) -> None:
        self.values[key] = value
        self.origin[key] = source

    def of(self, prefix: str) -> dict[str, object]:
        return {key[len(prefix) :]: value for key, value in self.values.items() if key.startswith(prefix)}


def _chosen_alias(ask: Ask, preferences: Preferences) -> tuple[str, str]:
    if "alias" in ask.arguments:
        return ask.arguments["alias"], "command line"
    if preferences.alias:
        return preferences.alias, "project preference"
    return alias_table.DEFAULT, "default"


def _put_alias(draft: _Draft, name: str, alias: Alias) -> None:
    source = f"alias {name}"
    if alias.model is not None:
        draft.put("model", alias.model, source)
    if alias.provider is not None:
        draft.put("provider", alias.provider, source)
    if alias.strategy is not None:
        draft.put("strategy", alias.strategy, source)
    for group in ("tags", "parameters", "headers"):
        for key, value in getattr(alias, group).items():
            draft.put(f"{group}.{key}", value, source)


def resolve(
    ask: Ask,
    intent: Intent,
    *,
    prompt_bytes: int,
    own: Mapping[str, Alias] | None = None,
    preferences: Preferences | None = None,
    timeouts: Timeouts | None = None,
) -> Route:
    """Everything that is sent beside the messages, with the source of each value in words.

    `prompt_bytes` is the size of the whole prompt in UTF-8 bytes; `own` are the user's and the project's aliases.

    Raises:
        AliasError: an alias is unknown or goes in a circle.
    """
    preferences = preferences or Preferences()
    draft = _Draft()
    for key, value in DEFAULTS.items():
        draft.put(f"tags.{key}", value, "default")
    draft.put("tags.project", ask.source.project, "project")
    draft.put("tags.size_hint", size_hint(prompt_bytes), f"measured: {prompt_bytes} bytes")
    name, alias_source = _chosen_alias(ask, preferences)
    draft.origin["alias"] = alias_source
    for link, alias in alias_table.chain(name, own or {}):
        _put_alias(draft, link, alias)
    draft.put("tags.intent", intent.name, "intent")
    for key, value in intent.tags.items():
        draft.put(f"tags.{key}", value, f"intent {intent.name}")
    if preferences.model and "alias" not in ask.arguments:
        draft.put("model", preferences.model, "project preference")
    if preferences.prefer_local:
        draft.put("provider", ",".join(LOCAL), "project preference prefer_local")
    _put_arguments(draft, ask.arguments)
    if preferences.private:
        # Nothing on a command line may send a private project's code elsewhere.
        draft.put("provider", ",".join(LOCAL), "project preference private")
    return _route(name, draft, timeouts or Timeouts())


def aimed(ask: Ask, own: Mapping[str, Alias]) -> Ask:
    """A comparison's request with its target as alias, or as model if no alias has this name."""
    if not ask.target:
        return ask
    kept = {key: value for key, value in ask.arguments.items() if key not in ("alias", "model", "provider")}
    key = "alias" if ask.target in {*alias_table.BUILT_IN, *own} else "model"
    return replace(ask, arguments={**kept, key: ask.target}, target="")


def _put_arguments(draft: _Draft, arguments: Mapping[str, str]) -> None:
    for key, value in arguments.items():
        if key in ("model", "provider"):
            draft.put(key, value, "command line")
        elif key in ("latency", "budget", "size_hint", "intent"):
            draft.put(f"tags.{key}", value, "command line")
        elif key.startswith(TAG):
            draft.put(f"tags.{key[len(TAG) :]}", value, "command line")


def _route(name: str, draft: _Draft, timeouts: Timeouts) -> Route:
    tags = {key: str(value) for key, value in draft.of("tags.").items() if value not in (None, False, LEFT_OUT)}
    pinned = tuple(part for part in str(draft.values.get("provider", "")).split(",") if part)
    omen: dict[str, object] | None = None
    if pinned:
        # Without a strategy OMEN races providers, and its race cuts the winner's answer.
        omen = {"strategy": draft.values.get("strategy", "single"), "providers": list(pinned)}
    elif "strategy" in draft.values:
        omen = {"strategy": draft.values["strategy"]}
    route = Route(
        alias=name,
        model=str(draft.values["model"]),
        tags=tags,
        parameters={key: value for key, value in draft.of("parameters.").items() if value is not None},
        headers={key: str(value) for key, value in draft.of("headers.").items()},
        omen=omen,
        timeouts=timeouts,
        allowed=tuple(provider.lower() for provider in pinned),
    )
    return replace(route, origin=draft.origin)


def explain(route: Route) -> dict[str, tuple[str, str]]:
    """Each value of a route as text, with its source in words. Headers are named, their values are not told."""
    values: dict[str, object] = {"alias": route.alias, "model": route.model}
    if route.omen is not None:
        values["provider"] = ", ".join(route.allowed) or None
        values["strategy"] = route.omen.get("strategy")
    values.update({f"tags.{key}": value for key, value in route.tags.items()})
    values.update({f"parameters.{key}": value for key, value in route.parameters.items()})
    values.update({f"headers.{key}": "…" for key in route.headers})
    return {key: (str(value), route.origin.get(key, "default")) for key, value in values.items() if value is not None}
