"""The words of `:ZekeHistory`: what is looked for in prompts and answers, and the filters before it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from zeke.routing.arguments import ArgumentError

KEYS = ("intent", "model", "project", "since", "until")
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_AGO = re.compile(r"(\d{1,4})([hdw])$")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


@dataclass(frozen=True, slots=True)
class Search:
    """What to find. Times are UTC epoch seconds; every word has to be there."""

    words: tuple[str, ...] = ()
    """Beginnings of words."""
    phrases: tuple[str, ...] = ()
    """Words in this order, whole."""
    parts: tuple[str, ...] = ()
    """Text that is found inside of words, too: signs, and scripts that put no space between words."""
    intent: str | None = None
    model: str | None = None
    """Part of the model's name."""
    project: str | None = None
    """None: in all."""
    since: int = 0
    until: int | None = None

    @property
    def match(self) -> str:
        """The words for SQLite's FTS5 (fts5.html#full_text_query_syntax), empty without any."""
        quoted = [f'"{word}"*' for word in self.words] + [f'"{phrase}"' for phrase in self.phrases]
        return " ".join(quoted)


def _moment(key: str, value: str, now: datetime) -> int:
    ago = _AGO.match(value)
    try:
        if ago:
            return int((now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])).timestamp())
        return int(datetime.strptime(value, "%Y-%m-%d").timestamp())
    except (ValueError, OverflowError, OSError):
        raise ArgumentError(
            f"{key}={value}: accepted are a date like 2026-01-31 and an age like 12h, 7d or 2w"
        ) from None


def _is_word(text: str) -> bool:
    """Whether the index knows it: letters and digits, of scripts that write words apart."""
    kinds = {unicodedata.category(character) for character in text}
    return "Lo" not in kinds and bool(kinds & {"Lu", "Ll", "Lt", "Lm", "Nd", "Nl", "No"})


def parse(text: str, project: str | None, now: datetime) -> Search:
    """Take `key=value` filters and words apart; "words in quotes" are one phrase.

    Raises:
        ArgumentError: a filter's value is not accepted.
    """
    words: list[str] = []
    phrases: list[str] = []
    parts: list[str] = []
    given: dict[str, str] = {}
    for quoted, plain in _WORD.findall(text):
        key, equals, value = plain.partition("=")
        if equals and key in KEYS:
            if not value:
                raise ArgumentError(f"{key}= has no value: give one right after the equals sign")
            given[key] = value
        elif quoted or plain:
            sought = "".join(c for c in quoted or plain if c != '"' and unicodedata.category(c) != "Cc")
            if not _is_word(sought):
                parts.append(sought.strip())
            elif quoted:
                phrases.append(sought)
            else:
                words.append(sought)
    return Search(
        tuple(words),
        tuple(phrases),
        tuple(filter(None, parts)),
        intent=given.get("intent"),
        model=given.get("model"),
        project=given.get("project", project),
        since=_moment("since", given["since"], now) if "since" in given else 0,
        until=_moment("until", given["until"], now) if "until" in given else None,
    )
