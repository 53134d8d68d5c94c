"""Bytes of a response in, events out. Sans-IO: no socket, no clock, no editor.

Two layers below: records (`records.py`: one JSON text per server-sent event, NDJSON line or
document), and payloads (`payloads.py`: one JSON object to events). This file joins them and decides the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from zeke.exchange.events import Event, Failed, Finished, Metadata, Named, Reasoning, Text, Usage
from zeke.exchange.payloads import Payloads
from zeke.exchange.records import Records, TooLarge
from zeke.exchange.thinking import Thinking
from zeke.models import ErrorCode

HTML = "the gateway answered with an HTML page, not with a chat completion: check the base URL"
NOT_JSON = "the gateway's answer is not a chat completion: check the base URL and the gateway's log"
_JSON = json.JSONDecoder(strict=False)
"""Not strict: some gateways leave raw control characters inside strings."""
SUCCESS_WITHOUT_TEXT = ("tool_calls", "length", "function_call")


def _parse(record: bytes) -> object:
    text = record.decode("utf-8", "replace")
    if text[:1] == "{" and text[-1:] == "}":
        value, end = _JSON.raw_decode(text)
        if end == len(text):
            return value
    # Also takes white space around the value.
    return _JSON.decode(text)


def _join(plain: list[str], events: list[Event]) -> None:
    """What was gathered becomes one event."""
    if plain:
        events.append(Text("".join(plain), len(plain)))
        plain.clear()


class Decoder:
    """Decodes one response body with status 200. Any cut of the bytes gives the same events."""

    def __init__(self, content_type: str | None) -> None:
        """`content_type` is the response's header; only a hint, what comes is looked at."""
        self._records = Records(content_type)
        self._payloads = Payloads()
        self._named = Named()
        self._usage: Usage | None = None
        self._metadata: dict[str, Any] = {}
        self._thinking = Thinking()
        self._texts = False
        self._thought = False
        self._broken = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the terminal event was given; later bytes are ignored."""
        return self._ended

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes, give the events that they complete."""
        return [] if self._ended else self._events(self._records.feed(data))

    def close(self) -> list[Event]:
        """The body ended: give what was left and the terminal event, unless it was given before."""
        if self._ended:
            return []
        events = self._events(self._records.close())
        if not self._ended:
            events.extend(self._end())
        return events

    def _events(self, records: Iterator[bytes]) -> list[Event]:
        events: list[Event] = []
        plain: list[str] = []
        try:
            for record in records:
                try:
                    value = _parse(record)
                except (ValueError, RecursionError):
                    if record.strip() != b"[DONE]":
                        self._broken = True
                        continue
                    self._payloads.reason = self._payloads.reason or "stop"
                    _join(plain, events)
                    events.extend(self._end())
                    return events
                text = self._payloads.plain(value) if self._thinking.is_over else None
                if text is None:
                    _join(plain, events)
                    events.extend(self._read(value))
                    if self._ended:
                        return events
                elif text:
                    plain.append(text)
        except TooLarge as error:
            _join(plain, events)
            events.append(self._fail(ErrorCode.BAD_RESPONSE, str(error)))
        _join(plain, events)
        return events

    def _read(self, value: object) -> Iterator[Event]:
        """Events of one object that may tell more than text."""
        for event in self._payloads.read(value):
            if isinstance(event, Failed):
                yield from self._held()
                self._ended = True
                yield event
                return
            for part in self._thinking.feed(event.text) if isinstance(event, Text) else (event,):
                if self._is_new(part):
                    yield part
        if self._payloads.complete:
            yield from self._end()

    def _held(self) -> Iterator[Event]:
        for event in self._thinking.close():
            self._is_new(event)
            yield event

    def _end(self) -> Iterator[Event]:
        yield from self._held()
        yield self._verdict()

    def _is_new(self, event: Event) -> bool:
        """Facts are told once; text always."""
        match event:
            case Text():
                self._texts = True
            case Reasoning():
                self._thought = True
            case Named():
                if event == self._named:
                    return False
                self._named = event
            case Usage():
                if event == self._usage:
                    return False
                self._usage = event
            case Metadata(name, value):
                if self._metadata.get(name) == value:
                    return False
                self._metadata[name] = value
        return True

    def _fail(self, code: ErrorCode, message: str) -> Failed:
        self._ended = True
        return Failed(code.value, message)

    def _verdict(self) -> Event:
        """Success is what the format's own end mark says; a clean end of the connection proves nothing."""
        self._ended = True
        reason = self._payloads.reason
        if reason == "content_filter":
            return self._fail(ErrorCode.CONTENT_FILTER, "the provider's content filter stopped the answer: rephrase it")
        if reason is not None and (self._texts or reason in SUCCESS_WITHOUT_TEXT):
            return Finished(reason)
        if self._texts:
            return self._fail(
                ErrorCode.TRUNCATED, "the answer broke off before its end: what came is kept, ask again for the rest"
            )
        if self._records.html:
            return self._fail(ErrorCode.BAD_RESPONSE, HTML)
        if self._broken or (self._records.strange and not self._payloads.understood):
            return self._fail(ErrorCode.BAD_RESPONSE, NOT_JSON)
        what = "only its reasoning came" if self._thought else "nothing came"
        return self._fail(ErrorCode.EMPTY, f"the gateway sent an empty answer ({what}): try again or another model")
