"""One HTTP exchange: a request out, events in.

Limits are on silence, not on length: `connect` until the connection stands, `first_byte` until the first
byte of the body, `idle` between any two reads after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import httpcore

from zeke import __version__
from zeke.exchange import errors, network, pools
from zeke.exchange.connection import Body, body_of
from zeke.exchange.decoder import Decoder
from zeke.exchange.events import Event, Failed, Opened
from zeke.exchange.inflate import Inflater, Undecodable
from zeke.exchange.jsontext import BOM, parse
from zeke.models import ErrorCode, Timeouts

ERROR_BODY_LIMIT = 64 * 1024
"""Bytes read of an error's body."""
LIST_LIMIT = 8 * 1024 * 1024
"""Bytes read of a list of models: OpenRouter's has a tenth of that."""
FLOOD = 4 * 1024
"""Bytes of a read after which the next one is not put off to the next frame: the gateway must not be held up."""
DRAIN_SECONDS = 0.02
"""How long a complete answer waits for the end of its body, which most gateways send along."""
AGENT = f"zeke.nvim/{__version__}"
Rest = Callable[[], float]
"""Seconds for which nothing that is read could be shown: meanwhile the system gathers what comes."""


def at_once() -> float:
    """Read whenever there is something."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire. `headers` hold the key and are never shown."""

    url: str
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(repr=False)
    timeouts: Timeouts
    base_url: str
    model: str
    has_key: bool


class _Silence:
    """Cancels the task that reads when nothing came for a while, and remembers which limit that was."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._deadline = 0.0
        self._limit = ErrorCode.TIMEOUT_FIRST_BYTE
        self._seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.expired: tuple[ErrorCode, float] | None = None

    def allow(self, seconds: float, limit: ErrorCode) -> None:
        """Start to wait anew. Cheap: the timer is moved only when it fires."""
        self._seconds, self._limit = seconds, limit
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self.end()
            self._timer = self._loop.call_at(self._deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check)
            return
        self.expired = (self._limit, self._seconds)
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def caused(self) -> bool:
        """Whether the cancellation at hand is ours; then it is taken back."""
        if self.expired is None:
            return False
        uncancel = getattr(self._task, "uncancel", None)  # Python 3.11 counts cancellations
        return uncancel is None or uncancel() == 0


class _Line:
    """Whether a connection was made for this request, by httpcore's trace of what it does."""

    def __init__(self) -> None:
        self.is_new = False
        self.opened = False
        """The response's head arrived."""

    async def trace(self, name: str, _info: Mapping[str, object]) -> None:
        """Called by httpcore with the name of each step."""
        self.is_new = self.is_new or name.startswith("connection.connect")


Broken = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.ProxyError)
"""Something between the gateway and us."""


def _reason(error: Exception) -> errors.TransportKind:
    if isinstance(error, httpcore.ConnectTimeout):
        return "timeout_connect"
    if isinstance(error, httpcore.ProxyError):
        return "proxy"
    text = str(error)
    if isinstance(error, httpcore.ConnectError):
        if "SSL" in text or "certificate" in text.lower():
            return "tls"
        if "Name or service" in text or "getaddrinfo" in text or "nodename" in text or "resolution" in text:
            return "dns"
        return "refused"
    if isinstance(error, httpcore.ProtocolError) and "without sending" not in text and "incomplete" not in text:
        return "protocol"
    return "reset"


async def _read(response: httpcore.Response, limit: int) -> bytes:
    """At most `limit` bytes of a body, as much as comes; without a readable body the status says enough."""
    body = bytearray()
    try:
        inflater, source = Inflater(_names(response)), body_of(response)
        while data := await source.read():
            for piece in inflater.feed(data):
                body += piece
                if len(body) >= limit:
                    return bytes(body[:limit])
    except (*Broken, Undecodable):
        pass
    return bytes(body)


async def _drain(body: Body) -> None:
    """Read to the end of a body whose content is complete: then its connection can be used again."""

    async def rest() -> None:
        while await body.read():
            pass

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(rest(), DRAIN_SECONDS)


def _names(response: httpcore.Response) -> dict[str, str]:
    """The headers by lower-case name; what is sent twice is joined."""
    found: dict[str, str] = {}
    for raw, value in response.headers:
        name, text = raw.decode("latin-1").lower(), value.decode("utf-8", "replace")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


