"""Text that can be written down as UTF-8: halves of surrogate pairs that JSON escapes leave alone are joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from zeke.exchange.events import Reasoning, Text

_HALF = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
REPLACEMENT = "\ufffd"


def wellformed(text: str) -> str:
    """The text with pairs joined and lone halves replaced by U+FFFD."""
    if not _HALF.search(text):
        return text
    joined = _PAIR.sub(lambda found: found.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _HALF.sub(REPLACEMENT, joined)


class Wellformed:
    """Mends a stream of text; a pair may be cut between two events, so a first half waits for its second."""

    def __init__(self) -> None:
        """Begin without text."""
        self._half = ""
        self._kind: type[Text] | type[Reasoning] = Text

    def passes(self, text: str) -> bool:
        """Whether there is nothing to do for it, which is known at once."""
        return text.isascii() and not self._half

    def feed(self, event: Text | Reasoning) -> Sequence[Text | Reasoning]:
        """The event with text that can be encoded, or nothing yet."""
        if self.passes(event.text):
            return (event,)
        before = self.close() if self._half and not isinstance(event, self._kind) else ()
        text, self._half, self._kind = self._half + event.text, "", type(event)
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if not text:
            return before
        mended = wellformed(text)
        return (*before, event if mended is event.text else replace(event, text=mended))

    def close(self) -> Sequence[Text | Reasoning]:
        """The half that waited in vain."""
        half, self._half = self._half, ""
        return (self._kind(REPLACEMENT),) if half else ()
