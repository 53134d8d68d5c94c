"""A gateway that streams deterministic text as its path says, and remembers when it sent what.

`/count=600,rate=80/v1/chat/completions`: see `Script`. Run in a process of its own; it prints its port, then one line
of JSON per request, when it ended. Times are CLOCK_MONOTONIC in nanoseconds, the same clock as Neovim's `uv.hrtime()`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.text import pieces, text

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_PRINTING = threading.Lock()


@dataclass(frozen=True)
class Script:
    """How one answer is sent."""

    count: int = 1
    """Chunks."""
    rate: int = 0
    """Chunks a second; 0 is as fast as possible."""
    kind: str = "words"
    """Which text."""
    events: int = 1
    """Events per write."""
    cut: int = 0
    """Bytes per write; 0 leaves them whole, -1 cuts anywhere."""
    delay: int = 0
    """Milliseconds until the head is sent."""
    stall: int = 0
    """Falls silent after so many chunks, until the client goes."""

    def path(self) -> str:
        """The path of the base URL that asks for it."""
        return "/" + ",".join(f"{name}={value}" for name, value in vars(self).items()) + "/v1"

    def text(self) -> str:
        """What arrives when all of it does."""
        return text(self.kind, self.count)

    @classmethod
    def of(cls, path: str) -> Script:
        """The script that a request's path names."""
        given = dict(pair.split("=") for pair in path.split("/")[1].split(","))
        kind = given.pop("kind", "words")
        return cls(kind=kind, **{name: int(value) for name, value in given.items()})


def chunk(content: str, finish: str | None = None) -> bytes:
    """One server-sent event."""
    delta = {"content": content} if content else {}
    value = {"id": "b", "model": "bench", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _cut(data: bytes, size: int, sizes: Iterator[int]) -> list[bytes]:
    if size == 0:
        return [data]
    found, start = [], 0
    while start < len(data):
        end = start + (size if size > 0 else next(sizes))
        found.append(data[start:end])
        start = end
    return found


@functools.cache
def _writes(script: Script) -> Sequence[tuple[int, int, list[bytes]]]:
    """For each write: number of its first chunk, bytes of text sent when it is out, and the pieces it goes in.

    Kept: to make them takes as long as the flood that they are, on a core that the editor needs.
    """
    # Anywhere, but the same in every run.
    sizes = itertools.cycle([3, 17, 1, 40, 5, 2, 111, 8, 29])
    chunks = pieces(script.kind, script.count)
    total = 0
    found = []
    for first in range(0, len(chunks), script.events):
        group = chunks[first : first + script.events]
        total += sum(len(piece.encode()) for piece in group)
        data = b"".join(chunk(piece) for piece in group)
        found.append((first, total, _cut(data, script.cut, sizes)))
    return found


def _until(due: int) -> None:
    while (left := due - time.monotonic_ns()) > 0:
        time.sleep(left / 1e9)


def _request(connection: socket.socket) -> tuple[bytes, dict[str, str]]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += _received(connection)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    left = int(headers.get("content-length", 0)) - len(body)
    while left > 0:
        left -= len(_received(connection))
    return first.split()[1].encode(), headers


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the client went away")
    return data


def answer(connection: socket.socket) -> dict[str, object]:
    """Serve one request: when it was complete, and when how many bytes of text had left."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    path, headers = _request(connection)
    noted: dict[str, object] = {"arrived": time.monotonic_ns(), "id": headers.get("x-request-id", "")}
    script = Script.of(path.decode())
    writes = _writes(script)
    _until(time.monotonic_ns() + script.delay * 1_000_000)
    connection.sendall(HEAD)
    sent: list[tuple[int, int]] = []
    began = time.monotonic_ns()
    for first, total, parts in writes:
        if script.rate:
            _until(began + first * 1_000_000_000 // script.rate)
        sent.append((total, time.monotonic_ns()))
        for part in parts:
            connection.sendall(part)
        if script.stall and first + script.events >= script.stall:
            with contextlib.suppress(OSError):
                connection.recv(1)
            return {**noted, "gone": time.monotonic_ns()}
    connection.sendall(chunk("", "stop") + b"data: [DONE]\n\n")
    connection.shutdown(socket.SHUT_WR)
    # What was noted is written down when the client has read all of it, and has no use for this core any more.
    with contextlib.suppress(OSError):
        connection.recv(1)
    return {**noted, "sent": sent}


def _serve(connection: socket.socket) -> None:
    with connection:
        try:
            noted = answer(connection)
        except (OSError, LookupError, ValueError) as error:
            noted = {"error": str(error)}
    with _PRINTING:
        print(json.dumps(noted), flush=True)


def main() -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)
    # A gateway has a machine of its own: here it gives way to whoever wakes up.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    main()
