"""The tags of a request: strings only, because a gateway may refuse anything else."""

from __future__ import annotations

from typing import Literal

SizeHint = Literal["tiny", "small", "medium", "large"]

DEFAULTS = {"latency": "low", "budget": "frugal"}


def size_hint(size: int) -> SizeHint:
    """The size of a whole prompt in UTF-8 bytes as a word."""
    if size < 512:
        return "tiny"
    if size < 4096:
        return "small"
    return "medium" if size < 32768 else "large"
