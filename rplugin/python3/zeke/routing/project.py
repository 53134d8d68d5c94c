"""Words that change a project's preferences: `key=value…` of `:ZekePrefs`, the argument of `:ZekeBudget`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeke.routing.arguments import ArgumentError

KEYS = ("prefer_local", "private", "log", "budget", "alias", "model")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
NONE = ("none", "auto", "")


@dataclass(frozen=True, slots=True)
class Changes:
    """What to set. None keeps what is there; a name in `cleared` is set to nothing."""

    prefer_local: bool | None = None
    private: bool | None = None
    log_text: bool | None = None
    cents: int | None = None
    alias: str | None = None
    model: str | None = None
    cleared: tuple[str, ...] = ()


def parse_cents(text: str) -> int | None:
    """A monthly limit in cents, None for none.

    Raises:
        ArgumentError: it is neither a whole number of cents nor `none`.
    """
    if text.lower() == "none":
        return None
    if not text.isdecimal() or int(text) > 10**9:
        raise ArgumentError(f"budget {text}: accepted is a whole number of cents per month, or none")
    return int(text)


def _switch(key: str, value: str) -> bool:
    if value.lower() in (*_YES, *_NO):
        return value.lower() in _YES
    raise ArgumentError(f"{key}={value}: accepted are 1 and 0")


def parse(text: str) -> Changes:
    """Read `key=value` words.

    Raises:
        ArgumentError: a word is none of them.
    """
    given: dict[str, str] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise ArgumentError(f"`{word}`: accepted are {', '.join(f'{name}=' for name in KEYS)}")
        given[key] = value
    return _changes(given)


def _changes(given: Mapping[str, str]) -> Changes:
    cleared = [key for key in ("alias", "model") if given.get(key, "x").lower() in NONE]
    cents = parse_cents(given["budget"]) if "budget" in given else None
    if "budget" in given and cents is None:
        cleared.append("budget")
    return Changes(
        prefer_local=_switch("prefer_local", given["prefer_local"]) if "prefer_local" in given else None,
        private=_switch("private", given["private"]) if "private" in given else None,
        log_text=_switch("log", given["log"]) if "log" in given else None,
        cents=cents,
        alias=None if "alias" in cleared else given.get("alias"),
        model=None if "model" in cleared else given.get("model"),
        cleared=tuple(cleared),
    )
