"""A gateway that streams deterministic text at a given rate and remembers when it sent what.

The path says how: `/COUNT/RATE/v1/chat/completions` sends COUNT chunks at RATE a second; 0 is as fast as possible.
Run in a process of its own. Times are CLOCK_MONOTONIC in nanoseconds, the same clock as Neovim's `uv.hrtime()`.
"""

from __future__ import annotations

import json
import socket
import sys
import time

PIECES = ("text", " and", " 漢字", "\n", "```", "py\n", "é🙂é", "x = ", "1\n\n")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def text(count: int) -> str:
    """What an answer of `count` chunks is."""
    return "".join(PIECES[index % len(PIECES)] for index in range(count))


def chunk(content: str, finish: str | None = None) -> bytes:
    """One server-sent event."""
    delta = {"content": content} if content else {}
    value = {"id": "b", "model": "bench", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def answer(connection: socket.socket) -> dict[str, int]:
    """Serve one request; returns when it arrived, and when the first and last content left."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    arrived = time.monotonic_ns()
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65536)
    _, count, rate, *_ = head.split()[1].decode().split("/")
    chunks = [chunk(PIECES[index % len(PIECES)]) for index in range(int(count))]
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(HEAD)
    began = first = time.monotonic_ns()
    for index, piece in enumerate(chunks):
        if int(rate):
            due = began + index * 1_000_000_000 // int(rate)
            while (left := due - time.monotonic_ns()) > 0:
                time.sleep(left / 1e9)
        if index == 0:
            first = time.monotonic_ns()
        connection.sendall(piece)
    last = time.monotonic_ns()
    connection.sendall(chunk("", "stop") + b"data: [DONE]\n\n")
    return {"arrived": arrived, "first": first, "last": last}


def main() -> None:
    """Print the port, then one line of JSON per request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    print(json.dumps(answer(connection)), flush=True)
                except (OSError, IndexError, ValueError) as error:
                    print(json.dumps({"error": str(error)}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
