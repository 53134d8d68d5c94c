"""JSON from outside: one reader that fails in one way, however large, deep or odd the text is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pydantic_core

DEEPEST = 64
"""Levels of arrays and objects. No gateway needs ten; what walks a value later may then use the stack."""

BOM = b"\xef\xbb\xbf"
"""May stand before a text, and belongs to none."""
_KIND = json.JSONDecoder(strict=False)
"""Some gateways leave raw control characters, halves of surrogate pairs or broken UTF-8 inside strings."""


def _refuse(_text: bytes) -> Any:
    raise ValueError


# Before 2.20 it made broken strings of some escapes, and Python crashed on them.
_IS_SOUND = tuple(map(int, pydantic_core.__version__.split(".")[:2])) >= (2, 20)
_read = pydantic_core.from_json if _IS_SOUND else _refuse


def parse(text: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ValueError: it is none, or is nested deeper than `DEEPEST`.
    """
    try:
        value = _read(text)
    except ValueError:
        try:
            value = _KIND.decode(text.decode("utf-8", "replace"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
