"""One JSON object of a response to events: every shape that the gateways we know send.

The order of the questions matters: errors first, because some gateways put them beside ordinary fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zeke.exchange.events import Event, Failed, Metadata, Named, Reasoning, Text, Usage
from zeke.exchange.hostile import clean
from zeke.models import ErrorCode

CAP = 300
"""Characters of a gateway's own message that are shown."""
COUNT, USD = 1e12, 1e6
"""More tokens, and more dollars for one answer, than anybody can mean."""
KEPT = ("routing_metadata", "openrouter_metadata", "timings", "usage")
_ORDINARY = frozenset(
    (
        "id",
        "model",
        "provider",
        "system_fingerprint",
        "object",
        "created",
        "choices",
        "service_tier",
        "obfuscation",
        "usage",
    )
)
_ORDINARY_CHOICE = frozenset(("index", "delta", "finish_reason", "logprobs", "native_finish_reason"))
_ORDINARY_DELTA = frozenset(("content", "role", "refusal"))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object, limit: float) -> float | None:
    """A number that can be stored: JSON knows no limits, and 1e999 is read as infinite."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if 0 <= value < limit else None


def _int(value: object) -> int | None:
    number = _number(value, COUNT)
    return None if number is None else int(number)


def _text(value: object) -> str:
    """Content as a string; lists of parts are joined (OpenAI's content parts)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part.get("text")) if isinstance(part, dict) else _text(part) for part in value)
    return ""


def _told(body: Mapping[str, object]) -> tuple[object, ...]:
    """Who says it."""
    get = body.get
    return get("id"), get("model"), get("provider"), get("system_fingerprint")


def error_message(value: object) -> str:
    """The words of an error object, whatever its shape."""
    if isinstance(value, str):
        return clean(value, CAP)
    body = _object(value)
    for key in ("message", "detail", "error", "msg"):
        if inner := body.get(key):
            if isinstance(inner, list):
                inner = inner[0] if inner else ""
            return error_message(inner)
    return clean(str(body.get("type") or body.get("code") or ""), CAP)


class Payloads:
    """Reads the objects of one stream in order; `reason` is the finish_reason once it was told."""

    def __init__(self) -> None:
        """Begin before the first object."""
        self.reason: str | None = None
        self.complete = False
        """The format said that nothing follows."""
        self.understood = False
        """At least one object had a shape we know."""
        self._usage = Usage()
        self._has_usage = False
        self._named = Named()
        self._told: tuple[object, ...] | None = None
        """The names in the last object of OpenAI's shape, as sent."""
        self._plain: object = None
        """The last object that told nothing but content, without that."""

    def plain(self, value: Any) -> str | None:
        """The content of an object that tells nothing else; None when `read` has to look at it.

        Nearly all objects are such and differ in nothing else, so this is what a fast stream costs. The content is
        taken out of `value`.
        """
        try:
            (choice,) = value["choices"]
            delta = choice["delta"]
            content = delta["content"]
        except (LookupError, TypeError, ValueError):
            return None
        if type(content) is not str:
            return None
        delta["content"] = ""
        if value == self._plain:
            return content
        if (
            value.keys() <= _ORDINARY
            and choice.keys() <= _ORDINARY_CHOICE
            and delta.keys() <= _ORDINARY_DELTA
            and choice.get("finish_reason") is None
            and value.get("usage") is None
            and value.get("object") != "error"
            and _told(value) == self._told
        ):
            self._plain = value
            return content
        delta["content"] = content
        return None

    def read(self, value: object) -> Iterator[Event]:
        """Events of one object. A `Failed` ends the stream."""
        if isinstance(value, list):
            for item in value:
                yield from self.read(item)
            return
        body = _object(value)
        if not body:
            return
        failed = self._error(body)
        if failed is not None:
            yield failed
            return
        yield from self._facts(body)
        kind = body.get("type")
        if "choices" in body:
            yield from self._openai(body)
        elif isinstance(kind, str) and self._is_anthropic(kind):
            yield from self._anthropic(kind, body)
        elif "message" in body or "done" in body:
            yield from self._ollama(body)

    def _error(self, body: Mapping[str, Any]) -> Failed | None:
        choices = body.get("choices")
        choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
        found: object = None
        if body.get("error"):
            found = body["error"]
        elif body.get("object") == "error" or body.get("type") == "error":
            found = body
        elif choice.get("error"):
            found = choice["error"]
        elif choice.get("finish_reason") == "error":
            found = "the provider failed"
        if found is None:
            return None
        said = error_message(found)
        return Failed(
            ErrorCode.UPSTREAM_ERROR.value,
            f"the provider failed{': ' + said if said else ''}: try again, or another model",
            said,
        )

    def _facts(self, body: Mapping[str, Any]) -> Iterator[Event]:
        old = self._named
        self._named = Named(
            model=_name(body.get("model")) or old.model,
            provider=_name(body.get("provider")) or old.provider,
            response_id=_name(body.get("id")) or old.response_id,
            fingerprint=_name(body.get("system_fingerprint")) or old.fingerprint,
        )
        if self._named != old:
            yield self._named
        for name in KEPT:
            inner = body.get(name)
            if isinstance(inner, dict) and inner:
                yield Metadata(name, inner)
        usage, timings = _object(body.get("usage")), _object(body.get("timings"))
        if usage:
            yield from self._use(
                _int(usage.get("prompt_tokens", usage.get("input_tokens"))),
                _int(usage.get("completion_tokens", usage.get("output_tokens"))),
                _number(usage.get("cost"), USD),
            )
        elif timings and not self._has_usage:
            cached, fresh = _int(timings.get("cache_n")), _int(timings.get("prompt_n"))
            tokens_in = None if fresh is None else fresh + (cached or 0)
            yield from self._use(tokens_in, _int(timings.get("predicted_n")), None)

    def _use(self, tokens_in: int | None, tokens_out: int | None, cost: float | None) -> Iterator[Event]:
        old = self._usage
        self._usage = Usage(
            old.tokens_in if tokens_in is None else tokens_in,
            old.tokens_out if tokens_out is None else tokens_out,
            old.cost_usd if cost is None else cost,
        )
        if self._usage != old:
            self._has_usage = True
            yield self._usage

    def _openai(self, body: Mapping[str, Any]) -> Iterator[Event]:
        choices = body.get("choices")
        if not isinstance(choices, list):
            return
        self.understood = True
        self._told, self._plain = _told(body), None
        choice = _object(choices[0]) if choices else {}
        delta = _object(choice.get("delta")) or _object(choice.get("message"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        if thought:
            yield Reasoning(thought)
        text = _text(delta.get("content")) or _text(choice.get("text"))
        if text:
            yield Text(text)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.reason = reason

    @staticmethod
    def _is_anthropic(kind: str) -> bool:
        return kind in ("ping", "message") or kind.startswith(("message_", "content_block_"))

    def _anthropic(self, kind: str, body: Mapping[str, Any]) -> Iterator[Event]:
        self.understood = True
        message, delta = _object(body.get("message")), _object(body.get("delta"))
        if kind == "message_start":
            yield from self._facts({key: value for key, value in message.items() if key != "type"})
        elif kind == "content_block_delta":
            if text := _text(delta.get("text")):
                yield Text(text)
            if thought := _text(delta.get("thinking")):
                yield Reasoning(thought)
        elif kind == "message":
            if text := _text(body.get("content")):
                yield Text(text)
            self.reason = _name(body.get("stop_reason")) or self.reason
        elif kind == "message_delta":
            if reason := _name(delta.get("stop_reason")):
                self.reason = "length" if reason == "max_tokens" else reason
        elif kind == "message_stop":
            self.reason = self.reason or "stop"
            self.complete = True

    def _ollama(self, body: Mapping[str, Any]) -> Iterator[Event]:
        self.understood = True
        message = _object(body.get("message"))
        if thought := _text(message.get("thinking")):
            yield Reasoning(thought)
        if text := _text(message.get("content")):
            yield Text(text)
        if body.get("done") is True:
            yield from self._use(_int(body.get("prompt_eval_count")), _int(body.get("eval_count")), None)
            self.reason = _name(body.get("done_reason")) or "stop"
            self.complete = True


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
