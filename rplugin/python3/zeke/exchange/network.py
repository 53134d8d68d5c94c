"""Bytes to and from a socket, for httpcore: nothing is read before it is wanted.

httpcore's usual backend costs several steps of the loop for each read, and a third of the imports of a cold start.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable
from contextvars import Context
from typing import Any

import httpcore

MOST = 32 * 1024
"""Bytes of one read."""
DELAY = 0.25
"""Seconds until the next address of a host is tried as well (RFC 8305)."""
MOMENT = 0.0 if os.name == "nt" else 20e-6
"""Seconds; Windows would make 15 ms of it."""


def give_way() -> None:
    """Leave the processor for a moment: the editor or its terminal may wait for the one that decodes a flood.

    Asleep, because Linux heeds a mere yield only within a session, and Neovim starts its jobs in sessions of their own.
    """
    time.sleep(MOMENT)


class _Until:
    """Sleeps until a time of the loop's clock. The timer itself wakes the task; a future would do it a turn later.

    It is what a task asks of that which it waits for (`asyncio.isfuture`).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._when = when
        self._is_cancelled = False

    def __await__(self) -> Generator[_Until, None, None]:
        self._asyncio_future_blocking = True
        yield self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, wake: Callable[[_Until], object], *, context: Context) -> None:
        self._wake, self._context = wake, context
        self._timer = self._loop.call_at(self._when, wake, self, context=context)

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - a future's; no text goes along with ours
        if self._is_cancelled:
            return False
        self._is_cancelled = True
        self._timer.cancel()
        self._loop.call_soon(self._wake, self, context=self._context)
        return True

    def result(self) -> None:
        if self._is_cancelled:
            raise asyncio.CancelledError


class Stream(httpcore.AsyncNetworkStream, abc.ABC):
    """What httpcore reads from and writes to. Timeouts are in seconds, None for none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Of an open connection on this loop."""
        self._loop = loop
        self._quiet_until = 0.0

    def hold(self, seconds: float) -> None:
        """Leave what comes with the system for a while: the next read then gets all of it at once."""
        self._quiet_until = self._loop.time() + seconds

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrived, empty at the end.

        Raises:
            httpcore.ReadTimeout: nothing came in time.
            httpcore.ReadError: the connection broke.
        """
        if self._quiet_until > self._loop.time():
            await _Until(self._loop, self._quiet_until)
        try:
            reading = self._read(min(max_bytes, MOST))
            return await (reading if timeout is None else asyncio.wait_for(reading, timeout))
        except asyncio.TimeoutError:
            raise httpcore.ReadTimeout from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send.

        Raises:
            httpcore.WriteTimeout: the other side does not take it in time.
            httpcore.WriteError: the connection broke.
        """
        try:
            writing = self._write(buffer)
            await (writing if timeout is None else asyncio.wait_for(writing, timeout))
        except asyncio.TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Stream:
        """The same connection, encrypted.

        Raises:
            httpcore.ConnectTimeout: the handshake took too long.
            httpcore.ConnectError: it failed.
        """
        try:
            return await asyncio.wait_for(self._start_tls(ssl_context, server_hostname), timeout)
        except asyncio.TimeoutError:
            await self.aclose()
            raise httpcore.ConnectTimeout from None
        except OSError as error:
            await self.aclose()
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about the connection."""
        if info == "is_readable":
            # Of an idle connection: then the server has closed it, or talks out of turn.
            return self._is_readable()
        return None

    @abc.abstractmethod
    async def _read(self, max_bytes: int) -> bytes: ...

    @abc.abstractmethod
    async def _write(self, buffer: bytes) -> None: ...

    @abc.abstractmethod
    async def _start_tls(self, context: ssl.SSLContext, host: str | None) -> Stream: ...

    @abc.abstractmethod
    def _is_readable(self) -> bool: ...


class Direct(Stream):
    """A plain socket, read without a transport: a read that finds something costs one system call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: socket.socket, early: list[bytes]) -> None:
        """`early` arrived already."""
        super().__init__(loop)
        self._socket = connection
        self._early = early
        self._is_ours = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrived, empty at the end; see `Stream.read`."""
        if self._quiet_until > self._loop.time():
            await _Until(self._loop, self._quiet_until)
            if data := self._gathered(min(max_bytes, MOST)):
                return data
        return await super().read(max_bytes, timeout)

    def _gathered(self, max_bytes: int) -> bytes:
        """What came meanwhile: the usual case in a stream.

        It is asked for twice, however little the first read found. TCP lets a few small packets wait for their
        acknowledgement, which that read sends: what the sender held back until then is here a moment later, and would
        be shown a frame late.
        """
        data = b""
        with contextlib.suppress(OSError):
            data = self._socket.recv(max_bytes)
            if data and len(data) < max_bytes:
                data += self._socket.recv(max_bytes - len(data))
        return data

    async def _read(self, max_bytes: int) -> bytes:
        if self._early:
            return self._early.pop(0)
        return await self._loop.sock_recv(self._socket, max_bytes)

    async def _write(self, buffer: bytes) -> None:
        await self._loop.sock_sendall(self._socket, buffer)

    async def aclose(self) -> None:
        """Close at once."""
        if self._is_ours:
            self._socket.close()

    async def _start_tls(self, context: ssl.SSLContext, host: str | None) -> Stream:
        # From here on the transport closes it, also when the handshake fails.
        self._is_ours = False
        _, pipe = await self._loop.create_connection(
            lambda: _Pipe(self._loop), sock=self._socket, ssl=context, server_hostname=host or ""
        )
        return Piped(self._loop, pipe)

    def _is_readable(self) -> bool:
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class _Pipe(asyncio.Protocol):
    """Keeps what arrives, and stops reading until it was taken."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.transport: asyncio.Transport
        self.parts: list[bytes] = []
        self.error: Exception | None = None
        self.is_over = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an asyncio.Transport by its type when it is encrypted.
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.parts.append(data)
        self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.is_over = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error, self.is_over = exc, True
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def arrived(self) -> None:
        """Until something can be taken."""
        if not self.parts and not self.is_over:
            self._reader = self._loop.create_future()
            self.transport.resume_reading()
            await self._reader

    async def drained(self) -> None:
        """Until what was written has left, as far as the system takes it."""
        if self._writer is not None:
            await self._writer


