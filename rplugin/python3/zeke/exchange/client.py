"""One HTTP exchange: a request out, events in. The only file that knows httpx.

Limits are on silence, not on length: `connect` until the connection stands, `first_byte` until the first
byte of the body, `idle` between any two reads after it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

import httpx

from zeke import __version__
from zeke.exchange import errors
from zeke.exchange.decoder import Decoder
from zeke.exchange.events import Event, Failed, Opened
from zeke.exchange.inflate import Inflater, Undecodable
from zeke.exchange.jsontext import parse
from zeke.models import ErrorCode, Timeouts

ERROR_BODY_LIMIT = 64 * 1024
"""Bytes read of an error's body."""
LIST_LIMIT = 8 * 1024 * 1024
"""Bytes read of a list of models: OpenRouter's has a tenth of that."""


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


def _reason(error: httpx.TransportError) -> errors.TransportKind:
    if isinstance(error, httpx.ConnectTimeout):
        return "timeout_connect"
    if isinstance(error, httpx.ProxyError):
        return "proxy"
    text = str(error)
    if isinstance(error, httpx.ConnectError):
        if "SSL" in text or "certificate" in text.lower():
            return "tls"
        if "Name or service" in text or "getaddrinfo" in text or "nodename" in text or "resolution" in text:
            return "dns"
        return "refused"
    if isinstance(error, httpx.RemoteProtocolError) and "without sending" not in text and "incomplete" not in text:
        return "protocol"
    return "reset"


class Client:
    """One connection pool for the life of the host. Closes with `close`."""

    def __init__(self, *, tls: bool, ca_bundle: str | None = None) -> None:
        """`tls` says whether any configured address is https; loading certificates takes 50 ms.

        Raises:
            ValueError: the bundle of `ZEKE_CA_BUNDLE` cannot be read; one sentence.
        """
        # Without certificates loaded a context trusts nobody, so plain http pays nothing and https cannot slip through.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if tls:
            try:
                context = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
            except (OSError, ssl.SSLError) as error:
                raise ValueError(
                    f"ZEKE_CA_BUNDLE is {ca_bundle}, which cannot be read as PEM certificates: {error}"
                ) from None
        self.http = httpx.AsyncClient(
            verify=context,
            follow_redirects=False,
            # A proxy from the environment never gets what stays on this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=60.0),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.http.aclose()

    async def get_json(self, url: str, *, seconds: float, key: str | None = None) -> object | None:
        """The JSON body of a GET, None when there is none to be had in `seconds`. Never raises but for cancellation."""
        headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            body = await asyncio.wait_for(self._get(url, headers, seconds), seconds)
            found: object = parse(body.decode("utf-8-sig", "replace"))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, asyncio.TimeoutError, ValueError):
            return None
        return found

    async def _get(self, url: str, headers: Mapping[str, str], seconds: float) -> bytes:
        timeout = httpx.Timeout(seconds, connect=0.5)
        async with self.http.stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                return b""
            body = await _read(response, LIST_LIMIT)
            return body if len(body) < LIST_LIMIT else b""

    async def exchange(self, request: Request) -> AsyncIterator[Event]:
        """Send and yield `Opened`, the decoder's events, and exactly one of `Finished` and `Failed`, last.

        Nothing but cancellation is raised; cancelling closes the connection at once.
        """
        silence, line = _Silence(), _Line()
        try:
            while True:
                try:
                    async for event in self._exchange(request, silence, line):
                        yield event
                    return
                except httpx.TransportError:
                    # The server had closed a connection kept from an earlier request, and knows nothing of this one.
                    if line.is_new or line.opened:
                        raise
        except asyncio.CancelledError:
            if not silence.caused() or silence.expired is None:
                raise
            limit, seconds = silence.expired
            kind: errors.TransportKind = "timeout_idle" if limit is ErrorCode.TIMEOUT_IDLE else "timeout_first_byte"
            yield errors.explain_transport(kind, base_url=request.base_url, seconds=seconds)
        except httpx.TransportError as error:
            yield errors.explain_transport(
                _reason(error), base_url=request.base_url, seconds=request.timeouts.connect, detail=str(error)
            )
        except (httpx.InvalidURL, httpx.StreamError, httpx.DecodingError, UnicodeError) as error:
            yield errors.explain_transport("protocol", base_url=request.base_url, detail=str(error))
        finally:
            silence.end()

    async def _exchange(self, request: Request, silence: _Silence, line: _Line) -> AsyncIterator[Event]:
        timeouts = request.timeouts
        headers = {
            "Accept": "text/event-stream, application/x-ndjson, application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"zeke.nvim/{__version__}",
            **request.headers,
        }
        content = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        silence.allow(timeouts.connect + timeouts.first_byte, ErrorCode.TIMEOUT_FIRST_BYTE)
        async with self.http.stream(
            "POST",
            request.url,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(None, connect=timeouts.connect),
            extensions={"trace": line.trace},
        ) as response:
            line.opened = True
            names: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
            yield Opened(response.status_code, names)
            if response.status_code != 200:
                yield await self._refusal(request, response, names)
                return
            decoder = Decoder(names.get("content-type"))
            try:
                inflater = Inflater(names)
                async for data in response.aiter_raw():
                    silence.allow(timeouts.idle, ErrorCode.TIMEOUT_IDLE)
                    for piece in inflater.feed(data):
                        for event in decoder.feed(piece):
                            yield event
                        if decoder.ended:
                            return
            except Undecodable as error:
                yield Failed(ErrorCode.BAD_RESPONSE.value, str(error))
                return
            except (httpx.RemoteProtocolError, httpx.ReadError):
                # A body that was cut short ends like any other; the decoder knows whether it was complete.
                pass
            for event in decoder.close():
                yield event

    async def _refusal(self, request: Request, response: httpx.Response, headers: Mapping[str, str]) -> Failed:
        body = await _read(response, ERROR_BODY_LIMIT)
        failed = errors.explain_status(
            response.status_code,
            headers,
            body,
            base_url=request.base_url,
            model=request.model,
            has_key=request.has_key,
        )
        return replace(
            failed,
            refused_field=errors.refused_field(response.status_code, body),
            retry_after=errors.retry_after(headers),
        )


async def _read(response: httpx.Response, limit: int) -> bytes:
    """At most `limit` bytes of a body, as much as comes; without a readable body the status says enough."""
    body = bytearray()
    try:
        inflater = Inflater({name.lower(): value for name, value in response.headers.items()})
        async for data in response.aiter_raw():
            for piece in inflater.feed(data):
                body += piece
                if len(body) >= limit:
                    return bytes(body[:limit])
    except (httpx.TransportError, Undecodable):
        pass
    return bytes(body)
