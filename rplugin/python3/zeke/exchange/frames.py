"""Frames instead of tokens: the first text at once, then what gathers within one frame as one piece.

20,000 chunks sent one by one keep an editor busy for seconds; as frames they are some tens of updates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

INTERVAL = 0.016
"""Seconds between two frames: one refresh of a 60 Hz screen."""
CAP = 64 * 1024
"""Characters in one frame; the rest follows in the next turns of the loop."""


class Frames:
    """Collects text and hands it on in frames. Not thread-safe: lives on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[str], None]) -> None:
        """`send` gets each frame, never an empty one."""
        self._loop = loop
        self._send = send
        self._parts: list[str] = []
        self._timer: asyncio.Handle | None = None
        self._next = 0.0

    def add(self, text: str) -> None:
        """Take a piece of text; sends it now if the last frame is long enough ago."""
        self._parts.append(text)
        if self._timer is not None:
            return
        now = self._loop.time()
        if now >= self._next:
            self._frame()
        else:
            self._timer = self._loop.call_at(self._next, self._frame)

    def rest(self) -> float:
        """Seconds until the next frame: what is read before then cannot be shown earlier. 0 or less when none waits."""
        return self._next - self._loop.time()

    def _frame(self) -> None:
        self._timer = None
        text = "".join(self._parts)
        self._parts.clear()
        if len(text) > CAP:
            self._parts.append(text[CAP:])
            text = text[:CAP]
            self._timer = self._loop.call_soon(self._frame)
        self._next = self._loop.time() + INTERVAL
        if text:
            self._send(text)

    def flush(self) -> None:
        """Send all that is left, at the end of a stream."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._parts)
        self._parts.clear()
        for start in range(0, len(text), CAP):
            self._send(text[start : start + CAP])
