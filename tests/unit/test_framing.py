"""Bodies of HTTP/1.1: what h11 makes of the same bytes, however they are cut, and what is not framed as it must be."""

from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeke.exchange import framing

HEADS = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "counted": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    "until closed": b"HTTP/1.1 200 OK\r\n\r\n",
}
CONTENT = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
SIZES = st.sampled_from([b"%x", b"%X", b"0000%x", b"%x ", b"%x;name=value", b'%x;name="a;b"'])
TRAILERS = st.sampled_from([b"", b"Server-Timing: a\r\n", b"A: b\r\nC: d\r\n"])


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """The data in the pieces that these places cut it into."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def theirs(head: bytes, body: bytes, *, is_closed: bool) -> bytes:
    """The content as h11 reads it."""
    machine = h11.Connection(h11.CLIENT)
    machine.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    machine.send(h11.EndOfMessage())
    machine.receive_data(head + body)
    if is_closed:
        machine.receive_data(b"")
    found = b""
    while not isinstance(event := machine.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
        found += event.data if isinstance(event, h11.Data) else b""
    return found


def ours(frame: framing.UntilClosed, pieces: list[bytes]) -> bytes:
    return b"".join(frame.feed(piece) for piece in pieces)


@given(content=CONTENT, size=SIZES, trailers=TRAILERS, places=st.lists(st.integers(0, 1000), max_size=8))
def test_chunks_as_h11_reads_them_wherever_they_are_cut(
    content: list[bytes], size: bytes, trailers: bytes, places: list[int]
) -> None:
    chunks = b"".join((size % len(one)) + b"\r\n" + one + b"\r\n" for one in content)
    body = chunks + size % 0 + b"\r\n" + trailers + b"\r\n"
    frame = framing.Chunked()
    assert ours(frame, cuts(body + b"next", places)) == theirs(HEADS["chunked"], body, is_closed=False)
    assert (frame.is_complete, frame.rest) == (True, b"next")


@given(content=st.binary(max_size=60), places=st.lists(st.integers(0, 1000), max_size=4))
def test_a_counted_body_as_h11_reads_it(content: bytes, places: list[int]) -> None:
    frame = framing.Counted(len(content))
    assert ours(frame, cuts(content + b"next", places)) == theirs(
        HEADS["counted"] % len(content), content, is_closed=False
    )
    assert (frame.is_complete, frame.rest) == (True, b"next")


@given(content=st.binary(max_size=60))
def test_a_body_without_a_length_ends_with_the_connection(content: bytes) -> None:
    frame = framing.UntilClosed()
    assert frame.feed(content) == theirs(HEADS["until closed"], content, is_closed=True)
    assert not frame.is_complete
    frame.close()
    assert frame.is_complete


@given(data=st.binary(max_size=60), places=st.lists(st.integers(0, 1000), max_size=8))
def test_any_bytes_are_chunks_or_malformed(data: bytes, places: list[int]) -> None:
    try:
        ours(framing.Chunked(), cuts(data, places))
    except framing.Malformed:
        return


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"zz\r\n", "no size of a chunk"),
        (b"\r\n", "no size of a chunk"),
        (b"-1\r\n", "no size of a chunk"),
        (b"0x3\r\nabc\r\n", "no size of a chunk"),
        (b"1" * 17 + b"\r\n", "no size of a chunk"),
        (b"3\r\nabcd\r\n", "longer than its size"),
        (b"3\r\nabcdefgh", "longer than its size"),
        (b"3;" + b"x" * framing.LINE, "has no end"),
        (b"0\r\n" + b"a: b\r\n" * framing.TRAILERS, "trailers have no end"),
    ],
)
def test_what_is_no_chunk_is_named(body: bytes, said: str) -> None:
    with pytest.raises(framing.Malformed, match=said):
        framing.Chunked().feed(body)


@pytest.mark.parametrize(
    ("frame", "data"),
    [(framing.Counted(5), b"abc"), (framing.Chunked(), b"3\r\nab"), (framing.Chunked(), b"3\r\nabc\r\n0\r\n")],
)
def test_a_body_that_was_cut_short(frame: framing.UntilClosed, data: bytes) -> None:
    frame.feed(data)
    with pytest.raises(framing.Malformed, match="incomplete message body"):
        frame.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (200, {}, framing.UntilClosed),
        (200, {b"content-length": b"3"}, framing.Counted),
        (200, {b"content-length": b"3", b"transfer-encoding": b"chunked"}, framing.Chunked),
        (204, {b"transfer-encoding": b"chunked"}, framing.Counted),
        (304, {}, framing.Counted),
    ],
)
def test_how_a_response_is_framed(status: int, headers: dict[bytes, bytes], kind: type) -> None:
    assert type(framing.of_response(status, headers)) is kind
