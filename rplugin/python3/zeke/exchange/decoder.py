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
        self._events: list[Event] = []
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
        if not self._ended:
            self._size += len(data)
            self._take(self._records.feed(data))
            if not self._ended and self._records.html:
                self._fail(ErrorCode.BAD_RESPONSE, HTML)
            elif not self._ended and self._size > BODY_LIMIT:
                self._held()
                self._fail(ErrorCode.TRUNCATED, ENDLESS)
        return self._given()

    def close(self) -> list[Event]:
        """The body ended: give what was left and the terminal event, unless it was given before."""
        if not self._ended:
            self._take(self._records.close())
            if not self._ended:
                self._end()
        return self._given()

    def _given(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take(self, records: Iterator[bytes]) -> None:
        plain: list[str] = []
        try:
            for record in records:
                value = self._value(record)
                text = self._payloads.plain(value) if self._thinking.is_over else None
                if text is None:
                    self._gathered(plain)
                    if not self._ended:
                        self._told(value)
                    if self._ended:
                        return
                elif text:
                    plain.append(text)
            self._gathered(plain)
        except TooLarge as error:
            self._gathered(plain)
            if not self._ended:
                self._held()
                self._fail(ErrorCode.BAD_RESPONSE, str(error))

    def _value(self, record: bytes) -> object:
        """The JSON value of a record; `DONE` for the end mark, None for what is none."""
        try:
            return parse(record)
        except ValueError:
            if record.strip() == b"[DONE]":
                return DONE
            self._broken = True
            return None

    def _gathered(self, plain: list[str]) -> None:
        """The objects of one read that hold nothing but text, as one event."""
        if not plain:
            return
        event = Text("".join(plain), len(plain))
        plain.clear()
        length = self._length + len(event.text)
        if length <= TEXT_LIMIT and self._wellformed.passes(event.text):
            # What `_say` comes to for nearly every read of a stream.
            self._length, self._texts = length, True
            self._events.append(event)
        else:
            self._say(event)

    def _told(self, value: object) -> None:
        """One object that may tell more than text."""
        if value is DONE:
            self._payloads.reason = self._payloads.reason or "stop"
            self._end()
            return
        for event in self._payloads.read(value):
            if isinstance(event, Failed):
                self._held()
                self._ended = True
                self._events.append(event)
            elif isinstance(event, Text | Reasoning):
                self._say(event)
            elif self._is_new(event):
                self._events.append(event)
            if self._ended:
                return
        if self._payloads.complete:
            self._end()

    def _say(self, event: Text | Reasoning) -> None:
        """Text or reasoning, up to the limit of an answer."""
        room = TEXT_LIMIT - self._length
        self._length += len(event.text)
        if len(event.text) > room:
            event = replace(event, text=event.text[: max(room, 0)])
        if isinstance(event, Reasoning) or self._thinking.is_over:
            self._mended(event)
        else:
            for part in self._thinking.feed(event):
                self._mended(part)
        if self._length > TEXT_LIMIT:
            self._held()
            self._fail(ErrorCode.TRUNCATED, LONG)

    def _mended(self, part: Text | Reasoning) -> None:
        if part.text:
            for event in self._wellformed.feed(part):
                self._add(event)

    def _add(self, event: Text | Reasoning) -> None:
        if isinstance(event, Text):
            self._texts = True
        else:
            self._thought = True
        self._events.append(event)

    def _held(self) -> None:
        """What waited for more that does not come."""
        for part in self._thinking.close():
            self._mended(part)
        for event in self._wellformed.close():
            self._add(event)

    def _end(self) -> None:
        self._held()
        self._verdict()

    def _is_new(self, event: Event) -> bool:
        """Facts are told once."""
        match event:
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

    def _fail(self, code: ErrorCode, message: str) -> None:
        self._ended = True
        self._events.append(Failed(code.value, message))

    def _verdict(self) -> None:
        """Success is what the format's own end mark says; a clean end of the connection proves nothing."""
        reason = self._payloads.reason
        if reason == "content_filter":
            self._fail(ErrorCode.CONTENT_FILTER, "the provider's content filter stopped the answer: rephrase it")
        elif reason is not None and (self._texts or reason in SUCCESS_WITHOUT_TEXT):
            self._ended = True
            self._events.append(Finished(reason))
        elif self._texts:
            self._fail(
                ErrorCode.TRUNCATED, "the answer broke off before its end: what came is kept, ask again for the rest"
            )
        elif self._records.html:
            self._fail(ErrorCode.BAD_RESPONSE, HTML)
        elif self._broken or (self._records.strange and not self._payloads.understood):
            self._fail(ErrorCode.BAD_RESPONSE, NOT_JSON)
        else:
            what = "only its reasoning came" if self._thought else "nothing came"
            self._fail(ErrorCode.EMPTY, f"the gateway sent an empty answer ({what}): try again or another model")
