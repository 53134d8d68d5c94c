"""Bytes of a response in, events out. Sans-IO: no socket, no clock, no editor.

Two layers below: records (`records.py`: one JSON text per server-sent event, NDJSON line or
document), and payloads (`payloads.py`: one JSON object to events). This file joins them and decides the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zeke.exchange.events import Event, Failed, Finished, Metadata, Named, Reasoning, Text, Usage
from zeke.exchange.jsontext import parse
from zeke.exchange.payloads import Payloads
from zeke.exchange.records import Records, TooLarge
from zeke.exchange.thinking import Thinking
from zeke.exchange.wellformed import Wellformed
from zeke.models import ErrorCode

HTML = "the gateway answered with an HTML page, not with a chat completion: check the base URL"
NOT_JSON = "the gateway's answer is not a chat completion: check the base URL and the gateway's log"
TEXT_LIMIT = 8 * 1024 * 1024
"""Characters of an answer with its reasoning: two million tokens, more than any model says."""
BODY_LIMIT = 256 * 1024 * 1024
"""Bytes of a whole body: sixty for each character of the longest answer."""
LONG = f"the answer is longer than {TEXT_LIMIT >> 20} MiB: it was stopped there, what came is kept"
ENDLESS = f"the gateway sent more than {BODY_LIMIT >> 20} MiB for one answer: it was stopped, what came is kept"
DONE = object()
"""Stands for the end mark of server-sent events, which is no JSON."""
SUCCESS_WITHOUT_TEXT = ("tool_calls", "length", "function_call")


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
        self._wellformed = Wellformed()
        self._size = 0
        self._length = 0
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
        if self._ended:
            return []
        self._size += len(data)
        events = self._bounded(self._records.feed(data))
        if not self._ended and self._records.html:
            events.append(self._fail(ErrorCode.BAD_RESPONSE, HTML))
        elif not self._ended and self._size > BODY_LIMIT:
            events.extend([*self._held(), self._fail(ErrorCode.TRUNCATED, ENDLESS)])
        return events

    def close(self) -> list[Event]:
        """The body ended: give what was left and the terminal event, unless it was given before."""
        if self._ended:
            return []
        events = self._bounded(self._records.close())
        if not self._ended:
            events.extend(self._end())
        return events

    def _bounded(self, records: Iterator[bytes]) -> list[Event]:
        events: list[Event] = []
        plain: list[str] = []
        try:
            for record in records:
                value = self._value(record)
                text = self._payloads.plain(value) if self._thinking.is_over else None
                if text is None:
                    events.extend(self._gathered(plain))
                    if not self._ended:
                        events.extend(self._told(value))
                    if self._ended:
                        return events
                elif text:
                    plain.append(text)
            events.extend(self._gathered(plain))
        except TooLarge as error:
            events.extend(self._gathered(plain))
            if not self._ended:
                events.extend([*self._held(), self._fail(ErrorCode.BAD_RESPONSE, str(error))])
        return events

    def _value(self, record: bytes) -> object:
        """The JSON value of a record; `DONE` for the end mark, None for what is none."""
        try:
            return parse(record.decode("utf-8", "replace"))
        except ValueError:
            if record.strip() == b"[DONE]":
                return DONE
            self._broken = True
            return None

    def _gathered(self, plain: list[str]) -> Iterator[Event]:
        """The objects of one read that hold nothing but text, as one event."""
        if plain:
            event = Text("".join(plain), len(plain))
            plain.clear()
            yield from self._read(event)
            yield from self._limited()

    def _told(self, value: object) -> Iterator[Event]:
        """The events of one object that may tell more than text."""
        if value is DONE:
            self._payloads.reason = self._payloads.reason or "stop"
            yield from self._end()
            return
        for event in self._payloads.read(value):
            if isinstance(event, Failed):
                yield from self._held()
                self._ended = True
                yield event
                return
            yield from self._read(event)
            yield from self._limited()
            if self._ended:
                return
        if self._payloads.complete:
            yield from self._end()

    def _limited(self) -> Iterator[Event]:
        if self._length > TEXT_LIMIT:
            yield from self._held()
            yield self._fail(ErrorCode.TRUNCATED, LONG)

    def _read(self, event: Event) -> Iterator[Event]:
        if not isinstance(event, Text | Reasoning):
            if self._is_new(event):
                yield event
            return
        room = TEXT_LIMIT - self._length
        self._length += len(event.text)
        if len(event.text) > room:
            event = replace(event, text=event.text[: max(room, 0)])
        for part in self._thinking.feed(event) if isinstance(event, Text) else (event,):
            yield from self._mended(part)

    def _mended(self, part: Text | Reasoning) -> Iterator[Event]:
        if not part.text:
            return
        for event in self._wellformed.feed(part):
            self._is_new(event)
            yield event

    def _held(self) -> Iterator[Event]:
        for event in self._thinking.close():
            yield from self._mended(event)
        for event in self._wellformed.close():
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
