"""Connections straight to a gateway: encrypted or not, and which of them are used again."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.exchanges import CHUNKED, TLS, asked, chunked, collect, exchanged, listening, run, server_side, text
from tests.support.gateway import event
from zeke.exchange.client import Client
from zeke.exchange.events import Event, Failed, Finished


def test_an_encrypted_answer_and_a_second_one_on_the_same_connection() -> None:
    heads: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await asked(reader):
            heads.append(id(writer))
            writer.write(CHUNKED + chunked(event("é"), event("b" * 100_000), event(finish="stop"), b"data: [DONE]\n\n"))
            await writer.drain()

    async def work() -> list[list[Event]]:
        async with listening(answer, server_side()) as port:
            client = Client(tls=True, ca_bundle=str(TLS / "certificate.pem"))
            base = f"https://localhost:{port}/v1"
            found = [await collect(client, base, lambda: 0.01) for _ in range(2)]
            await client.close()
        return found

    for events in run(work()):
        assert (text(events), events[-1]) == ("é" + "b" * 100_000, Finished("stop"))
    assert len(heads) == 2
    assert len(set(heads)) == 1


def test_an_encrypted_gateway_that_nobody_vouches_for_is_refused() -> None:
    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert not await asked(reader), "the request left"

    async def work() -> Event:
        async with listening(never, server_side()) as port:
            *_, last = await exchanged(f"https://localhost:{port}/v1", tls=True)
        return last

    failed = run(work())
    assert isinstance(failed, Failed)
    assert "ZEKE_CA_BUNDLE" in failed.message


def test_an_encrypted_connection_asks_for_the_http_that_it_speaks() -> None:
    agreed: list[str | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agreed.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        while await asked(reader):
            writer.write(CHUNKED + chunked(event("a"), event(finish="stop"), b"data: [DONE]\n\n"))

    async def work() -> str:
        both = server_side()
        both.set_alpn_protocols(["h2", "http/1.1"])
        async with listening(answer, both) as port:
            bundle = str(TLS / "certificate.pem")
            return text(await exchanged(f"https://localhost:{port}/v1", tls=True, ca_bundle=bundle))

    assert run(work()) == "a"
    assert agreed == ["http/1.1"]


def test_a_plain_connection_is_used_again_when_its_answer_was_complete() -> None:
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await asked(reader):
            connections.append(id(writer))
            # The end of the body comes on its own.
            writer.write(
                CHUNKED + chunked(event("a"), event(finish="stop"), b"data: [DONE]\n\n").removesuffix(b"0\r\n\r\n")
            )
            await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def work() -> list[str]:
        async with listening(answer) as port:
            client = Client(tls=False)
            base = f"http://127.0.0.1:{port}/v1"
            found = [text(await collect(client, base)) for _ in range(3)]
            await client.close()
        return found

    assert run(work()) == ["a"] * 3
    assert len(connections) == 3
    assert len(set(connections)) == 1


OK = event("a") + event(finish="stop") + b"data: [DONE]\n\n"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.mark.parametrize(
    ("answer", "is_reused"),
    [
        (KEPT + b"Content-Length: %d\r\n\r\n" % len(OK) + OK, True),
        (KEPT + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(OK), True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + KEPT + b"Content-Length: %d\r\n\r\n" % len(OK) + OK, True),
        (KEPT.replace(b"1.1", b"1.0") + b"Content-Length: %d\r\n\r\n" % len(OK) + OK, False),
        (KEPT + b"Connection: Keep-Alive, Close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(OK), False),
        (KEPT + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(OK) + b"out of turn", False),
    ],
)
def test_which_connections_are_used_again(answer: bytes, *, is_reused: bool) -> None:
    connections: set[int] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername")[1])
        while await asked(reader):
            writer.write(answer)

    async def work() -> list[str]:
        async with listening(handle) as port:
            client = Client(tls=False)
            found = [text(await collect(client, f"http://127.0.0.1:{port}/v1")) for _ in range(3)]
            await client.close()
        return found

    assert run(work()) == ["a"] * 3
    assert len(connections) == (1 if is_reused else 3)
