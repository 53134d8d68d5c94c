"""The floor: a raw socket, the least parsing that is right, one notification to Neovim per frame of 16 ms.

Started by Neovim as a job with RPC; waits for `go(port, path)` and appends to the current `bench` buffer.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

import msgpack

FRAME = 0.016
APPEND = "require('bench').append(...)"


def notify(*arguments: object) -> None:
    """One Lua call in Neovim, without an answer."""
    sys.stdout.buffer.write(msgpack.packb([2, "nvim_exec_lua", [APPEND, list(arguments)]]))
    sys.stdout.buffer.flush()


def follow(port: int, path: str) -> None:
    """Send the request and hand on the text in frames."""
    body = b'{"model":"auto","stream":true}'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)
        held: list[str] = []
        rest, due, done = b"", 0.0, False
        while not done:
            wait = max(due - time.monotonic(), 0) if held else None
            if select.select([connection], [], [], wait)[0]:
                data = connection.recv(65536)
                done = not data
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {"):
                        if content := json.loads(line[6:])["choices"][0]["delta"].get("content"):
                            held.append(content)
                    elif line.startswith(b"data: [DONE]"):
                        done = True
            if held and (done or time.monotonic() >= due):
                notify("".join(held))
                held, due = [], time.monotonic() + FRAME
    notify("", True)


def main() -> None:
    """Answer one `go` notification after the other."""
    unpacker = msgpack.Unpacker()
    while data := os.read(sys.stdin.fileno(), 65536):
        unpacker.feed(data)
        for message in unpacker:
            if message[0] == 2:
                follow(*message[2])


if __name__ == "__main__":
    main()
