"""Bodies that come compressed though nobody asked: inflated in small pieces, so that a bomb meets the usual limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

PIECE = 8 * 1024
"""Bytes handed on at once: a flood gives way after each, 0.2 ms of decoding."""


class Undecodable(ValueError):
    """The body cannot be read. The text is one sentence with the next step."""


class Inflater:
    """Undoes one content coding (RFC 9110 §8.4.1): gzip, deflate, or none."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """`headers` are the response's, with lower-case names.

        Raises:
            Undecodable: it is another coding.
        """
        self._coding = headers.get("content-encoding", "identity").strip().lower() or "identity"
        if self._coding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise Undecodable(
                "the gateway compressed its answer in a way that was not asked for: switch compression off in it"
            )
        self._stream = zlib.decompressobj(31 if "gzip" in self._coding else 15)
        self._is_first = True

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Pieces of the body in order, to be consumed before the next call.

        Raises:
            Undecodable: the data is not in the coding that the header names; while they are consumed.
        """
        if self._coding != "identity":
            return self._inflated(data)
        if len(data) <= PIECE:
            return (data,)
        return (data[start : start + PIECE] for start in range(0, len(data), PIECE))

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        while data and not self._stream.eof:
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error:
                if self._coding != "deflate" or not self._is_first:
                    raise Undecodable(
                        f"the gateway's answer is damaged (it is no {self._coding}): look at its log, or ask again"
                    ) from None
                # Some servers send the bare stream without zlib's header.
                self._stream, self._is_first = zlib.decompressobj(-15), False
                continue
            self._is_first = False
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
