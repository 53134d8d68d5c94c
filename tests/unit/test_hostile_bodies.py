"""Bodies that broke something once (tests/fixtures/hostile), and bounds on what a gateway may send."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.exchanges import text
from zeke.exchange import decoder as decoding
from zeke.exchange import dialects, errors, prices, records, trace
from zeke.exchange.decoder import Decoder
from zeke.exchange.events import Event, Failed, Finished, Metadata, Named, Reasoning, Text, Usage
from zeke.exchange.jsontext import DEEPEST, parse
from zeke.exchange.local import ollama
from zeke.exchange.wellformed import wellformed

BODIES = sorted((Path(__file__).parents[1] / "fixtures" / "hostile").glob("*.body"))
TYPES = ("text/event-stream", "application/json", "application/x-ndjson", None)


def decode(pieces: Iterable[bytes], content_type: str | None = "text/event-stream") -> list[Event]:
    decoder = Decoder(content_type)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def checked(events: list[Event]) -> list[Event]:
    """Exactly one end, and everything that is told can be sent to the editor and stored."""
    assert [event for event in events if isinstance(event, Finished | Failed)] == events[-1:]
    observed = dialects.Observed("http://gateway/v1", 200, {})
    named, usage, metadata = Named(), Usage(), {}
    for event in events:
        match event:
            case Text(told) | Reasoning(told):
                assert told
                told.encode()
            case Named():
                named = event
            case Usage():
                usage = event
            case Metadata(name, value):
                metadata[name] = value
    observed = dialects.Observed("http://gateway/v1", 200, {}, named, usage, metadata)
    decision = dialects.read(observed)
    msgpack.packb([decision.model, decision.provider, decision.tokens_in, decision.tokens_out, decision.cost_cents])
    for count in (decision.tokens_in, decision.tokens_out):
        assert count is None or count < 2**63
    stored = trace.build(
        observed,
        request_id="r",
        base_url="http://gateway/v1",
        attempt=1,
        requested_model="auto",
        finish_reason=None,
        ttft_ms=None,
        total_ms=1,
        chunks=1,
        degraded=False,
        error=events[-1].message if isinstance(events[-1], Failed) else None,
        zeke={},
    )
    assert len(stored.encode()) <= trace.LIMIT
    json.loads(stored)
    return events


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("content_type", TYPES)
def test_a_body_that_broke_something_ends_once_however_it_is_cut(path: Path, content_type: str | None) -> None:
    body = path.read_bytes()
    whole = checked(decode([body], content_type))
    cut = checked(decode([body[i : i + 1] for i in range(len(body))], content_type))
    assert (text(cut), cut[-1]) == (text(whole), whole[-1])


def test_a_surrogate_pair_in_two_events_is_one_character() -> None:
    body = next(path for path in BODIES if path.stem == "surrogate_pair_in_two_events").read_bytes()
    assert text(decode([body])) == "a😀"
    body = next(path for path in BODIES if path.stem == "half_a_surrogate_pair").read_bytes()
    assert text(decode([body])) == "a\ufffd"


halves = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=8)


@given(st.lists(halves.filter(bool), min_size=1, max_size=5))
def test_text_that_comes_in_halves_is_mended_like_the_whole(parts: list[str]) -> None:
    events = decode(
        [
            b"data: " + json.dumps({"choices": [{"delta": {"content": part}}]}).encode() + b"\n\n"
            for part in ["x", *parts]
        ]
    )
    assert text(checked(events)) == wellformed("x" + "".join(parts))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300)
    | halves
    | st.floats(allow_nan=True, allow_infinity=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(halves, inner, max_size=3),
    max_leaves=8,
)
USAGE = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "cost", "prompt_n", "cache_n")
figures = st.fixed_dictionaries({}, optional=dict.fromkeys(USAGE, json_values))
ROUTING = ("cost_usd", "routing_reason", "provider", "model_used", "candidates", "strategy", "attempts", "endpoints")
routing = st.fixed_dictionaries({}, optional=dict.fromkeys(ROUTING, json_values))
shaped = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("choices", "error", "model", "id", "type", "delta", "message", "done"), json_values),
        "usage": figures,
        "timings": figures,
        "routing_metadata": routing,
        "openrouter_metadata": routing,
    },
)


@given(st.lists(shaped, max_size=4), st.sampled_from(TYPES))
def test_whatever_the_known_keys_hold_can_be_shown_and_stored(values: list[object], content_type: str | None) -> None:
    events = decode((b"data: " + json.dumps(value).encode() + b"\n\n" for value in values), content_type)
    checked(events)
    checked(decode((json.dumps(value).encode() + b"\n" for value in values), content_type))


headers = st.dictionaries(
    st.sampled_from(
        [
            *(f"x-omen-{name}" for name in ("model", "provider", "reason", "candidates", "cost-usd", "tokens-in")),
            *(f"x-litellm-{name}" for name in ("model-name", "response-cost", "attempted-fallbacks", "model-group")),
            "x-generation-id",
            "server",
            "content-type",
            "apim-request-id",
            "retry-after",
        ]
    ),
    st.one_of(
        st.text(max_size=30),
        st.from_regex(r"[\[{]{0,200}[\d.eE+-]{0,20}", fullmatch=True),
        st.just("[" * 50_000),
        st.just("9" * 400),
    ),
)


@given(headers)
def test_no_header_makes_a_dialect_or_a_wait_raise(given_headers: dict[str, str]) -> None:
    decision = dialects.read(dialects.Observed("http://gateway/v1", 200, given_headers))
    msgpack.packb([decision.model, decision.provider, decision.tokens_in, decision.cost_cents, decision.reason])
    errors.retry_after(given_headers)


@pytest.mark.parametrize(
    "value",
    ["Sun, 06 Nov 1994 08:49:37 +9999999999999999", "Sun, 06 Nov 99999999999 08:49:37 GMT", ", , , ,", "9" * 400],
)
def test_a_date_that_is_none_is_no_wait(value: str) -> None:
    assert errors.retry_after({"retry-after": value}) is None


def test_a_price_that_no_number_holds_is_unknown() -> None:
    assert prices.read({"data": [{"id": "m", "pricing": {"prompt": 10**400, "completion": 1}}]}) == {}


def test_a_local_model_larger_than_any_memory_is_not_chosen() -> None:
    models = [{"name": "big", "size": 10**400}, {"name": "small", "size": 1000}]
    assert ollama.choose_model(models, preferred=None, last_used=None) == "small"


def test_json_has_a_limit_in_depth_and_one_kind_of_error() -> None:
    deep = b"[" * DEEPEST + b"]" * DEEPEST
    assert parse(deep)
    for broken in (b"[%s]" % deep, b"[" * 100_000, b"{", b"9" * 5000, b""):
        with pytest.raises(ValueError):
            parse(broken)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES, st.booleans())
def test_json_is_read_as_python_reads_it(value: object, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert parse(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": "raw \x01 control"}', {"a": "raw \x01 control"}),
        (b'{"a": "half \\ud83d"}', {"a": "half \ud83d"}),
        (b'{"a": "broken \xff"}', {"a": "broken \ufffd"}),
        (b' {"a": 1, "a": 2} ', {"a": 2}),
    ],
)
def test_what_gateways_send_instead_of_json_is_read_kindly(text: bytes, value: object) -> None:
    assert parse(text) == value


def event(content: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": content}}]}).encode() + b"\n\n"


def test_an_answer_without_end_is_stopped_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "TEXT_LIMIT", 1000)
    decoder, events = Decoder(None), list[Event]()
    while not decoder.ended:
        events += decoder.feed(event("x" * 300))
    assert text(events) == "x" * 1000
    assert isinstance(events[-1], Failed)
    assert (events[-1].code, "longer than" in events[-1].message) == ("truncated", True)


def test_a_body_that_says_nothing_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BODY_LIMIT", 10_000)
    for piece in (b": ping\n\n", b"data: {}\n\n", b"event: x\n"):
        decoder, events = Decoder(None), decode([event("a")])[:-1]
        while not decoder.ended:
            events += decoder.feed(piece)
        assert "more than" in str(events[-1])


@pytest.mark.parametrize("piece", [b"\n", b"   ", b"data:\n", b"data: x\n", b"x"])
def test_what_is_kept_of_a_record_that_does_not_end_is_bounded(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LIMIT", 2000)
    monkeypatch.setattr(decoding, "BODY_LIMIT", 100_000)
    decoder = Decoder(None)
    count = 0
    while not decoder.ended and count < 200_000:
        decoder.feed(piece)
        count += 1
        kept = decoder._records
        assert len(kept._start) + len(kept._data) + len(kept._document) < 3000
    assert decoder.ended


def test_a_web_page_is_not_read_to_its_end() -> None:
    decoder = Decoder("text/html")
    (failed,) = decoder.feed(b"<!doctype html>")
    assert "HTML" in str(failed)
    assert decoder.ended
