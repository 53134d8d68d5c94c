"""The body of an HTTP/1.1 response out of the bytes that follow its head (RFC 9112 §6 and §7). Sans-IO.

h11 reads the head. For a stream its events would cost more than all else that is done with what was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LINE = 16 * 1024
"""Bytes of one line of the framing itself: a size with its extensions, or a trailer."""
TRAILERS = 64 * 1024
"""Bytes of all trailers, which are read and dropped."""
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)


class Malformed(ValueError):
    """The bytes are not framed as the head says; the text says how."""


class UntilClosed:
    """A body that ends with the connection."""

    is_complete = False
    rest = b""
    """What came after the end."""

    def feed(self, data: bytes) -> bytes:
        """The content in the next bytes that were read.

        Raises:
            Malformed: they are not framed as they must be.
        """
        return data

    def close(self) -> None:
        """The connection was closed.

        Raises:
            Malformed: that was before the end of the body.
        """
        self.is_complete = True


class Counted(UntilClosed):
    """A body of so many bytes."""

    def __init__(self, length: int) -> None:
        """`length` as told by Content-Length, in bytes."""
        self._left = length
        self.is_complete = length == 0

    def feed(self, data: bytes) -> bytes:
        """See `UntilClosed`."""
        content, self.rest = data[: self._left], self.rest + data[self._left :]
        self._left -= len(content)
        self.is_complete = self._left == 0
        return content

    def close(self) -> None:
        """See `UntilClosed`."""
        if not self.is_complete:
            raise Malformed(f"incomplete message body: {self._left} bytes of it did not come")


class Chunked(UntilClosed):
    """A body in chunks that each tell their size."""

    def __init__(self) -> None:
        """Begin before the first chunk."""
        self._held = b""
        """The begin of a line."""
        self._left = 0
        """Bytes of the current chunk that did not come yet."""
        self._is_after_data = False
        """The line end behind a chunk's data comes next."""
        self._is_last = False
        """The chunk without data came: trailers follow."""
        self._trailers = 0

    def feed(self, data: bytes) -> bytes:
        """See `UntilClosed`."""
        if self.is_complete:
            self.rest += data
            return b""
        if self._held:
            data, self._held = self._held + data, b""
        found: list[bytes] = []
        at, size = 0, len(data)
        while at < size:
            if self._left:
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._hold(data[at:])
                break
            line, at = data[at:end], end + 2
            if self._is_after_data:
                if line:
                    raise Malformed("a chunk is longer than its size")
                self._is_after_data = False
            elif not self._is_last:
                self._begin(line)
            elif line:
                self._drop(line)
            else:
                self.is_complete, self.rest = True, data[at:]
                break
        return found[0] if len(found) == 1 else b"".join(found)

    def _begin(self, line: bytes) -> None:
        """A chunk begins; its data come next, except for the last one, which has none."""
        match = _SIZE.fullmatch(line)
        if not match:
            raise Malformed(f"{line[:40]!r} is no size of a chunk")
        self._left = int(match[1], 16)
        self._is_last = self._left == 0
        self._is_after_data = not self._is_last

    def _hold(self, begin: bytes) -> None:
        self._held = begin
        if self._is_after_data and begin != b"\r":
            raise Malformed("a chunk is longer than its size")
        if len(begin) > LINE:
            raise Malformed("a line of the framing has no end")

    def _drop(self, trailer: bytes) -> None:
        self._trailers += len(trailer)
        if self._trailers > TRAILERS:
            raise Malformed("the trailers have no end")

    def close(self) -> None:
        """See `UntilClosed`."""
        if not self.is_complete:
            raise Malformed("incomplete message body: its last chunk did not come")


def of_response(status: int, headers: Mapping[bytes, bytes]) -> UntilClosed:
    """How the body of a GET's or POST's response is framed (RFC 9112 §6.3).

    `headers` are as h11 gives them: lower-case names, and no other transfer coding than chunked.
    """
    if status in (204, 304):
        return Counted(0)
    if b"transfer-encoding" in headers:
        return Chunked()
    if b"content-length" in headers:
        return Counted(int(headers[b"content-length"]))
    return UntilClosed()
