"""A small file to try Zeke on."""

from __future__ import annotations


def median(values: list[float]) -> float:
    """Return the middle of the values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def slug(title: str, limit: int = 40) -> str:
    """Turn a title into a part of a URL."""
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words)[:limit].rstrip("-")