class Client:
    """One set of connections for the life of the host. Closes with `close`."""

    def __init__(self, *, tls: bool, ca_bundle: str | None = None) -> None:
        """`tls` says whether any configured address is https.

        Raises:
            ValueError: the bundle of `ZEKE_CA_BUNDLE` cannot be read; one sentence.
        """
        self._pools = pools.Pools(pools.context(tls=tls, ca_bundle=ca_bundle))

    async def warm(self, url: str) -> None:
        """Load what the first request to a URL needs; nothing is sent."""
        self._pools.warm(pools.address(url)[0])

    async def close(self) -> None:
        """Close every connection."""
        await self._pools.close()

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, connect: float, **more: object
    ) -> AbstractAsyncContextManager[httpcore.Response]:
        target, login = pools.address(url)
        pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in {**headers, **login}.items()]
        extensions = {"timeout": {"connect": connect}, **more}
        return self._pools.of(target).stream(method, target, headers=pairs, content=content, extensions=extensions)

    async def get_json(self, url: str, *, seconds: float, key: str | None = None) -> object | None:
        """The JSON body of a GET, None when there is none to be had in `seconds`. Never raises but for cancellation."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": AGENT}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            body = await asyncio.wait_for(self._get(url, headers), seconds)
            found: object = parse(body.removeprefix(BOM))
        except (*Broken, httpcore.UnsupportedProtocol, asyncio.TimeoutError, ValueError):
            return None
        return found

    async def _get(self, url: str, headers: Mapping[str, str]) -> bytes:
        async with self._open("GET", url, headers, None, 0.5) as response:
            if response.status != 200:
                return b""
            body = await _read(response, LIST_LIMIT)
            return body if len(body) < LIST_LIMIT else b""

    async def exchange(self, request: Request, rest: Rest = at_once) -> AsyncIterator[Event]:
        """Send and yield `Opened`, the decoder's events, and exactly one of `Finished` and `Failed`, last.

        One read per frame instead of one per chunk: after each, `rest` tells how long the next one is put off.
        Nothing but cancellation is raised; cancelling closes the connection at once.
        """
        silence, line = _Silence(), _Line()
        try:
            while True:
                try:
                    async for event in self._exchange(request, rest, silence, line):
                        yield event
                    return
                except Broken:
                    # The server had closed a connection kept from an earlier request, and knows nothing of this one.
                    if line.is_new or line.opened:
                        raise
        except asyncio.CancelledError:
            if not silence.caused() or silence.expired is None:
                raise
            limit, seconds = silence.expired
            kind: errors.TransportKind = "timeout_idle" if limit is ErrorCode.TIMEOUT_IDLE else "timeout_first_byte"
            yield errors.explain_transport(kind, base_url=request.base_url, seconds=seconds)
        except Broken as error:
            yield errors.explain_transport(
                _reason(error), base_url=request.base_url, seconds=request.timeouts.connect, detail=str(error)
            )
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            yield errors.explain_transport("protocol", base_url=request.base_url, detail=str(error))
        finally:
            silence.end()

    async def _exchange(self, request: Request, rest: Rest, silence: _Silence, line: _Line) -> AsyncIterator[Event]:
        timeouts = request.timeouts
        headers = {
            "Accept": "text/event-stream, application/x-ndjson, application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            **request.headers,
        }
        content = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        silence.allow(timeouts.connect + timeouts.first_byte, ErrorCode.TIMEOUT_FIRST_BYTE)
        async with self._open("POST", request.url, headers, content, timeouts.connect, trace=line.trace) as response:
            line.opened = True
            names = _names(response)
            yield Opened(response.status, names)
            if response.status != 200:
                yield await self._refusal(request, response, names)
                return
            decoder = Decoder(names.get("content-type"))
            stream = response.extensions["network_stream"]
            body = body_of(response)
            try:
                inflater = Inflater(names)
                while data := await body.read():
                    silence.allow(timeouts.idle, ErrorCode.TIMEOUT_IDLE)
                    is_flood = len(data) >= FLOOD
                    for piece in inflater.feed(data):
                        for event in decoder.feed(piece):
                            yield event
                        if decoder.ended:
                            if "transfer-encoding" in names or "content-length" in names:
                                await _drain(body)
                            return
                        if is_flood:
                            network.give_way()
                    if is_flood:
                        await asyncio.sleep(0)
                    elif (pause := rest()) > 0:
                        stream.hold(pause)
            except Undecodable as error:
                yield Failed(ErrorCode.BAD_RESPONSE.value, str(error))
                return
            except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.ReadTimeout):
                # A body that was cut short ends like any other; the decoder knows whether it was complete.
                pass
            for event in decoder.close():
                yield event

    async def _refusal(self, request: Request, response: httpcore.Response, headers: Mapping[str, str]) -> Failed:
        body = await _read(response, ERROR_BODY_LIMIT)
        failed = errors.explain_status(
            response.status,
            headers,
            body,
            base_url=request.base_url,
            model=request.model,
            has_key=request.has_key,
        )
        return replace(
            failed,
            refused_field=errors.refused_field(response.status, body),
            retry_after=errors.retry_after(headers),
        )
