"""A gateway that breaks: each request gets the fault that is planned for it, byte by byte, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["close", "reset", "hang"]
DISMISSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Fault:
    """What one request gets, and what may be told of it. A number in `actions` is a pause in seconds."""

    name: str
    actions: Sequence[bytes | float] = ()
    ending: Ending = "close"
    repeat: bool = False
    """Send the actions again and again, until the client hangs up."""
    answer: str | None = None
    """The whole text; what is shown is a beginning of it. None: nothing may be shown."""
    may_succeed: bool = False
    must_say: str = ""
    """Words of the sentence that the user gets."""
    early: bool = False
    """The connection is ended before the request is read."""


@dataclass
class Plan:
    """Which fault a request gets, and which requests came."""

    choose: Callable[[str], Fault | None]
    """From the request's id; None hangs up."""
    arrived: dict[str, int] = field(default_factory=dict)
    """How often a request arrived whole, by its id."""
    heads: list[bytes] = field(default_factory=list)
    """The heads as they came, if they are kept."""
    keep_heads: bool = False


class Gateway:
    """Serves on loopback inside a running loop; `async with`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Gateway:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**20, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._serve(reader, writer):
                pass
        except (OSError, EOFError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            # Closed by a reset, or by the client: both are the end that was wanted.
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        if self._plan.keep_heads:
            self._plan.heads.append(head)
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        name = names.get(b"x-request-id", b"").decode()
        if head.startswith(b"GET "):
            writer.write(DISMISSED)
            return False
        fault = self._plan.choose(name)
        if fault is None or fault.early:
            _reset(writer)
            return False
        await reader.readexactly(int(names.get(b"content-length", b"0")))
        self._plan.arrived[name] = self._plan.arrived.get(name, 0) + 1
        while True:
            for action in fault.actions:
                if isinstance(action, bytes):
                    writer.write(action)
                    await writer.drain()
                else:
                    await asyncio.sleep(action)
            if not fault.repeat:
                break
            await asyncio.sleep(0)
        if fault.ending == "hang":
            await reader.read()
        elif fault.ending == "reset":
            _reset(writer)
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def in_thread(plan: Plan) -> Iterator[Gateway]:
    """The same gateway on a loop of its own, for tests whose thread waits for an editor."""
    ready, done = threading.Event(), threading.Event()
    gateway = Gateway(plan)
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))
        async with gateway:
            ready.set()
            await over.wait()

    def work(job: Callable[[], Awaitable[None]]) -> None:
        asyncio.run(job())  # type: ignore[arg-type]  # it is a coroutine function
        done.set()

    thread = threading.Thread(target=work, args=(serve,), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield gateway
    finally:
        stop[0]()
        thread.join(10)
        assert done.is_set()
