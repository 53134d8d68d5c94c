"""`<think>…</think>` at the beginning of an answer is reasoning. Some models send it as ordinary content."""

from __future__ import annotations

from collections.abc import Iterator

from zeke.exchange.events import Reasoning, Text

OPEN, CLOSE = "<think>", "</think>"


class Thinking:
    """Splits content as it comes, wherever it is cut. Text is held back only while it may still be the tag."""

    def __init__(self) -> None:
        """Begin before the first content."""
        self._state = "start"
        self._held = ""

    @property
    def is_over(self) -> bool:
        """Whether all content from here on is text."""
        return self._state == "text"

    def feed(self, event: Text) -> Iterator[Text | Reasoning]:
        """What this content is."""
        if self._state == "text":
            yield event
            return
        self._held += event.text
        if self._state == "start":
            begun = self._held.lstrip()
            if OPEN.startswith(begun):
                if begun == OPEN:
                    self._state, self._held = "inside", ""
                return
            if not begun.startswith(OPEN):
                yield from self._as_text(self._held)
                return
            self._state, self._held = "inside", begun[len(OPEN) :]
        if self._state == "inside":
            yield from self._inside()
        elif self._state == "after":
            yield from self._after()

    def _inside(self) -> Iterator[Text | Reasoning]:
        thought, tag, rest = self._held.partition(CLOSE)
        if tag:
            if thought:
                yield Reasoning(thought)
            self._state, self._held = "after", rest
            yield from self._after()
            return
        keep = next((size for size in range(len(CLOSE) - 1, 0, -1) if thought.endswith(CLOSE[:size])), 0)
        said, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        if said:
            yield Reasoning(said)

    def _after(self) -> Iterator[Text]:
        # The blank lines between the tag and the answer belong to neither.
        if rest := self._held.lstrip():
            yield from self._as_text(rest)

    def _as_text(self, text: str) -> Iterator[Text]:
        self._state, self._held = "text", ""
        if text:
            yield Text(text)

    def close(self) -> Iterator[Text | Reasoning]:
        """What was held back when the content ended."""
        held, self._held = self._held, ""
        if held and self._state == "start":
            yield Text(held)
        elif held and self._state == "inside":
            yield Reasoning(held)
