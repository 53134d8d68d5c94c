from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.exchanges import text
from zeke.exchange import records
from zeke.exchange.decoder import Decoder
from zeke.exchange.events import Event, Failed, Finished, Named, Reasoning, Text, Usage
from zeke.exchange.payloads import Payloads

SSE = "text/event-stream"


def decode(*pieces: bytes, content_type: str | None = SSE) -> list[Event]:
    decoder = Decoder(content_type)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def end(events: list[Event]) -> str:
    """The reason of success or the code of the failure; also that it is the only and last terminal event."""
    terminal = [event for event in events if isinstance(event, Finished | Failed)]
    assert terminal == events[-1:]
    last = events[-1]
    assert isinstance(last, Finished | Failed)
    return last.reason if isinstance(last, Finished) else last.code


def chunk(content: object = None, finish: object = None, **more: object) -> bytes:
    delta = {} if content is None else {"content": content}
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def test_text_then_done() -> None:
    events = decode(chunk("a"), chunk("b"), chunk(finish="stop"), DONE)
    assert (text(events), end(events)) == ("ab", "stop")


def test_done_alone_is_an_end() -> None:
    events = decode(chunk("a"), DONE)
    assert (text(events), end(events)) == ("a", "stop")


@pytest.mark.parametrize("last", [b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n", b"data: [DONE]\r"])
def test_done_without_its_blank_line(last: bytes) -> None:
    assert end(decode(chunk("a"), last)) == "stop"


def test_a_finish_reason_is_enough() -> None:
    assert end(decode(chunk("a"), chunk(finish="length"))) == "length"


def test_usage_after_the_finish_reason_is_read() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    events = decode(
        chunk("a"), chunk(finish="stop"), b'data: {"choices":[],"usage":' + json.dumps(usage).encode() + b"}\n\n"
    )
    assert Usage(3, 1) in events
    assert end(events) == "stop"


def test_a_clean_end_proves_nothing() -> None:
    events = decode(chunk("a"))
    assert (text(events), end(events)) == ("a", "truncated")


def test_nothing_is_an_empty_answer() -> None:
    assert end(decode()) == "empty"
    assert end(decode(chunk(finish="stop"))) == "empty"
    assert end(decode(DONE)) == "empty"


def test_comments_bom_crlf_and_several_data_lines() -> None:
    stream = (
        b'\xef\xbb\xbf: ping\r\nevent: x\r\ndata: {"choices":[{"delta":\r\ndata: {"content":"A"}}]}\r\n\r\n:\r\n'
        b'id: 4\r\nretry: 10\r\ndata:{"choices":[{"delta":{"content":"B"},"finish_reason":"stop"}]}'
    )
    events = decode(stream)
    assert (text(events), end(events)) == ("AB", "stop")


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None, "role": None, "tool_calls": None}}]},
        {"choices": "no"},
        {"usage": None, "model": None, "id": 7, "choices": []},
        [],
        None,
        3,
        "text",
    ],
)
def test_null_or_missing_everything_is_skipped(nothing: object) -> None:
    events = decode(b"data: " + json.dumps(nothing).encode() + b"\n\n", chunk("a"), chunk(finish="stop"))
    assert (text(events), end(events)) == ("a", "stop")


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "boom", "code": 500}},
        {"error": {"message": "boom", "code": "500", "type": None}},
        {"error": "boom"},
        {"object": "error", "message": "boom"},
        {"object": "error", "message": {"detail": [{"msg": "boom"}]}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}},
        {"error": {"message": "boom"}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]},
        {"choices": [{"error": {"message": "boom"}}]},
    ],
)
def test_an_error_object_ends_the_stream_and_keeps_the_text(error: object) -> None:
    events = decode(chunk("a"), b"data: " + json.dumps(error).encode() + b"\n\n", chunk("never"), DONE)
    assert (text(events), end(events)) == ("a", "upstream_error")
    last = events[-1]
    assert isinstance(last, Failed)
    assert "boom" in last.message


def test_content_parts_are_joined() -> None:
    assert text(decode(chunk([{"type": "text", "text": "a"}, {"text": "b"}, None]), DONE)) == "ab"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_not_the_answer(key: str) -> None:
    thought = b"data: " + json.dumps({"choices": [{"delta": {key: "hm", "content": None}}]}).encode() + b"\n\n"
    events = decode(thought, chunk("a"), DONE)
    assert Reasoning("hm") in events
    assert text(events) == "a"
    alone = decode(thought, DONE)
    assert end(alone) == "empty"


def test_a_plain_json_reply_to_a_streaming_request() -> None:
    reply = {
        "model": "m",
        "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1},
    }
    for body in (json.dumps(reply), json.dumps(reply, indent=2), "\n\n" + json.dumps(reply, indent=1) + "\n"):
        events = decode(body.encode(), content_type="application/json")
        assert (text(events), end(events)) == ("hi", "stop")
        assert Named(model="m") in events


def test_legacy_completion_text() -> None:
    events = decode(b'data: {"choices":[{"text":"hi","finish_reason":"stop"}]}\n\n')
    assert (text(events), end(events)) == ("hi", "stop")


