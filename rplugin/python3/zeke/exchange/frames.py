"""Frames instead of tokens: the first text at once, then what gathers within one frame as one piece.

20,000 chunks sent one by one keep an editor busy for seconds; as frames they are some tens of updates.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

INTERVAL = 1 / 60
"""Seconds between two frames: one refresh of a 60 Hz screen."""
LARGE, SPARED = 2 * 1024, INTERVAL * 3 / 4
"""A frame of so many characters goes out so many seconds early: a key waits for all of a frame, so several small ones
are better than a large one."""
CAP = 64 * 1024
"""Characters in one frame; the rest follows in the next turns of the loop."""


class Frames:
    """Collects text and hands it on in frames. Not thread-safe: lives on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[str], None]) -> None:
        """`send` gets each frame, never an empty one."""
        self._loop = loop
        self._send = send
        self._parts: collections.deque[str] = collections.deque()
        self._size = 0
        """Characters of all parts."""
        self._timer: asyncio.Handle | None = None
        self._next = 0.0

    def add(self, text: str) -> None:
        """Take a piece of text; sends a frame now if it is full or the last one is long enough ago."""
        now = self._loop.time()
        if not self._parts and now >= self._next and 0 < len(text) <= CAP:
            # What a stream at a usual pace is: a frame is due by the time that something comes.
            self._next = now + INTERVAL
            self._send(text)
            return
        if len(text) > CAP:
            self._parts.extend(text[start : start + CAP] for start in range(0, len(text), CAP))
        else:
            self._parts.append(text)
        self._size += len(text)
        if self._size >= CAP or now >= self._next or (self._size >= LARGE and now >= self._next - SPARED):
            self._stop()
            self._frame()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._next, self._frame)

    def rest(self) -> float:
        """Seconds until the next frame, 0 or less when none waits.

        What is read before then, short of a flood, cannot be shown earlier.
        """
        return self._next - self._loop.time()

    def _frame(self) -> None:
        self._timer = None
        text = self._gathered()
        if self._parts:
            self._timer = self._loop.call_soon(self._frame)
        self._next = self._loop.time() + INTERVAL
        if text:
            self._send(text)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gathered(self) -> str:
        """As many pieces as a frame holds."""
        if self._size <= CAP:
            text, self._size = "".join(self._parts), 0
            self._parts.clear()
            return text
        taken: list[str] = []
        size = 0
        while self._parts and size + len(self._parts[0]) <= CAP:
            taken.append(self._parts.popleft())
            size += len(taken[-1])
        self._size -= size
        return "".join(taken)

    def flush(self) -> None:
        """Send all that is left, at the end of a stream."""
        self._stop()
        while self._parts:
            self._send(self._gathered())
