"""JSON from outside: one reader that fails in one way, however large, deep or odd the text is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

DEEPEST = 64
"""Levels of arrays and objects. No gateway needs ten; what walks a value later may then use the stack."""

_JSON = json.JSONDecoder(strict=False)
"""Not strict: some gateways leave raw control characters inside strings."""


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, or is nested deeper than `DEEPEST`.
    """
    try:
        value = _value(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def _value(text: str) -> Any:
    if text[:1] == "{" and text[-1:] == "}":
        value, end = _JSON.raw_decode(text)
        if end == len(text):
            return value
    # Takes white space around the value as well, which costs a quarter more.
    return _JSON.decode(text)


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
