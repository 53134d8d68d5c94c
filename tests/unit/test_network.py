"""The way to the gateway: proxies of the environment, reads that wait, addresses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Callable

import httpcore
import pytest

from tests.support.exchanges import TLS, asked, collect, exchanged, listening, request, run, server_side, text
from tests.support.gateway import HEAD, Reply, error, event, serving, stream
from zeke.exchange import network, pools
from zeke.exchange.client import Client
from zeke.exchange.events import Event, Failed, Text


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the proxies of the environment, and no others."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def set_to(**names: str) -> None:
        for name, value in names.items():
            monkeypatch.setenv(name, value)

    return set_to


@pytest.mark.parametrize(
    ("names", "url", "proxy"),
    [
        ({}, "https://api.example.com/v1", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://api.example.com/v1", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://api.example.com/v1", None),
        ({"https_proxy": "p:3128"}, "https://api.example.com/v1", "http://p:3128"),
        ({"ALL_PROXY": "http://p"}, "http://api.example.com/v1", "http://p"),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "*"}, "http://api.example.com/v1", None),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "a.org, example.com"}, "http://api.example.com/v1", None),
        ({"ALL_PROXY": "http://p", "NO_PROXY": ".example.com"}, "http://api.example.com/v1", None),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "example.com"}, "http://myexample.com/v1", "http://p"),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "api.example.com:8080"}, "http://api.example.com:8080/v1", None),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "api.example.com:8080"}, "http://api.example.com/v1", "http://p"),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3/v1", None),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8,nonsense/9"}, "http://11.1.2.3/v1", "http://p"),
        ({"ALL_PROXY": "http://p"}, "http://localhost:11434/v1", None),
        ({"ALL_PROXY": "http://p"}, "http://[::1]:8080/v1", None),
    ],
)
def test_the_proxy_of_the_environment(
    environment: Callable[..., None], names: dict[str, str], url: str, proxy: str | None
) -> None:
    environment(**names)
    target, _ = pools.address(url)
    assert pools.proxy_of(target.scheme.decode(), target.host.decode(), target.port) == proxy


def test_a_request_goes_through_its_proxy_with_the_login_and_the_whole_address(
    environment: Callable[..., None],
) -> None:
    with serving(Reply(stream("a"))) as proxy:
        environment(HTTP_PROXY=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert text(run(exchanged("http://gateway.example/v1"))) == "a"
        (seen,) = proxy.seen
    assert seen.path == "http://gateway.example/v1/chat/completions"
    assert seen.headers["host"] == "gateway.example"
    assert base64.b64decode(seen.headers["proxy-authorization"].removeprefix("Basic ")) == b"user:p@ss"


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{port}", "socks5://127.0.0.1:{port}"])
def test_a_proxy_that_refuses_or_cannot_be_used_is_named(environment: Callable[..., None], proxy: str) -> None:
    with serving(error(407)) as refusing:
        environment(HTTPS_PROXY=proxy.format(port=refusing.port))
        *_, failed = run(exchanged("https://gateway.example/v1", tls=True))
    assert isinstance(failed, Failed)
    assert "gateway.example" in failed.message


def test_a_tunnel_through_a_proxy(environment: Callable[..., None]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"".join(stream("through")))
        writer.close()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    tunnels: list[bytes] = []

    async def work() -> list[Event]:
        async with listening(answer, server_side()) as port:

            async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tunnels.append((await asked(reader)).split(b"\r\n")[0])
                inner = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

            async with listening(tunnel) as proxy:
                environment(HTTPS_PROXY=f"http://127.0.0.1:{proxy}")
                # A name that only the proxy could resolve; the certificate is not made out to it.
                context = ssl.create_default_context(cafile=str(TLS / "certificate.pem"))
                context.check_hostname = False
                client = Client(tls=False)
                client._pools = pools.Pools(context)
                found = await collect(client, "https://gateway.example/v1")
                await client.close()
        return found

    assert text(run(work())) == "through"
    assert tunnels == [b"CONNECT gateway.example:443 HTTP/1.1"]


def test_what_comes_while_nothing_can_be_shown_is_told_together_and_counted() -> None:
    async def work() -> list[Text]:
        arrived = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + event("first"))
            await arrived.wait()
            for number in range(9):
                writer.write(event(f" {number}"))
                await writer.drain()
            writer.write(event(finish="stop"))
            writer.close()

        found: list[Text] = []
        async with listening(answer) as port:
            client = Client(tls=False)
            rest = iter([0.5])
            async for step in client.exchange(request(f"http://127.0.0.1:{port}/v1"), lambda: next(rest, 0.0)):
                if isinstance(step, Text):
                    arrived.set()
                    found.append(step)
            await client.close()
        return found

    first, *others = run(work())
    assert first.text == "first"
    assert "".join(part.text for part in others) == " 0 1 2 3 4 5 6 7 8"
    assert sum(part.pieces for part in others) == 9


@pytest.mark.parametrize("first", [b"data: cut", b"data: whole\n\n", b"data: %s\n\n" % (b"long" * 200)])
def test_what_a_sender_held_back_until_the_read_is_in_the_same_read(first: bytes) -> None:
    ours, theirs = socket.socketpair()

    class Taken(socket.socket):
        """Its sender goes on when something was taken."""

        def recv(self, size: int, flags: int = 0) -> bytes:
            data = super().recv(size, flags)
            theirs.sendall(b"data: held back\n\n")
            return data

    async def work() -> bytes:
        connection = Taken(fileno=ours.detach())
        connection.setblocking(False)
        stream = network.Direct(asyncio.get_running_loop(), connection, [])
        stream.hold(0.01)
        theirs.sendall(first)
        data = await stream.read(65536)
        await stream.aclose()
        return data

    with theirs:
        assert run(work()) == first + b"data: held back\n\n"


def test_stopping_while_nothing_is_read_closes_the_connection_at_once() -> None:
    async def work() -> None:
        gone = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(HEAD + event("first"))
            with contextlib.suppress(OSError):
                assert await reader.read(1) == b""
            gone.set()
            writer.close()

        async with listening(answer) as port:
            client = Client(tls=False)
            shown = asyncio.Event()

            async def follow() -> None:
                async for step in client.exchange(request(f"http://127.0.0.1:{port}/v1"), lambda: 3600.0):
                    if isinstance(step, Text):
                        shown.set()

            task = asyncio.create_task(follow())
            await shown.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()
            await client.close()

    run(work())


@pytest.mark.parametrize(
    ("url", "host", "target", "login"),
    [
        ("http://gateway:8080", b"gateway", b"/", None),
        ("http://bücher.example/v1/é?a=b c", b"xn--bcher-kva.example", b"/v1/%C3%A9?a=b%20c", None),
        ("http://me:p%20w@gateway/v1", b"gateway", b"/v1", "me:p w"),
    ],
)
def test_an_address_as_it_is_sent(url: str, host: bytes, target: bytes, login: str | None) -> None:
    found, headers = pools.address(url)
    assert isinstance(found, httpcore.URL)
    assert (found.host, found.target) == (host, target)
    expected = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    assert headers == expected


def test_a_host_that_is_no_name_is_no_crash() -> None:
    *_, last = run(exchanged(f"http://{'a' * 70}.example/v1"))
    assert isinstance(last, Failed)


def test_the_body_of_a_get_is_json_or_nothing() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asked(reader)
        body = json.dumps({"data": []}).encode() if b"/good" in head else b"<html>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async def work() -> list[object | None]:
        async with listening(answer) as port:
            client = Client(tls=False)
            base = f"http://127.0.0.1:{port}"
            found = [await client.get_json(f"{base}/{name}", seconds=5) for name in ("good", "bad")]
            await client.close()
            found.append(await client.get_json(f"{base}/gone", seconds=5))
        return found

    assert run(work())[:2] == [{"data": []}, None]
