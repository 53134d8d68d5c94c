"""The client and its attempts over real sockets, against gateways that answer as they are told."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchanges import collect, exchanged, listening, request, run, text
from tests.support.gateway import HEAD, Gateway, Reply, closed_port, error, event, recorded, serving, stream
from zeke.cache.writer import Log
from zeke.exchange.attempts import Attempting, Attempts, Step, Waiting
from zeke.exchange.client import Client
from zeke.exchange.events import Event, Failed, Finished, Opened, Text
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions
from zeke.models import Message, Route, Timeouts
from zeke.settings import Settings, load

QUICK = Timeouts(connect=0.3, first_byte=0.3, idle=0.3)


def failure(events: list[Any]) -> Failed:
    assert [event for event in events if isinstance(event, Finished | Failed)] == events[-1:]
    assert isinstance(events[-1], Failed)
    return events[-1]


def test_an_answer() -> None:
    with serving(Reply(stream("a", "b"))) as gateway:
        events = run(exchanged(gateway.base))
    assert isinstance(events[0], Opened)
    assert (text(events), events[-1]) == ("ab", Finished("stop"))
    (seen,) = gateway.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("zeke.nvim/")
    assert seen.body == {"model": "m"}


def test_nobody_listens() -> None:
    failed = failure(run(exchanged(f"http://127.0.0.1:{closed_port()}/v1")))
    assert (failed.code, "connection refused" in failed.message) == ("connect", True)


def test_a_host_that_is_not_known() -> None:
    assert "not known" in failure(run(exchanged("http://no-such-host.invalid/v1"))).message


def test_a_port_that_does_not_speak_http() -> None:
    with serving(Reply([b"220 mail.example ESMTP ready\r\n"])) as gateway:
        failed = failure(run(exchanged(gateway.base)))
    assert "check the port" in failed.message


def test_a_kept_connection_that_the_server_closed_costs_nothing() -> None:
    ok = b"".join(stream("a")).replace(b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", 1)
    head, _, body = ok.partition(b"\r\n\r\n")
    chunked = head + b"\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    served = 0

    async def twice_then_rudely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(b'{"model":"m"}'))
        served += 1
        writer.write(chunked)
        await writer.drain()
        if served == 1:
            # Read the second request, then hang up without a word.
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def work() -> list[list[Event]]:
        client = Client(tls=False)
        async with listening(twice_then_rudely) as port:
            found = [await collect(client, f"http://127.0.0.1:{port}/v1") for _ in range(2)]
        await client.close()
        return found

    assert [text(events) for events in run(work())] == ["a", "a"]
    assert served == 2


def test_a_connection_that_is_reset_before_the_answer() -> None:
    with serving(Reply([], abort=True)) as gateway:
        assert failure(run(exchanged(gateway.base))).code == "connect"


def test_a_connection_that_is_reset_in_the_middle_keeps_the_text() -> None:
    gate = threading.Event()
    with serving(Reply([HEAD + event("a"), event("b")], gate=gate, held=1, abort=True)) as gateway:
        gate.set()
        events = run(exchanged(gateway.base))
    assert text(events).startswith("a")
    assert failure(events).code == "truncated"


@pytest.mark.parametrize(
    ("pieces", "code", "kept"), [([HEAD], "timeout_first_byte", ""), ([HEAD + event("a")], "timeout_idle", "a")]
)
def test_silence_has_a_limit_and_keeps_the_text(pieces: list[bytes], code: str, kept: str) -> None:
    gate = threading.Event()
    with serving(Reply([*pieces, event("late")], gate=gate, held=1)) as gateway:
        events = run(exchanged(gateway.base, QUICK))
        gate.set()
    assert (failure(events).code, text(events)) == (code, kept)


def test_comments_reset_the_idle_limit() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + event("a"))
        for _ in range(8):
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.write(b": ping\n\n")
        writer.write(event(finish="stop"))
        await writer.drain()
        writer.close()

    async def work() -> list[Event]:
        async with listening(trickle) as port:
            return await exchanged(f"http://127.0.0.1:{port}/v1", dataclasses.replace(QUICK, first_byte=5))

    assert run(work())[-1] == Finished("stop")


def test_cancelling_closes_the_connection() -> None:
    gate = threading.Event()

    async def work(gateway: Gateway) -> None:
        client = Client(tls=False)
        got_text = asyncio.Event()

        async def follow() -> None:
            async for step in client.exchange(request(gateway.base)):
                if isinstance(step, Text):
                    got_text.set()

        task = asyncio.create_task(follow())
        await got_text.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gateway.closed.wait, 5)
        await client.close()

    with serving(Reply([HEAD + event("a"), event("b")], gate=gate, held=1)) as gateway:
        run(work(gateway))
        gate.set()


def test_a_redirect_is_not_followed() -> None:
    with serving(Reply(stream("stolen"))) as other:
        with serving(error(307, headers=f"Location: {other.base}\r\n")) as gateway:
            failed = failure(run(exchanged(gateway.base)))
        assert failed.code == "http_307"
        assert other.seen == []


def test_a_proxy_never_sees_what_goes_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(error(502)) as proxy, serving(Reply(stream("a"))) as gateway:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert text(run(exchanged(gateway.base))) == "a"
        assert proxy.seen == []


def test_a_certificate_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match=r"ZEKE_CA_BUNDLE is /no/such\.pem"):
        Client(tls=True, ca_bundle="/no/such.pem")


# Attempts.

ROUTE = Route("auto", "auto", {"intent": "tests"}, timeouts=Timeouts(1, 5, 5))
MESSAGES = (Message("user", "hi"),)
NO_EMBEDDED: dict[str, Any] = {"embedded": {"model_path": "/no/such.gguf"}}


def configured(base: str, ollama: str | None = None, **gateway: object) -> Settings:
    host = ollama or f"127.0.0.1:{closed_port()}"
    return load({"gateway": {"base": base, **gateway}, "fallback": {**NO_EMBEDDED, "ollama": {"host": host}}}, {})


async def steps_of(settings: Settings, route: Route = ROUTE, times: int = 1, key: str | None = None) -> list[Step]:
    client = Client(tls=False)
    embedded = EmbeddedModel(EmbeddedOptions(model_path=settings.fallback.embedded.model_path))
    attempts = Attempts(client, settings, embedded)
    found: list[Step] = []
    try:
        for _ in range(times):
            steps: AsyncIterator[Step] = attempts.run("the-id", route, MESSAGES, key=key)
            found += [step async for step in steps]
    finally:
        await client.close()
    return found


def kinds(steps: list[Step]) -> list[str]:
    return [step.kind for step in steps if isinstance(step, Attempting)]


def test_the_wire() -> None:
    route = dataclasses.replace(
        ROUTE,
        parameters={"temperature": 0},
        headers={"X-Team": "core"},
        omen={"strategy": "single", "providers": ["x"]},
    )
    with serving(Reply(stream("a"))) as gateway:
        run(steps_of(configured(gateway.base, headers={"X-All": "1"}), route, key="k-1"))
    (seen,) = gateway.seen
    assert seen.body == {
        "model": "auto",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tags": {"intent": "tests"},
        "temperature": 0,
        "omen": {"strategy": "single", "providers": ["x"]},
    }
    assert seen.headers["authorization"] == "Bearer k-1"
    assert seen.headers["x-request-id"] == "the-id"
    assert (seen.headers["x-team"], seen.headers["x-all"]) == ("core", "1")


def test_a_refused_field_is_left_out_once_and_remembered() -> None:
    with serving(recorded("synthetic/openai__400_unknown_parameter_tags"), Reply(stream("a"))) as gateway:
        steps = run(steps_of(configured(gateway.base), times=2))
    assert [("tags" in seen.body) for seen in gateway.seen] == [True, False, False]
    assert kinds(steps) == ["gateway"] * 3
    assert text(steps) == "aa"


def test_another_refusal_is_not_asked_again() -> None:
    with serving(recorded("omen/validation_stop_string")) as gateway:
        steps = run(steps_of(configured(gateway.base)))
    assert len(gateway.seen) == 1
    assert failure([step for step in steps if not isinstance(step, Attempting)]).code == "http_400"


def test_retry_after_is_waited_for_with_a_countdown() -> None:
    busy = error(429, b'{"error":{"message":"slow down"}}', headers="Retry-After: 1\r\n")
    with serving(busy, Reply(stream("a"))) as gateway:
        steps = run(steps_of(configured(gateway.base)))
    assert [step.status for step in steps if isinstance(step, Waiting)] == ["retrying in 1 s"]
    assert text(steps) == "a"


def test_a_gateway_that_stays_busy_is_asked_three_times_and_no_local_model_answers() -> None:
    busy = error(429, headers="Retry-After: 0\r\n")
    with serving(busy) as gateway, serving(recorded("synthetic/ollama__native_tags")) as ollama:
        steps = run(steps_of(configured(gateway.base, f"127.0.0.1:{ollama.port}")))
        assert ollama.seen == []
    assert kinds(steps) == ["gateway"] * 3


def test_a_longer_wait_than_the_cap_is_told_not_waited_for() -> None:
    with serving(error(429, headers="Retry-After: 3600\r\n")) as gateway:
        steps = run(steps_of(configured(gateway.base)))
    assert kinds(steps) == ["gateway"]
    assert "3600 s" in failure([step for step in steps if not isinstance(step, Attempting)]).message


def test_ollama_answers_when_no_gateway_does() -> None:
    with serving(recorded("synthetic/ollama__native_tags"), recorded("synthetic/ollama__native_chat")) as ollama:
        steps = run(steps_of(configured(f"http://127.0.0.1:{closed_port()}/v1", f"127.0.0.1:{ollama.port}")))
        assert [seen.path for seen in ollama.seen] == ["/api/tags", "/api/chat"]
        assert ollama.seen[1].body["model"] == "qwen2.5-coder:7b"
        assert "authorization" not in ollama.seen[1].headers
    assert kinds(steps) == ["gateway", "ollama"]
    assert (text(steps), steps[-1]) == ("def add(é)", Finished("stop"))
    degraded = [step.because for step in steps if isinstance(step, Attempting)]
    assert degraded[0] is None
    assert degraded[1] is not None
    assert degraded[1].code == "connect"


@pytest.mark.parametrize(
    "reply", ["omen/auto_seed_request_ollama_500", "omen/google_stream_empty", "synthetic/ollama__v1_model_not_found"]
)
def test_causes_that_another_model_can_mend(reply: str) -> None:
    with (
        serving(recorded(reply)) as gateway,
        serving(recorded("synthetic/ollama__native_tags"), recorded("synthetic/ollama__native_chat")) as ollama,
    ):
        steps = run(steps_of(configured(gateway.base, f"127.0.0.1:{ollama.port}")))
    assert kinds(steps) == ["gateway", "ollama"]


@pytest.mark.parametrize(
    "reply", ["omen/auth_missing_401", "omen/ollama_dies_silent", "litellm/upstream_dies_midstream"]
)
def test_a_refusal_or_shown_text_is_never_replaced(reply: str) -> None:
    with serving(recorded(reply)) as gateway, serving(recorded("synthetic/ollama__native_tags")) as ollama:
        steps = run(steps_of(configured(gateway.base, f"127.0.0.1:{ollama.port}")))
        assert ollama.seen == []
    assert kinds(steps) == ["gateway"]


def test_when_nothing_answers_one_sentence_says_why() -> None:
    steps = run(steps_of(configured(f"http://127.0.0.1:{closed_port()}/v1")))
    failed = steps[-1]
    assert isinstance(failed, Failed)
    assert "no gateway answers" in failed.message
    assert "/no/such.gguf" in failed.message
    assert "\n" not in failed.message


def test_no_fallback_when_the_user_wants_none() -> None:
    settings = load({"gateway": {"base": f"http://127.0.0.1:{closed_port()}/v1"}, "fallback": False}, {})
    steps = run(steps_of(settings))
    assert kinds(steps) == ["gateway"]
    failed = steps[-1]
    assert isinstance(failed, Failed)
    assert "local model" not in failed.message


def test_an_ipv6_gateway_is_no_trouble() -> None:
    if not socket.has_ipv6:
        pytest.fail("this machine has no IPv6 sockets")
    assert failure(run(exchanged(f"http://[::1]:{closed_port()}/v1"))).code == "connect"


def test_the_body_is_valid_json_for_any_text() -> None:
    route = dataclasses.replace(ROUTE, tags={"intent": "é\u2028\x00"})
    with serving(Reply(stream("a"))) as gateway:
        run(steps_of(configured(gateway.base), route))
    assert gateway.seen[0].body["tags"] == {"intent": "é\u2028\x00"}


def test_an_answer_that_was_complete_is_not_cancelled_any_more() -> None:
    from zeke.answering import Answering
    from zeke.exchange.prices import Prices
    from zeke.models import Ask

    told: list[dict[str, Any]] = []

    class Screen:
        def head(self, *_: object) -> None: ...
        def append(self, *_: object) -> None: ...
        def reason(self, *_: object) -> None: ...
        def finish(self, _name: str, outcome: dict[str, Any]) -> None:
            told.append(outcome)

    async def steps() -> AsyncIterator[Step]:
        yield Attempting(1, "gateway", "http://g/v1", "m")
        yield Opened(200, {})
        yield Text("all")
        yield Finished("stop")
        raise asyncio.CancelledError

    async def work(path: Path) -> list[tuple[Any, ...]]:
        log = Log(path, owned=True)
        await Answering(Ask("r", "code", ""), Route("auto", "m", {}), Screen(), log, Prices()).run(steps())  # type: ignore[arg-type]
        found = await asyncio.wrap_future(
            log.call(lambda c: c.execute("SELECT success, error_code FROM routing_stats").fetchall())
        )
        log.close()
        return found

    with tempfile.TemporaryDirectory() as folder:
        assert run(work(Path(folder) / "db")) == [(1, None)]
    assert [outcome["success"] for outcome in told] == [True]
