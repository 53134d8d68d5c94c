"""A user at the screen: an attached user interface of 120x40 that notes when what is drawn, and types.

Every time is CLOCK_MONOTONIC in nanoseconds and is taken when the bytes arrive, before they are decoded.
"""

from __future__ import annotations

import collections
import itertools
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

import msgpack

SIZE = (120, 40)
PERIOD_NS = 10_000_000
"""Between two keys, and between two calls."""
_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
"""Typed by the user; they are in no streamed text."""
_TYPED = frozenset(_LETTERS)


class Drawn:
    """What was noted while something was followed."""

    def __init__(self) -> None:
        self.flushes: list[int] = []
        """When the screen was up to date."""
        self.marks: list[int] = []
        """When the mark of an answer was drawn."""
        self.keys: list[tuple[int, float]] = []
        """When a key was pressed, and the milliseconds until its letter was on the screen."""
        self.calls: list[tuple[int, float]] = []
        """When a call was made, and the milliseconds of its round trip."""


class Screen:
    """One connection to Neovim's socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._unpacker = msgpack.Unpacker(strict_map_key=False, ext_hook=lambda _, data: msgpack.unpackb(data))
        self._numbers = itertools.count(1)
        self._inbox: collections.deque[list[Any]] = collections.deque()
        self.channel: int = self.call("nvim_get_api_info")[0]
        self.call("nvim_ui_attach", *SIZE, {"rgb": True, "ext_linegrid": True})

    def close(self) -> None:
        self._socket.close()

    def send(self, method: str, *arguments: Any) -> int:
        """A request whose answer is looked for by its number."""
        number = next(self._numbers)
        self._socket.sendall(msgpack.packb([0, number, method, arguments]))
        return number

    def _receive(self, timeout: float) -> None:
        if select.select([self._socket], [], [], max(timeout, 0))[0]:
            self._unpacker.feed(self._received())
            self._inbox.extend(self._unpacker)

    def _received(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError("Neovim is gone")
        return data

    def call(self, method: str, *arguments: Any, seconds: float = 60.0) -> Any:
        """A request and its answer; what else arrives is dropped."""
        number, deadline = self.send(method, *arguments), time.monotonic() + seconds
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                if message[0] == 1 and message[1] == number:
                    if message[2]:
                        raise RuntimeError(f"{method}: {message[2]}")
                    return message[3]
            if time.monotonic() > deadline:
                raise TimeoutError(method)
            self._receive(deadline - time.monotonic())

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run a Lua chunk."""
        return self.call("nvim_exec_lua", code, arguments)

    def quiet(self, seconds: float = 0.15) -> None:
        """Let Neovim come to rest."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._receive(left)
            self._inbox.clear()

    def follow(self, seconds: float, *, mark: str = "", typing: bool = False, until: str = "bench_done") -> Drawn:
        """Note what is drawn until a notification comes or the time is over; type and call meanwhile if told so.

        Nothing is decoded before the end: a user interface that is busy would make every key look late.
        """
        started = time.monotonic_ns()
        probes = _Probes(self) if typing else None
        due, deadline = started, started + int(seconds * 1e9)
        arrived: list[tuple[int, bytes]] = []
        end = b""
        while (now := time.monotonic_ns()) < deadline and until.encode() not in end:
            if probes and now >= due:
                probes.send(due)
                due += PERIOD_NS // 2
                continue
            wait = (min(due, deadline) if probes else deadline) - now
            if select.select([self._socket], [], [], wait / 1e9)[0]:
                data = self._received()
                arrived.append((time.monotonic_ns(), data))
                end = end[-len(until) :] + data
        drawn = Drawn()
        for at, data in arrived:
            self._unpacker.feed(data)
            for message in self._unpacker:
                if message[0] == 1 and probes:
                    probes.answered(message[1], at, drawn)
                elif message[0] == 2 and message[1] == "redraw":
                    _read(message[2], at, mark, drawn, probes)
        return drawn


class _Probes:
    """Keys and calls in turn, whether the earlier ones were answered or not."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._sent = 0
        self._keys: dict[str, collections.deque[int]] = collections.defaultdict(collections.deque)
        self._calls: dict[int, int] = {}

    def send(self, due: int) -> None:
        """Send the next one, which was due then."""
        self._sent += 1
        if self._sent % 2:
            self._calls[self._screen.send("nvim_eval", "1")] = due
            return
        number = self._sent // 2
        if number % 40 == 0:
            # A line of its own now and then: one that wraps for ever is not what a user types.
            self._screen.send("nvim_input", "<CR>")
            return
        letter = _LETTERS[number % len(_LETTERS)]
        self._keys[letter].append(due)
        self._screen.send("nvim_input", letter)

    def answered(self, number: int, at: int, drawn: Drawn) -> None:
        """A call came back."""
        if (due := self._calls.pop(number, None)) is not None:
            drawn.calls.append((due, (at - due) / 1e6))

    def drawn(self, letter: str, at: int, drawn: Drawn) -> None:
        """A typed letter is on the screen."""
        if self._keys[letter]:
            due = self._keys[letter].popleft()
            drawn.keys.append((due, (at - due) / 1e6))


def _read(batches: Sequence[Sequence[Any]], at: int, mark: str, drawn: Drawn, probes: _Probes | None) -> None:
    for name, *calls in batches:
        if name == "flush":
            drawn.flushes.append(at)
        elif name == "grid_line" and (probes or mark):
            for text in {cell[0] for call in calls for cell in call[3]}:
                if mark and text == mark:
                    drawn.marks.append(at)
                elif probes and text in _TYPED:
                    probes.drawn(text, at, drawn)