class Piped(Stream):
    """A connection through asyncio's transport: encrypted ones, and all of them on Windows."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pipe: _Pipe) -> None:
        """`pipe` is the transport's protocol."""
        super().__init__(loop)
        self._pipe = pipe

    async def _read(self, max_bytes: int) -> bytes:
        pipe = self._pipe
        await pipe.arrived()
        if pipe.parts:
            data = b"".join(pipe.parts)
            pipe.parts = [data[max_bytes:]] if len(data) > max_bytes else []
            return data[:max_bytes]
        if pipe.error is not None:
            raise OSError(str(pipe.error)) from pipe.error
        return b""

    async def _write(self, buffer: bytes) -> None:
        if self._pipe.is_over:
            raise OSError(str(self._pipe.error or "the connection is closed"))
        self._pipe.transport.write(buffer)
        await self._pipe.drained()

    async def aclose(self) -> None:
        """Close at once."""
        self._pipe.transport.abort()

    async def _start_tls(self, context: ssl.SSLContext, host: str | None) -> Stream:
        inner = _Pipe(self._loop)
        transport = await self._loop.start_tls(self._pipe.transport, inner, context, server_hostname=host)
        if transport is None:
            raise OSError("the connection was closed during the TLS handshake")
        inner.transport = transport
        return Piped(self._loop, inner)

    def _is_readable(self) -> bool:
        return self._pipe.is_over or bool(self._pipe.parts)


class Backend(httpcore.AsyncNetworkBackend):
    """Opens connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - httpcore's interface; asyncio sets TCP_NODELAY
    ) -> Stream:
        """Open one.

        Raises:
            httpcore.ConnectTimeout: nobody accepted in time.
            httpcore.ConnectError: nobody listens, or the host is not known.
        """
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(
            lambda: _Pipe(loop),
            host,
            port,
            local_addr=(local_address, 0) if local_address else None,
            happy_eyeballs_delay=DELAY,
        )
        try:
            transport, pipe = await asyncio.wait_for(opening, timeout)
        except asyncio.TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if os.name == "nt":
            return Piped(loop, pipe)
        # asyncio tries several addresses at once for a transport only; the connection outlives it.
        connection = transport.get_extra_info("socket").dup()
        connection.setblocking(False)
        transport.abort()
        return Direct(loop, connection, pipe.parts)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
