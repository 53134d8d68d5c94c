"""A gateway on loopback that answers as it is told: recorded exchanges at their recorded cuts, or scripted ones."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.transcripts import Transcript


@dataclass
class Reply:
    """Raw bytes of a response in the pieces they are sent in; waits for `gate` before piece number `held`."""

    pieces: Sequence[bytes]
    gate: threading.Event | None = None
    held: int = 1
    abort: bool = False
    """Reset the connection after the last piece instead of closing it."""


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class Gateway:
    """The server. `replies` are used in order, the last one again and again."""

    replies: list[Reply]
    seen: list[Seen] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when a client closed its connection before the reply was complete."""
    models: object = None
    """Body of `GET /v1/models`; None answers 404."""
    listed: int = 0
    """How often it was asked for."""

    port: int = 0
    """Given to come back on the same one."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._count = 0
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        # Closing alone would leave accept() waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A connection that was stopped under us has no descriptor any more.
        with contextlib.suppress(OSError, ValueError), connection:
            raw = b""
            while b"\r\n\r\n" not in raw:
                data = connection.recv(65536)
                if not data:
                    return
                raw += data
            head, _, body = raw.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(65536)
            if lines[0].startswith("GET /v1/models"):
                self.listed += 1
                body = json.dumps(self.models).encode()
                connection.sendall(error(200 if self.models is not None else 404, body).pieces[0])
                return
            self.seen.append(Seen(lines[0].split()[1], headers, json.loads(body) if body else None, raw))
            reply = self.replies[min(self._count, len(self.replies) - 1)]
            self._count += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, piece in enumerate(reply.pieces):
                if reply.gate is not None and number == reply.held:
                    self._hold(connection, reply.gate)
                connection.sendall(piece)
            if reply.abort:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    def _hold(self, connection: socket.socket, gate: threading.Event) -> None:
        """Wait for the gate, and notice when the client does not."""
        while not gate.wait(0.01):
            readable, _, _ = select.select([connection], [], [], 0)
            if readable and not connection.recv(1):
                self.closed.set()
                return


def recorded(name: str) -> Reply:
    """The exchange `gateway/case`, in the pieces it was received in."""
    return Reply(Transcript(name).received)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One OpenAI chunk as a server-sent event."""
    delta = {} if content is None else {"content": content}
    chunk = {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def stream(*texts: str, finish: str | None = "stop", done: bool = True) -> list[bytes]:
    """The pieces of a complete answer, one event a piece."""
    pieces = [HEAD, *(event(text) for text in texts)]
    if finish is not None:
        pieces.append(event(finish=finish))
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return pieces


def error(status: int, body: bytes = b"", content_type: str = "application/json", headers: str = "") -> Reply:
    """A refusal."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return Reply([head.encode() + body])


@contextlib.contextmanager
def serving(*replies: Reply) -> Iterator[Gateway]:
    gateway = Gateway(list(replies))
    try:
        yield gateway
    finally:
        gateway.stop()


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
