"""The words after a command: `[key=value…] [--] [text]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from zeke.intents import INTENTS

LEVELS: Mapping[str, tuple[str, ...]] = {
    "latency": ("low", "medium", "high", "false"),
    "budget": ("frugal", "standard", "premium", "false"),
    "size_hint": ("tiny", "small", "medium", "large", "false"),
    "log": ("0", "1"),
    "out": ("scratch", "diff"),
    "intent": tuple(INTENTS),
}
"""Keys whose values are known; `false` leaves the tag out."""
FREE = ("alias", "model", "provider")
"""Keys whose values are names."""
TAG = "tag."
"""Beginning of a key that sends a tag of the user's own."""

_WORD = re.compile(r"\s*([A-Za-z_][\w.]*)=(\S*)(?=\s|$)")


class ArgumentError(ValueError):
    """A word of the command line cannot be used. The text is one sentence: the value, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Words:
    """A command line, taken apart. `text` is exactly what the user typed after the options."""

    options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def parse(line: str) -> Words:
    """Take `key=value` words from the front; the rest is the prompt, untouched but for surrounding space.

    `--` ends the options, for a prompt that begins like one.

    Raises:
        ArgumentError: a key or value is not accepted.
    """
    options: dict[str, str] = {}
    position = 0
    while found := _WORD.match(line, position):
        key, value = found.groups()
        _check(key, value)
        options[key] = value
        position = found.end()
    rest = line[position:].strip()
    if rest == "--" or rest.startswith("-- "):
        rest = rest[2:].strip()
    return Words(options, rest)


def _check(key: str, value: str) -> None:
    if key in LEVELS:
        if value not in LEVELS[key]:
            raise ArgumentError(f"{key}={value}: accepted are {', '.join(LEVELS[key])}")
    elif key in FREE:
        if not value:
            raise ArgumentError(f"{key}= has no value: give a name right after the equals sign")
    elif not (key.startswith(TAG) and len(key) > len(TAG)):
        accepted = ", ".join(f"{name}=" for name in (*FREE, *LEVELS))
        raise ArgumentError(
            f"unknown option `{key}={value}`: accepted are {accepted}, tag.NAME=;"
            " write -- before a prompt that begins so"
        )
