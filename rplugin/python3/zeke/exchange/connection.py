"""A connection straight to a gateway, for httpcore's pool: h11 writes the request and reads the head of the response.

What httpcore puts between its own connection and each piece of a body costs a stream as much as the rest of us does.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

import h11
import httpcore

from zeke.exchange import framing
from zeke.exchange.network import MOST, Backend, Stream

HEAD = 100 * 1024
"""Bytes of a response's head."""


class Body(Protocol):
    """What is left of a response."""

    async def read(self) -> bytes:
        """The next bytes of its content, empty at the end.

        Raises:
            httpcore.RemoteProtocolError: it is not framed as it must be, or was cut short.
            httpcore.ReadError: the connection broke.
        """


class _OwnBody:
    """A body on a connection of ours."""

    def __init__(self, connection: Connection, stream: Stream, frame: framing.UntilClosed, early: bytes) -> None:
        """`early` came together with the head."""
        self._connection = connection
        self._stream = stream
        self._frame = frame
        self._early = early

    async def read(self) -> bytes:
        """See `Body`."""
        frame = self._frame
        try:
            while not frame.is_complete:
                data, self._early = self._early or await self._stream.read(MOST), b""
                if not data:
                    frame.close()
                elif content := frame.feed(data):
                    return content
        except framing.Malformed as error:
            raise httpcore.RemoteProtocolError(str(error)) from None
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while content := await self.read():
            yield content

    async def aclose(self) -> None:
        """Called by the pool when nobody reads any more."""
        await self._connection.release(is_clean=self._frame.is_complete and not self._frame.rest)


class _ProxiedBody:
    """A body of httpcore's own connections, which go through a proxy."""

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._pieces = stream.__aiter__()

    async def read(self) -> bytes:
        """See `Body`."""
        async for content in self._pieces:
            if content:
                return content
        return b""


def body_of(response: httpcore.Response) -> Body:
    """What is left of a response, to be read once."""
    found = response.extensions.get("body")
    if isinstance(found, _OwnBody):
        return found
    assert isinstance(response.stream, AsyncIterable)
    return _ProxiedBody(response.stream)


def _is_kept(response: h11.Response) -> bool:
    """Whether the server leaves the connection open (RFC 9112 §9.3)."""
    options = b",".join(value for name, value in response.headers if name == b"connection")
    return response.http_version >= b"1.1" and b"close" not in [one.strip().lower() for one in options.split(b",")]


class Connection(httpcore.AsyncConnectionInterface):
    """One at a time: a request out, its response in."""

    def __init__(self, origin: httpcore.Origin, trusted: ssl.SSLContext, backend: Backend, kept: float) -> None:
        """Not open yet. `kept` is how many seconds it stays open without a request."""
        self._origin = origin
        self._trusted = trusted
        self._backend = backend
        self._kept = kept
        self._stream: Stream | None = None
        self._is_busy = False
        self._is_closed = False
        self._is_reusable = False
        self._expires = 0.0

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request; the response has its `Body` and the network's stream as extensions.

        Raises:
            httpcore.ConnectionNotAvailable: it has another request.
            httpcore.NetworkError: and its like: the gateway cannot be reached, or the connection broke.
            httpcore.ProtocolError: request or response is no HTTP.
        """
        if self._is_busy or self._is_closed:
            raise httpcore.ConnectionNotAvailable
        self._is_busy, self._is_reusable = True, False
        try:
            if self._stream is None:
                self._stream = await self._connect(request)
            return await self._exchange(self._stream, request)
        except BaseException:
            await self.aclose()
            raise

    async def _connect(self, request: httpcore.Request) -> Stream:
        host, seconds = self._origin.host.decode("ascii"), request.extensions.get("timeout", {}).get("connect")
        if trace := request.extensions.get("trace"):
            await trace("connection.connect_tcp.started", {})
        stream = await self._backend.connect_tcp(host, self._origin.port, seconds)
        return await stream.start_tls(self._trusted, host, seconds) if self._origin.scheme == b"https" else stream

    async def _exchange(self, stream: Stream, request: httpcore.Request) -> httpcore.Response:
        # h11's machine is of one exchange here, because it does not see the body.
        machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)
        try:
            head = h11.Request(method=request.method, target=request.url.target, headers=request.headers)
            assert isinstance(request.stream, AsyncIterable)
            content = [h11.Data(data) async for data in request.stream]
            outgoing = [machine.send(event) or b"" for event in (head, *content, h11.EndOfMessage())]
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        # A server may refuse, and say why, before it has taken all of a request.
        with contextlib.suppress(httpcore.WriteError):
            await stream.write(b"".join(outgoing))
        response = await self._head(stream, machine)
        self._is_reusable = _is_kept(response)
        body = _OwnBody(
            self,
            stream,
            framing.of_response(response.status_code, dict(response.headers)),
            machine.trailing_data[0],
        )
        return httpcore.Response(
            response.status_code,
            headers=response.headers.raw_items(),
            content=body,
            extensions={"network_stream": stream, "body": body},
        )

    @staticmethod
    async def _head(stream: Stream, machine: h11.Connection) -> h11.Response:
        try:
            while not isinstance(event := machine.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    data = await stream.read(MOST)
                    if not data:
                        raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
                    machine.receive_data(data)
                elif not isinstance(event, h11.InformationalResponse):
                    raise httpcore.RemoteProtocolError("the server switched to another protocol")
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        return event

    async def release(self, *, is_clean: bool) -> None:
        """The response is done with. `is_clean`: all of it was read and nothing came after it."""
        if is_clean and self._is_reusable and not self._is_closed:
            self._is_busy = False
            self._expires = time.monotonic() + self._kept
        else:
            await self.aclose()

    async def aclose(self) -> None:
        """Close at once."""
        self._is_closed = True
        if self._stream is not None:
            await self._stream.aclose()

    # What the pool asks.

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        """Whether it goes there."""
        return origin == self._origin

    def is_available(self) -> bool:
        """Whether the next request can have it."""
        return self.is_idle()

    def is_idle(self) -> bool:
        """Whether it is open without a request."""
        return self._stream is not None and not self._is_busy and not self._is_closed

    def is_closed(self) -> bool:
        """Whether it was closed, or could not be opened."""
        return self._is_closed

    def has_expired(self) -> bool:
        """Whether it waited too long, or the server has closed it."""
        if not self.is_idle() or self._stream is None:
            return False
        return time.monotonic() > self._expires or bool(self._stream.get_extra_info("is_readable"))

    def info(self) -> str:
        """For httpcore's own messages."""
        return f"{self._origin}, HTTP/1.1, {'CLOSED' if self._is_closed else 'IDLE' if self.is_idle() else 'ACTIVE'}"
