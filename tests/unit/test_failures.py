"""Errors and traces: what comes from outside is shown in one clean line, and no secret is kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeke.exchange import dialects, errors, trace
from zeke.exchange.errors import TransportKind
from zeke.exchange.events import Failed, Named, Usage
from zeke.exchange.hostile import clean

BASE = "http://user:pw@gateway:8080/v1?key=secret"


def explain(status: int, body: bytes = b"", *, has_key: bool = False, base: str = BASE, **headers: str) -> Failed:
    return errors.explain_status(status, headers, body, base_url=base, model="auto", has_key=has_key)


@pytest.mark.parametrize(
    ("status", "has_key", "base", "named"),
    [
        (401, False, BASE, ("set ZEKE_API_KEY",)),
        (401, True, BASE, ("check ZEKE_API_KEY",)),
        (404, False, "http://gateway:8080", ("ZEKE_API_BASE=http://gateway:8080/v1",)),
        (404, False, BASE, ("no chat completions",)),
        (402, False, BASE, ("credit",)),
        (500, False, BASE, ("log", "model=")),
        (302, False, BASE, ("redirects", "ZEKE_API_BASE")),
        (204, False, BASE, ("204",)),
    ],
)
def test_an_empty_body_still_gives_the_next_step(status: int, has_key: bool, base: str, named: tuple[str, ...]) -> None:
    failed = explain(status, has_key=has_key, base=base)
    assert failed.code == f"http_{status}"
    assert all(word in failed.message for word in named)
    assert "pw" not in failed.message
    assert "secret" not in failed.message


def test_the_gateways_own_words_are_cleaned_capped_and_without_credentials() -> None:
    body = json.dumps({"error": {"message": "bad key sk-abcdef123456 \x1b[31m\u202e" + "x" * 1000}}).encode()
    failed = explain(401, body)
    assert "sk-abcdef" not in failed.message
    assert "\x1b" not in failed.message
    assert "\u202e" not in failed.message
    assert len(failed.message) < 300


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_body_makes_it_raise_or_break_the_line(status: int, body: bytes) -> None:
    assert not any(ord(character) < 32 for character in explain(status, body).message)


@pytest.mark.parametrize(
    "kind",
    ["refused", "dns", "tls", "proxy", "timeout_connect", "timeout_first_byte", "timeout_idle", "reset", "protocol"],
)
def test_a_broken_connection_names_the_address_and_never_the_password(kind: TransportKind) -> None:
    message = errors.explain_transport(kind, base_url=BASE, seconds=2.0).message
    assert "http://gateway:8080/v1" in message
    assert "pw" not in message


@pytest.mark.parametrize(
    ("code", "model", "detail", "allowed"),
    [
        ("connect", "auto", "", True),
        ("timeout_connect", "m", "", True),
        ("timeout_first_byte", "m", "", True),
        ("empty", "m", "", True),
        ("http_500", "m", "", True),
        ("http_503", "m", "", True),
        ("http_404", "auto", "model 'auto' not found", True),
        ("http_404", "m", "model 'm' not found", False),
        ("http_404", "auto", "File Not Found", False),
        ("http_400", "auto", "", False),
        ("http_401", "auto", "", False),
        ("http_402", "auto", "", False),
        ("http_403", "auto", "", False),
        ("http_422", "auto", "", False),
        ("http_429", "auto", "", False),
        ("timeout_idle", "auto", "", False),
        ("truncated", "auto", "", False),
        ("upstream_error", "auto", "", False),
        ("bad_response", "auto", "", False),
    ],
)
def test_a_local_model_may_answer_only_for_what_it_can_mend(code: str, model: str, detail: str, allowed: bool) -> None:
    assert errors.may_fall_back(Failed(code, "x", detail), model=model) is allowed


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert errors.retry_after(headers) == seconds


def observe(headers: dict[str, str], **metadata: dict[str, object]) -> dialects.Observed:
    return dialects.Observed(BASE, 200, headers, Named("m-1", None, "id-1"), Usage(1, 2), metadata)


def test_omens_trace_in_headers_or_body_is_read() -> None:
    headers = {
        "x-omen-trace-model": "claude-4",
        "x-omen-trace-provider": "anthropic",
        "x-omen-trace-reason": "budget",
        "x-omen-trace-candidates": '["a", "b"]',
        "x-omen-trace-cost-usd": "0.002",
    }
    decision = dialects.read(observe(headers))
    assert (decision.gateway, decision.model, decision.provider) == ("omen", "claude-4", "anthropic")
    assert (decision.reason, decision.candidates, decision.cost_cents) == ("budget", ("a", "b"), 0.2)
    body = {"provider": "ollama", "model_used": "qwen", "routing_reason": "prefer local", "cost_usd": 0}
    decision = dialects.read(observe({}, routing_metadata=body))
    assert (decision.model, decision.provider, decision.reason, decision.cost_cents) == (
        "qwen",
        "ollama",
        "prefer local",
        0.0,
    )


def test_the_word_auto_is_no_model() -> None:
    observed = dialects.Observed(BASE, 200, {}, Named("auto"))
    assert dialects.read(observed).model is None


@given(
    st.dictionaries(
        st.sampled_from(["x-omen-model", "x-omen-cost", "x-litellm-model-name", "server"]), st.text(max_size=30)
    )
)
def test_no_header_makes_a_dialect_raise(headers: dict[str, str]) -> None:
    decision = dialects.read(observe(headers))
    assert decision.model is None or not any(ord(character) < 32 for character in decision.model)


def build(observed: dialects.Observed) -> str:
    return trace.build(
        observed,
        request_id="r",
        base_url=BASE,
        attempt=1,
        requested_model="auto",
        finish_reason="stop",
        ttft_ms=1,
        total_ms=2,
        chunks=3,
        degraded=False,
        error=None,
        zeke={"route": {"model": ["auto", "default"]}},
    )


def test_the_trace_keeps_what_tells_and_nothing_secret() -> None:
    kept = json.loads(
        build(
            observe(
                {
                    "x-omen-reason": "cheap",
                    "x-omen-api-key": "sk-1",
                    "set-cookie": "session=1",
                    "authorization": "Bearer 1",
                    "x-litellm-key-spend": "3",
                    "content-type": "text/event-stream",
                }
            )
        )
    )
    assert kept["headers"] == {"x-omen-reason": "cheap"}
    assert kept["base_url"] == "http://gateway:8080"


def test_the_trace_is_capped_and_says_what_it_dropped() -> None:
    text = build(observe({}, routing_metadata={"reason": "é" * 20_000}, timings={"a": 1}))
    assert len(text.encode()) <= trace.LIMIT
    assert json.loads(text)["truncated"] == ["routing_metadata"]
    assert json.loads(text)["timings"] == {"a": 1}


@given(st.text(max_size=60))
def test_clean_text_is_one_line_without_control_characters(text: str) -> None:
    shown = clean(text, 40)
    assert len(shown) <= 40
    assert not any(ord(character) < 32 or ord(character) == 127 for character in shown)
