"""Whole exchanges of the client with a server that a test writes itself."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tests.support.gateway import HEAD
from zeke.exchange.client import Client, Request, Rest, at_once
from zeke.exchange.events import Event, Text
from zeke.models import Timeouts

T = TypeVar("T")
TLS = Path(__file__).parents[1] / "fixtures" / "tls"
CHUNKED = HEAD.replace(b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n")
PATIENT = Timeouts(2, 5, 5)
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 30))


def request(base: str, timeouts: Timeouts = PATIENT) -> Request:
    return Request(f"{base}/chat/completions", {"model": "m"}, {}, timeouts, base, "m", has_key=False)


@contextlib.asynccontextmanager
async def listening(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback for as long as the block lasts."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def asked(reader: asyncio.StreamReader) -> bytes:
    """One request, head and body; empty when the client went."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(length[0].split(b":")[1])) if length else b"")


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


async def collect(client: Client, base: str, rest: Rest = at_once, timeouts: Timeouts = PATIENT) -> list[Event]:
    return [event async for event in client.exchange(request(base, timeouts), rest)]


async def exchanged(
    base: str, timeouts: Timeouts = PATIENT, *, tls: bool = False, ca_bundle: str | None = None
) -> list[Event]:
    """All of one exchange, with a client of its own."""
    client = Client(tls=tls, ca_bundle=ca_bundle)
    try:
        return await collect(client, base, timeouts=timeouts)
    finally:
        await client.close()


def text(events: Iterable[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context
