"""Recorded HTTP exchanges: status, headers, and the body in the pieces it was read in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "transcripts"


class _Dechunker:
    """Chunked transfer coding (RFC 9112 §7.1), cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        self._rest += data
        out = b""
        while not self._ended:
            if self._left:
                # The chunk's own line end is counted with it.
                taken, self._rest = self._rest[: self._left], self._rest[self._left :]
                self._left -= len(taken)
                out += taken[: max(len(taken) - max(2 - self._left, 0), 0)]
                if self._left:
                    return out
                continue
            line, end, rest = self._rest.partition(b"\r\n")
            if not end:
                return out
            self._rest = rest
            size = int(line.split(b";")[0], 16)
            self._ended = size == 0
            self._left = size + 2
        return out


@dataclass(frozen=True)
class Transcript:
    """One recorded response. `name` is `gateway/case`."""

    name: str

    @cached_property
    def raw(self) -> bytes:
        return (FOLDER / f"{self.name}.http").read_bytes()

    @cached_property
    def _head(self) -> list[str]:
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")

    @property
    def status(self) -> int:
        return int(self._head[0].split()[1])

    @cached_property
    def headers(self) -> dict[str, str]:
        """Lower-case names."""
        pairs = (line.partition(":") for line in self._head[1:])
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def received(self) -> list[bytes]:
        """The raw response in the pieces of the recorded reads; whole when none were recorded."""
        timing = FOLDER / f"{self.name}.timing.json"
        pieces: list[bytes] = []
        start = 0
        for _, size in json.loads(timing.read_text())["recv"] if timing.exists() else []:
            pieces.append(self.raw[start : start + size])
            start += size
        return [piece for piece in (*pieces, self.raw[start:]) if piece]

    @property
    def pieces(self) -> list[bytes]:
        """The body's bytes at the recorded cuts, without transfer coding."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "")
        dechunker, left = _Dechunker(), len(self.raw.partition(b"\r\n\r\n")[0]) + 4
        found: list[bytes] = []
        for piece in self.received:
            skipped, left = piece[left:], max(left - len(piece), 0)
            if body := dechunker.feed(skipped) if chunked else skipped:
                found.append(body)
        return found

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


def all_transcripts() -> list[Transcript]:
    paths = sorted(FOLDER.glob("*/*.http"))
    return [Transcript(f"{path.parent.name}/{path.stem}") for path in paths]
