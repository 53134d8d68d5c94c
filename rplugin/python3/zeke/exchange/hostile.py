"""Text from outside is hostile: what is shown or stored of headers and bodies passes here first."""

from __future__ import annotations

import unicodedata

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's control pictures
    if code == 0x7F:
        return "\u2421"
    return f"\\u{code:04x}"


def visible(text: str) -> str:
    """The text on one line: characters that control, direct or break it are shown, not sent."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _visible(character) if unicodedata.category(character) in _UNSEEN else character for character in text
    )


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters; control and bidirectional characters are shown, not sent."""
    shown = visible(" ".join(text[: limit * 4].replace("\r", "\n").split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
