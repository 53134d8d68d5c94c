"""Who answered, in each gateway's own way of telling it. One table of readers; the first that knows it decides.

Unknown is None. The word `auto` is never a model, an alias is never a provider, and a price is never made up.
Sources: OMEN `server.rs`/`providers/*` and Zeke's `providers/omen.zig`, LiteLLM's proxy headers, OpenRouter's API
reference, llama.cpp's server, Ollama's `api.md`, OpenAI's and Azure's response headers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from zeke.exchange.events import Named, Usage
from zeke.exchange.hostile import clean
from zeke.exchange.jsontext import parse
from zeke.models import Decision

NAME = 200
REASON = 2000
CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that an exchange has told so far."""

    base_url: str
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    named: Named = field(default_factory=Named)
    usage: Usage | None = None
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host name of the gateway."""
        return urlsplit(self.base_url).hostname or ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one gateway is recognised and read."""

    gateway: str
    recognise: Callable[[Observed], bool]
    decide: Callable[[Observed], Decision]


def _name(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    text = clean(value, NAME)
    return None if text == "auto" else text


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e9 else None


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _cents(usd: object) -> float | None:
    number = _number(usd)
    return None if number is None else round(number * 100, 6)


def _list(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        text = value
        try:
            value = parse(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            value = text.split(",")
    if not isinstance(value, list):
        return ()
    texts = (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value[:CANDIDATES])
    return tuple(clean(text, NAME) for text in texts if text.strip())


def _reported(observed: Observed) -> Decision:
    """What the body alone tells, the same for every dialect."""
    usage = observed.usage or Usage()
    return Decision(
        model=_name(observed.named.model),
        provider=_name(observed.named.provider),
        response_id=_name(observed.named.response_id),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost_cents=_cents(usage.cost_usd) if usage.cost_usd is not None else None,
    )


def _omen_traced(observed: Observed) -> Decision:
    """OMEN with `X-OMEN-*` headers (also as `X-OMEN-Trace-*`) or a `routing_metadata` object in the body."""
    body = observed.metadata.get("routing_metadata", {})

    def header(*names: str) -> str | None:
        found = (observed.headers.get(f"x-omen-{part}{name}") for name in names for part in ("", "trace-"))
        return next((value for value in found if value), None)

    base = _reported(observed)
    usd = body.get("cost_usd", header("cost-usd", "cost"))
    reason = header("reason", "decision-reason", "routing-reason") or body.get("routing_reason")
    return replace(
        base,
        model=_name(header("model", "model-used")) or _name(body.get("model_used")) or base.model,
        provider=_name(header("provider")) or _name(body.get("provider")) or base.provider,
        response_id=_name(header("request-id")) or base.response_id,
        reason=clean(str(reason), REASON) if reason else None,
        candidates=_list(header("candidates") or body.get("candidates")),
        tokens_in=_count(header("tokens-in")) if base.tokens_in is None else base.tokens_in,
        tokens_out=_count(header("tokens-out")) if base.tokens_out is None else base.tokens_out,
        cost_cents=_cents(usd) if usd is not None else base.cost_cents,
    )


def _litellm(observed: Observed) -> Decision:
    """LiteLLM hides the model in the body; `x-litellm-model-name` is `provider/model` of the deployment."""
    base, headers = _reported(observed), observed.headers
    provider, slash, model = (headers.get("x-litellm-model-name") or "").partition("/")
    cost = base.cost_cents
    if cost is None and "text/event-stream" not in headers.get("content-type", ""):
        cost = _cents(headers.get("x-litellm-response-cost"))
    fallbacks = _count(headers.get("x-litellm-attempted-fallbacks"))
    group = headers.get("x-litellm-model-group")
    reason = f"LiteLLM fell back to {clean(group or 'another group', NAME)}" if fallbacks else None
    return replace(
        base,
        # Without the header the body only repeats the alias.
        model=(_name(model) if slash else _name(provider)),
        provider=_name(provider) if slash else None,
        response_id=_name(headers.get("x-litellm-call-id")),
        cost_cents=cost,
        fallbacks=fallbacks,
        reason=reason,
    )


def _openrouter(observed: Observed) -> Decision:
    base = _reported(observed)
    routed = observed.metadata.get("openrouter_metadata", {})
    words = [str(routed[key]) for key in ("strategy", "summary") if routed.get(key)]
    attempts = routed.get("attempts")
    endpoints = routed.get("endpoints")
    return replace(
        base,
        response_id=_name(observed.headers.get("x-generation-id")) or base.response_id,
        reason=clean(": ".join(words), REASON) if words else None,
        candidates=_list(attempts if isinstance(attempts, list) and attempts else endpoints),
    )


def _local(provider: str) -> Callable[[Observed], Decision]:
    """An engine on its own: it is the provider, and it costs nothing."""

    def decide(observed: Observed) -> Decision:
        base = _reported(observed)
        # Ollama's ids are not unique (`chatcmpl-0` to `-998`).
        response_id = None if provider == "ollama" else base.response_id
        return replace(base, provider=provider, cost_cents=0.0, cost_source="local", response_id=response_id)

    return decide


def _hosted(provider: str, *id_headers: str) -> Callable[[Observed], Decision]:
    def decide(observed: Observed) -> Decision:
        base = _reported(observed)
        sent = next((observed.headers[name] for name in id_headers if observed.headers.get(name)), None)
        return replace(base, provider=base.provider or provider, response_id=_name(sent) or base.response_id)

    return decide


def _has_prefix(observed: Observed, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in observed.headers)


def _is_ollama(observed: Observed) -> bool:
    content_type = observed.headers.get("content-type", "")
    return observed.named.fingerprint == "fp_ollama" or content_type.startswith("application/x-ndjson")


def _ends(observed: Observed, *domains: str) -> bool:
    return any(observed.host == domain or observed.host.endswith("." + domain) for domain in domains)


DIALECTS: tuple[Dialect, ...] = (
    Dialect("omen", lambda o: _has_prefix(o, "x-omen-") or "routing_metadata" in o.metadata, _omen_traced),
    Dialect("litellm", lambda o: _has_prefix(o, "x-litellm-"), _litellm),
    Dialect(
        "openrouter",
        lambda o: _ends(o, "openrouter.ai") or "x-generation-id" in o.headers or "openrouter_metadata" in o.metadata,
        _openrouter,
    ),
    Dialect("llama.cpp", lambda o: o.headers.get("server", "").lower() == "llama.cpp", _local("llama.cpp")),
    Dialect("ollama", _is_ollama, _local("ollama")),
    Dialect(
        "azure",
        lambda o: "apim-request-id" in o.headers or _ends(o, "openai.azure.com", "models.github.ai"),
        _hosted("azure", "apim-request-id", "x-request-id"),
    ),
    Dialect(
        "openai",
        lambda o: _ends(o, "api.openai.com") or "openai-processing-ms" in o.headers,
        _hosted("openai", "x-request-id"),
    ),
    Dialect("anthropic", lambda o: _ends(o, "api.anthropic.com"), _hosted("anthropic", "request-id")),
    Dialect("mistral", lambda o: _ends(o, "api.mistral.ai"), _hosted("mistral")),
    Dialect("deepseek", lambda o: _ends(o, "api.deepseek.com"), _hosted("deepseek")),
)
"""The more a gateway says about itself, the earlier it is asked. One that says nothing is read by its body alone."""


def read(observed: Observed) -> Decision:
    """The decision as far as it is told; pure, and cheap enough to be asked again after every new fact."""
    decision = _reported(observed)
    for dialect in DIALECTS:
        if dialect.recognise(observed):
            decision = replace(dialect.decide(observed), gateway=dialect.gateway)
            break
    if decision.cost_cents is not None and decision.cost_source is None:
        decision = replace(decision, cost_source="reported")
    return decision
