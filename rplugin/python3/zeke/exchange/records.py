"""Records out of bytes: the data of server-sent events, lines of NDJSON, or one JSON document.

Server-sent events after the WHATWG HTML standard §9.2.6, with two kindnesses for gateways that forget them:
a last event without its blank line counts when its data is complete, and so does data without any newline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zeke.exchange.jsontext import BOM, parse

LIMIT = 16 * 1024 * 1024
"""Bytes of one line or event."""


class TooLarge(Exception):
    """One line or event is longer than `LIMIT`; the text is a sentence for the user."""

    def __init__(self) -> None:
        """Names the limit."""
        super().__init__(f"the gateway sent one event of more than {LIMIT // 1024 // 1024} MiB: it was dropped")


class Lines:
    r"""Splits bytes at \n, \r\n and \r, wherever they are cut."""

    def __init__(self) -> None:
        """Begin without bytes."""
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Complete lines without their ends; to be consumed to its end.

        Raises:
            TooLarge: the unfinished line outgrew the limit.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            first, *others = head.split(b"\n")
            yield b"".join([*self._parts, first]) if self._parts else first
            self._parts, self._size = [], 0
            yield from others
        self._keep(tail)

    def _keep(self, tail: bytes) -> None:
        if tail:
            self._parts.append(tail)
            self._size += len(tail)
            if self._size > LIMIT:
                raise TooLarge

    @property
    def is_between(self) -> bool:
        """Whether the last line was complete."""
        return not self._parts and not self._after_cr

    def close(self) -> bytes:
        """The last line, if it had no end."""
        rest = b"".join(self._parts)
        self._parts, self._size = [], 0
        return rest


def _is_complete(data: bytes) -> bool:
    if data.strip() == b"[DONE]":
        return True
    try:
        parse(data)
    except ValueError:
        return False
    return True


class Records:
    """Chooses the format by the first byte that says something; `content_type` decides only when none did."""

    def __init__(self, content_type: str | None) -> None:
        """`content_type` as in the response's header."""
        self._type = (content_type or "").partition(";")[0].strip().lower()
        self._lines = Lines()
        self._data: list[bytes] = []
        self._size = 0
        self._document: list[bytes] = []
        self._format = ""
        self._start = b""
        self._is_first = True
        """A byte order mark may come."""
        self.html = False
        """The body is a web page."""
        self.strange = False
        """Something came that is no record at all."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Records that these bytes complete.

        Raises:
            TooLarge: one of them is over the limit.
        """
        if not self._format:
            self._start += data
            if not self._choose():
                return
            data, self._start = self._start, b""
        if not self._is_whole(data):
            yield from self._of(self._lines.feed(data))
            return
        for event in data[:-2].split(b"\n\n"):
            if event[:6] == b"data: " and b"\n" not in event:
                yield event[6:]
            else:
                yield from self._of([*event.split(b"\n"), b""])

    def _is_whole(self, data: bytes) -> bool:
        """Whether it is nothing but complete events, which is what nearly every read of a stream brings."""
        return (
            data[-2:] == b"\n\n"
            and self._format == "events"
            and not self._data
            and self._lines.is_between
            and b"\r" not in data
            and len(data) < LIMIT
        )

    def _of(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            if (record := self._line(line)) is not None:
                yield record

    def _choose(self) -> bool:
        if self._is_first:
            if len(self._start) < len(BOM) and BOM.startswith(self._start):
                return False
            self._start, self._is_first = self._start.removeprefix(BOM), False
        # Blanks alone say nothing, however many come.
        self._start = self._start.lstrip()
        first = self._start[:1]
        if not first:
            return False
        if first == b"<":
            self._format, self.html = "page", True
        elif first in (b"{", b"["):
            # One JSON value a line is NDJSON; a value over several lines is one document.
            self._format = "json"
        else:
            self._format = "events"
        return True

    def _line(self, line: bytes) -> bytes | None:
        """The record that this line completes."""
        if self._format != "events":
            return self._json_line(line) if self._format == "json" else None
        data = self._data
        if not line:
            if not data:
                return None
            self._data, self._size = [], 0
            return data[0] if len(data) == 1 else b"\n".join(data)
        if line[:5] == b"data:":
            value = line[6:] if line[5:6] == b" " else line[5:]
            if value == b"[DONE]" and not data:
                return value
            data.append(value)
            self._size += len(value) + 1
            if self._size > LIMIT:
                raise TooLarge
        elif line[:1] != b":" and line.partition(b":")[0] not in (b"event", b"id", b"retry", b"data"):
            self.strange = True
        return None

    def _json_line(self, line: bytes) -> bytes | None:
        if not line.strip() and not self._document:
            return None
        if not self._document and _is_complete(line):
            return line
        self._document.append(line)
        self._size += len(line) + 1
        if self._size > LIMIT:
            raise TooLarge
        return None

    def close(self) -> Iterator[bytes]:
        """The record that was not ended by a line, if it is complete."""
        if not self._format:
            self._format = "events"
        rest = self._lines.close()
        if rest and (record := self._line(rest)) is not None:
            yield record
        if self._format == "json" and self._document:
            yield b"\n".join(self._document)
        elif self._data:
            data = b"\n".join(self._data)
            if _is_complete(data):
                yield data
            else:
                self.strange = True