def test_html_is_no_answer() -> None:
    events = decode(b"<!doctype html><html><body>Welcome</body></html>", content_type="text/html")
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.code, "HTML" in last.message) == ("bad_response", True)


def test_broken_json_is_no_answer() -> None:
    assert end(decode(b"data: {nonsense\n\n")) == "bad_response"
    assert end(decode(b"Hello, I am a mail server\r\n", content_type="text/plain")) == "bad_response"


def test_one_broken_event_does_not_cost_the_answer() -> None:
    events = decode(chunk("a"), b"data: {nonsense\n\n", chunk("b"), DONE)
    assert (text(events), end(events)) == ("ab", "stop")


def test_content_filter_is_told() -> None:
    assert end(decode(chunk("a"), chunk(finish="content_filter"))) == "content_filter"


def test_an_event_over_the_limit_ends_the_answer_and_keeps_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LIMIT", 200)
    events = decode(chunk("a") + b"data: " + b"x" * 500 + b"\n\n")
    assert (text(events), end(events)) == ("a", "bad_response")
    assert end(decode(b"data: " + b"x" * 500)) == "bad_response"


def test_nothing_after_the_end_counts() -> None:
    decoder = Decoder(SSE)
    first = decoder.feed(chunk("a") + DONE + chunk("b"))
    assert decoder.ended
    assert text(first) == "a"
    assert decoder.feed(chunk("c")) == []
    assert decoder.close() == []


def test_deep_nesting_is_no_crash() -> None:
    assert end(decode(b"data: " + b"[" * 100_000 + b"\n\n")) == "bad_response"


contents = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
newlines = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, bytes]:
    """An answer and one of the many streams that mean it."""
    parts = draw(st.lists(contents, min_size=1, max_size=8))
    newline = draw(newlines)
    stream = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for part in parts:
        ascii_only = draw(st.booleans())
        value = {"choices": [{"index": 0, "delta": {"content": part}}]}
        data = json.dumps(value, ensure_ascii=ascii_only).encode()
        stream += draw(st.sampled_from([b"", b":" + newline, b": ping" + newline + newline, b"event: x" + newline]))
        stream += b"data:" + draw(st.sampled_from([b"", b" "])) + data + newline + newline
    stream += b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}' + newline + newline
    stream += draw(st.sampled_from([b"", b"data: [DONE]" + newline + newline, b"data: [DONE]"]))
    return "".join(parts), stream


@given(streams(), st.data())
def test_any_cut_of_any_stream_gives_the_same_answer(given_stream: tuple[str, bytes], data: st.DataObject) -> None:
    answer, stream = given_stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    events = decode(*pieces)
    assert text(events) == answer
    assert end(events) == ("stop" if answer else "empty")


@given(st.binary(max_size=400), st.sampled_from([SSE, "application/json", "application/x-ndjson", None]), st.data())
def test_garbage_never_raises_and_ends_once(garbage: bytes, content_type: str | None, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(garbage)))
    whole = decode(garbage, content_type=content_type)
    assert end(whole)
    assert end(decode(garbage[:cut], garbage[cut:], content_type=content_type)) == end(whole)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("choices", "usage", "error", "model", "id", "type", "delta", "message", "done", "timings", "object")
shaped = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, json_values))


@given(st.lists(shaped, max_size=4))
def test_any_json_under_the_known_keys_never_raises(values: list[object]) -> None:
    assert end(decode(*(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)))


plain_fields = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "2", None]),
        "model": st.sampled_from(["m", "n", None]),
        "object": st.sampled_from(["chat.completion.chunk", "error", None]),
        "usage": st.sampled_from([None, {"prompt_tokens": 2}]),
        "error": st.sampled_from([None, "boom"]),
        "obfuscation": st.just("x"),
    },
)
plain_deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", None]),
        "content": st.sampled_from(["a", "", "é", "\ud83d", "\ude00", None, [{"text": "part"}]]),
        "reasoning_content": st.sampled_from(["", "hm"]),
        "refusal": st.none(),
    },
)


@st.composite
def chunks(draw: st.DrawFn) -> dict[str, object]:
    """What OpenAI's and its neighbours' chunks look like, ordinary ones and others."""
    choice: dict[str, object] = {"index": 0, "delta": draw(plain_deltas)}
    choice.update(draw(st.fixed_dictionaries({}, optional={"finish_reason": st.sampled_from([None, "stop", "error"])})))
    return {"choices": [choice] * draw(st.sampled_from([1, 1, 1, 0, 2])), **draw(plain_fields)}


def told(events: list[Event]) -> list[object]:
    """Events with neighbouring texts joined."""
    found: list[object] = []
    for event in events:
        if isinstance(event, Text) and found and isinstance(found[-1], str):
            found[-1] += event.text
        else:
            found.append(event.text if isinstance(event, Text) else event)
    return found


@given(st.lists(chunks(), max_size=12), st.booleans())
def test_the_short_way_of_plain_chunks_tells_what_the_long_one_does(
    values: list[dict[str, object]], in_one_read: bool
) -> None:
    pieces = [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]
    given_pieces = [b"".join(pieces)] if in_one_read else pieces
    short = told(decode(*given_pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Payloads, "plain", lambda _self, _value: None)
        assert told(decode(*given_pieces)) == short
