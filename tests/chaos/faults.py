"""The catalogue: what a gateway, a proxy or a bad line can do to an exchange, from a seed."""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.chaos.wire import Fault
from tests.support.transcripts import Transcript, all_transcripts

EXPECTED = json.loads((Path(__file__).parents[1] / "contract" / "expected.json").read_text("utf-8"))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
END_MARK = re.compile(
    rb'\[DONE\]|"finish_reason": ?"|"done": ?true|"stop_reason": ?"|"type": ?"message_stop"', re.IGNORECASE
)
"""What ends an answer in any of the recorded formats; before it nothing may be called complete."""


def event(content: str | None = None, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    chunk = {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


DONE = event(finish="stop") + b"data: [DONE]\n\n"


def body(*texts: str) -> bytes:
    return b"".join(event(text) for text in texts) + DONE


def chunked(data: bytes, size: int = 64) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def headed(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@lru_cache(maxsize=1)
def recorded() -> tuple[Transcript, ...]:
    """Every recorded exchange but those after which the client waits for real seconds."""
    return tuple(found for found in all_transcripts() if not EXPECTED[found.name].get("retry_after"))


def cut(transcript: Transcript, at: int, ending: str) -> Fault:
    """A recorded exchange that ends after `at` bytes."""
    sent = transcript.raw[:at]
    expected = EXPECTED[transcript.name]
    return Fault(
        f"{ending} in a recorded exchange",
        [sent] if sent else [],
        "reset" if ending == "reset" else "hang" if ending == "hang" else "close",
        answer=expected.get("text"),
        may_succeed=bool(END_MARK.search(sent)) and isinstance(expected.get("end"), str),
    )


def cuts(rng: random.Random, count: int) -> Iterator[Fault]:
    """Cuts at `count` of all bytes of all exchanges, evenly spread from a place that the seed chooses."""
    total = sum(len(transcript.raw) + 1 for transcript in recorded())
    step = max(total / count, 1.0)
    place = rng.random() * step
    start = 0
    for transcript in recorded():
        while place < start + len(transcript.raw) + 1:
            yield cut(transcript, int(place) - start, rng.choice(("reset", "close")))
            place += step
        start += len(transcript.raw) + 1


def _halves(rng: random.Random, data: bytes) -> tuple[bytes, bytes]:
    at = rng.randrange(1, len(data))
    return data[:at], data[at:]


def mangled(rng: random.Random) -> Fault:
    """A recorded answer with bytes that are lost, doubled, swapped or changed on the way."""
    transcript = rng.choice(recorded())
    raw = bytearray(transcript.raw)
    how = rng.choice(("lose", "double", "swap", "change", "nul", "invalid utf-8", "insert a line end"))
    for _ in range(rng.choice((1, 1, 2, 5))):
        start = rng.randrange(len(raw))
        size = rng.choice((1, 2, 10, 100))
        piece = bytes(raw[start : start + size])
        if how == "lose":
            raw[start : start + size] = b""
        elif how == "double":
            raw[start:start] = piece
        elif how == "swap":
            raw[start : start + 2 * size] = raw[start + size : start + 2 * size] + piece
        elif how == "change":
            raw[start] = rng.randrange(256)
        elif how == "nul":
            raw[start:start] = b"\0" * size
        elif how == "invalid utf-8":
            raw[start:start] = b"\xff\xc3\xed\xa0\x80"[: rng.randrange(1, 6)]
        else:
            raw[start:start] = rng.choice((b"\n", b"\r", b"\r\n", b"\n\n"))
        raw = raw or bytearray(b" ")
    # What such an answer says is anybody's guess: only that it ends, and how, is checked.
    return Fault(f"{how} bytes of a recorded exchange", [bytes(raw)], answer="*", may_succeed=True)


def reordered(rng: random.Random) -> Fault:
    """Whole events in the wrong order, doubled, or left out; the end mark last."""
    events = [event(f"{number} ") for number in range(rng.randrange(2, 9))]
    rng.shuffle(events)
    events += rng.choices(events, k=rng.randrange(3))
    return Fault("events reordered and doubled", [HEAD, *events, DONE], answer="*", may_succeed=True)


def dribbled(rng: random.Random) -> Fault:
    """A recorded answer in pieces of a few bytes."""
    transcript = rng.choice([found for found in recorded() if len(found.raw) < 3000])
    expected = EXPECTED[transcript.name]
    pieces: list[bytes] = []
    rest = transcript.raw
    while rest:
        size = rng.randrange(1, 40)
        pieces, rest = [*pieces, rest[:size]], rest[size:]
    return Fault(
        "a recorded exchange in small pieces",
        pieces,
        answer=expected.get("text"),
        may_succeed=isinstance(expected.get("end"), str),
    )


def refused(rng: random.Random) -> Fault:
    """A status that is no answer, with a body of any kind."""
    status = rng.choice((201, 204, 206, 300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 418, 422, 500, 502, 504, 599))
    kind = rng.choice((b"application/json", b"text/html", b"", b"text/event-stream"))
    content = rng.choice(
        (
            b"",
            b"{",
            b'{"error":' * 200,
            b"<html>" + b"x" * 1000,
            b'{"error":{"message":"\x1b[31m\xff\\u202e"}}',
            body("no"),
        )
    )
    lines = [b"Content-Type: " + kind, b"Connection: close", b"Location: http://127.0.0.1:9/steal"]
    lines += [] if status == 204 else [b"Content-Length: %d" % (len(content) + rng.choice((0, 0, 7)))]
    head = headed(*lines, status=b"%d X" % status)
    return Fault("a status that is no answer", [head + (b"" if status == 204 else content)])


def odd_heads(rng: random.Random) -> Fault:
    """Heads that are huge, malformed or strange, some of them before a good answer."""
    good = body("fine")
    length = b"Content-Length: %d" % len(good)
    kind = b"Content-Type: text/event-stream"
    choices: list[Fault] = [
        Fault(
            "huge header", [headed(kind, b"X-Omen-Reason: " + b"x" * 300_000), good], answer="fine", may_succeed=True
        ),
        Fault(
            "many headers",
            [headed(kind, *(b"X-%d: %s" % (n, b"y" * 90) for n in range(5000))), good],
            answer="fine",
            may_succeed=True,
        ),
        Fault("header without colon", [headed(kind, b"nonsense"), good], answer="fine", may_succeed=True),
        Fault("header with nul", [headed(kind, b"X-Omen-Model: a\0b"), good], answer="fine", may_succeed=True),
        Fault("header in latin-1", [headed(kind, b"X-Omen-Model: \xe9\xff"), good], answer="fine", may_succeed=True),
        Fault("folded header", [headed(kind, b"X-A: a\r\n b"), good], answer="fine", may_succeed=True),
        Fault("two lengths", [headed(kind, length, b"Content-Length: 3"), good], answer="fine", may_succeed=True),
        Fault("negative length", [headed(kind, b"Content-Length: -5"), good], answer="fine", may_succeed=True),
        Fault("length too small", [headed(kind, b"Content-Length: 20"), good], answer="fine", may_succeed=False),
        Fault("length too large", [headed(kind, b"Content-Length: 99999"), good], answer="fine", may_succeed=True),
        Fault("no status line", [good], answer=None),
        Fault("status of five digits", [headed(kind, status=b"20000 OK"), good], answer="fine", may_succeed=True),
        Fault("HTTP/2 preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], answer=None),
        Fault("HTTP/0.9", [b"hello"], answer=None),
        Fault(
            "candidates nested without end",
            [headed(kind, b"X-Omen-Candidates: " + b"[" * 20_000), good],
            answer="fine",
            may_succeed=True,
        ),
        Fault(
            "early hints first",
            [headed(b"Link: <x>", status=b"103 Early Hints") * 3 + headed(kind), good],
            answer="fine",
            may_succeed=True,
        ),
        Fault(
            "100 and 102 first",
            [headed(status=b"100 Continue") + headed(status=b"102 Processing") + headed(kind), good],
            answer="fine",
            may_succeed=True,
        ),
        Fault("101 switching protocols", [headed(b"Upgrade: x", b"Connection: Upgrade", status=b"101 X"), good]),
        Fault("wrong content type", [headed(b"Content-Type: image/png"), good], answer="fine", may_succeed=True),
        Fault("no content type", [headed(), good], answer="fine", may_succeed=True),
        Fault("a page", [headed(b"Content-Type: text/html"), b"<!doctype html><p>data: x\n\n", good], must_say="HTML"),
    ]
    return rng.choice(choices)


def codings(rng: random.Random) -> Fault:
    """Transfer and content codings that were not asked for, right and wrong."""
    good = body("fine")
    kind = b"Content-Type: text/event-stream"
    te = b"Transfer-Encoding: chunked"
    bare = zlib.compressobj(wbits=-15)
    raw_deflate = bare.compress(good) + bare.flush()
    half = gzip.compress(good)
    choices = [
        Fault("chunked", [headed(kind, te), chunked(good, rng.randrange(1, 99))], answer="fine", may_succeed=True),
        Fault(
            "trailers",
            [headed(kind, te), chunked(good)[:-2] + b"X-T: 1\r\nX-U: " + b"u" * 500 + b"\r\n\r\n"],
            answer="fine",
            may_succeed=True,
        ),
        Fault("malformed chunk size", [headed(kind, te), chunked(good[:50])[:-5] + b"zz\r\n" + good], answer="fine"),
        Fault("chunk size of 400 digits", [headed(kind, te), b"f" * 400 + b"\r\n" + good], answer="fine"),
        Fault("last chunk is missing", [headed(kind, te), chunked(good)[:-5]], answer="fine", may_succeed=True),
        Fault("gzip", [headed(kind, b"Content-Encoding: gzip"), gzip.compress(good)], answer="fine", may_succeed=True),
        Fault(
            "deflate",
            [headed(kind, b"Content-Encoding: deflate"), zlib.compress(good)],
            answer="fine",
            may_succeed=True,
        ),
        Fault(
            "bare deflate", [headed(kind, b"Content-Encoding: deflate"), raw_deflate], answer="fine", may_succeed=True
        ),
        Fault("gzip that is none", [headed(kind, b"Content-Encoding: gzip"), good], must_say="damaged"),
        Fault(
            "gzip cut short",
            [headed(kind, b"Content-Encoding: gzip"), half[: rng.randrange(1, len(half) - 9)]],
            answer="fine",
            may_succeed=True,
        ),
        Fault("brotli", [headed(kind, b"Content-Encoding: br"), good], must_say="compress"),
        Fault("codings in a chain", [headed(kind, b"Content-Encoding: gzip, gzip"), good], must_say="compress"),
        Fault("refusal in gzip that is none", [headed(b"Content-Encoding: gzip", status=b"500 X"), good]),
    ]
    return rng.choice(choices)


def silences(rng: random.Random) -> Fault:
    """Silence at a stage of the exchange, for longer than the limits of the tests."""
    pieces = [b"HTTP/1.1 200 OK\r\n", b"Content-Type: text/event-stream\r\n", b"\r\n", event("so "), event("far"), DONE]
    stage = rng.randrange(len(pieces))
    return Fault(
        "silence at a stage",
        pieces[:stage],
        "hang",
        answer="so far",
        must_say="sent nothing" if stage < 4 else "fell silent",
    )


def mixed(rng: random.Random) -> Fault:
    """Any of them."""
    makers = (mangled, mangled, mangled, reordered, dribbled, refused, refused, odd_heads, odd_heads, codings, codings)
    if rng.random() < 0.02:
        return Fault("the connection is reset before the request is read", early=True)
    return rng.choice(makers)(rng)


def floods() -> list[Fault]:
    """More than memory should hold: each must end in one sentence."""
    kind = b"Content-Type: text/event-stream"
    block = b"x" * 65_536
    open_event = event("kept")
    start = b'data: {"choices":[{"index":0,"delta":{"content":"'
    bomb = gzip.compress(open_event + start + b"y" * 100_000_000, compresslevel=9)
    blank = gzip.compress(b"\n" * 400_000_000, compresslevel=1)
    events = gzip.compress(event("z" * 1000) * 20_000, compresslevel=9)
    return [
        Fault("100 MB in one event", [HEAD, open_event, start, *[block] * 1600], answer="kept", must_say="16 MiB"),
        Fault("one line without end", [HEAD, open_event, b"data: ", *[block] * 1600], answer="kept", must_say="16 MiB"),
        Fault(
            "text without end",
            [HEAD + event("e" * 1000), *[event("e" * 1000)] * 10_000],
            answer="e" * 10_001_000,
            must_say="longer than",
        ),
        Fault(
            "thoughts without end",
            [HEAD, *[event("<think>" + "e" * 1000)] * 10_000],
            answer="*",
            must_say="longer than",
        ),
        Fault(
            "compression bomb, one event",
            [headed(kind, b"Content-Encoding: gzip"), bomb],
            answer="kept",
            must_say="16 MiB",
        ),
        Fault(
            "compression bomb, nothing but blank lines",
            [headed(kind, b"Content-Encoding: gzip"), blank],
            must_say="more than",
        ),
        Fault(
            "compression bomb, many events",
            [headed(kind, b"Content-Encoding: gzip"), events],
            answer="z" * 20_000_000,
            must_say="longer than",
        ),
        Fault(
            "one line of 10 MB", [HEAD, event("l" * 10_000_000), DONE], answer="l" * 10_000_000, must_say="longer than"
        ),
        Fault("refusal without end", [headed(status=b"500 X"), *[block] * 1600], must_say="failed (500)"),
        Fault("blank lines without end", [HEAD, *[b"\n" * 65_536] * 4200], must_say="more than"),
        Fault("a page without end", [headed(b"Content-Type: text/html") + b"<html>", *[block] * 1600], must_say="HTML"),
    ]
