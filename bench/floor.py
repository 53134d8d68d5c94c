"""The floor: a raw socket, the least parsing that is right, one notification to Neovim per frame of 16 ms.

Started by Neovim as a job with RPC; each `go(port, path, id)` opens one stream, and several may run at once.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

import msgpack

FRAME = 0.016
APPEND = "require('bench').append(...)"


@dataclass
class Stream:
    """One answer that comes."""

    id: str
    connection: socket.socket
    held: list[str] = field(default_factory=list)
    rest: bytes = b""
    due: float = 0.0
    done: bool = False

    def take(self, data: bytes) -> None:
        """Keep the text of what was read."""
        self.done = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                if content := json.loads(line[6:])["choices"][0]["delta"].get("content"):
                    self.held.append(content)
            elif line.startswith(b"data: [DONE]"):
                self.done = True

    def show(self) -> None:
        """Hand on what was kept, once per frame and at the end."""
        now = time.monotonic()
        if self.held and (self.done or now >= self.due):
            notify(self.id, "".join(self.held))
            self.held.clear()
            self.due = now + FRAME
        if self.done:
            notify(self.id, "", True)


def notify(*arguments: object) -> None:
    """One Lua call in Neovim, without an answer."""
    sys.stdout.buffer.write(msgpack.packb([2, "nvim_exec_lua", [APPEND, list(arguments)]]))
    sys.stdout.buffer.flush()


def connect(port: int, path: str, identity: str) -> Stream:
    """Send the request."""
    body = b'{"model":"auto","stream":true}'
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {identity}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return Stream(identity, connection)


def main() -> None:
    """Follow the streams until Neovim is gone."""
    unpacker = msgpack.Unpacker()
    selector = selectors.DefaultSelector()
    editor = sys.stdin.fileno()
    selector.register(editor, selectors.EVENT_READ)
    followed: dict[socket.socket, Stream] = {}
    while True:
        dues = [stream.due for stream in followed.values() if stream.held]
        for key, _ in selector.select(max(min(dues) - time.monotonic(), 0) if dues else None):
            if key.fd == editor:
                data = os.read(editor, 65536)
                if not data:
                    return
                unpacker.feed(data)
                for message in unpacker:
                    if message[0] == 2:
                        stream = connect(*message[2])
                        followed[stream.connection] = stream
                        selector.register(stream.connection, selectors.EVENT_READ, stream)
            else:
                key.data.take(key.data.connection.recv(65536))
        for stream in list(followed.values()):
            stream.show()
            if stream.done:
                selector.unregister(stream.connection)
                stream.connection.close()
                del followed[stream.connection]


if __name__ == "__main__":
    main()
