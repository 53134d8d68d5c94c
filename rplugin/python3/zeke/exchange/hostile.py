"""Text from outside is hostile: what is shown or stored of headers and bodies passes here first."""

from __future__ import annotations

import unicodedata


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's control pictures
    if code == 0x7F:
        return "\u2421"
    return f"\\u{code:04x}"


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters; control and bidirectional characters are shown, not sent."""
    folded = " ".join(text[: limit * 4].replace("\r", "\n").split())
    shown = "".join(
        _visible(character) if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") else character
        for character in folded
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
