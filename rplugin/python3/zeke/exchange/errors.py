"""THE table of failures: what an HTTP status or a broken connection means, in one sentence with the next step.

A gateway's own words are added cleaned and capped; anything that looks like a credential is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal

from zeke.exchange.address import shown
from zeke.exchange.events import Failed
from zeke.exchange.hostile import clean
from zeke.exchange.jsontext import parse
from zeke.exchange.payloads import error_message
from zeke.models import ErrorCode, http_code

TransportKind = Literal[
    "refused",
    "dns",
    "tls",
    "proxy",
    "timeout_connect",
    "timeout_first_byte",
    "timeout_idle",
    "reset",
    "protocol",
]

SAID = 160
"""Characters of the gateway's own message in a sentence."""

_CREDENTIAL = re.compile(r"(?i)bearer\s+\S+|\b(?:sk|pk|key)-[\w*.-]{4,}")
_OPTIONAL_FIELDS = ("tags", "stream_options", "omen", "metadata", "temperature", "max_tokens", "repeat_penalty")

_TRANSPORT: Mapping[TransportKind, tuple[ErrorCode, str]] = {
    "refused": (
        ErrorCode.CONNECT,
        "no gateway answers at {base} (connection refused): start OMEN or set ZEKE_API_BASE",
    ),
    "dns": (ErrorCode.CONNECT, "the host of {base} is not known: check the spelling in ZEKE_API_BASE"),
    "tls": (
        ErrorCode.CONNECT,
        "no trusted TLS connection to {base}: set ZEKE_CA_BUNDLE to your CA's file, or use http:// on loopback",
    ),
    "proxy": (
        ErrorCode.CONNECT,
        "the proxy on the way to {base} refused: check HTTPS_PROXY, or name the host in NO_PROXY",
    ),
    "timeout_connect": (
        ErrorCode.TIMEOUT_CONNECT,
        "{base} did not accept a connection within {seconds:g} s: is the gateway running?",
    ),
    "timeout_first_byte": (
        ErrorCode.TIMEOUT_FIRST_BYTE,
        "{base} sent nothing for {seconds:g} s: raise gateway.timeouts.first_byte for slow models",
    ),
    "timeout_idle": (
        ErrorCode.TIMEOUT_IDLE,
        "{base} fell silent for {seconds:g} s in the middle: what came is kept, ask again for the rest",
    ),
    "reset": (
        ErrorCode.CONNECT,
        "{base} closed the connection without an HTTP answer: check the port in ZEKE_API_BASE, or the gateway's log",
    ),
    "protocol": (
        ErrorCode.BAD_RESPONSE,
        "what answers at {base} does not speak HTTP: check the port in ZEKE_API_BASE",
    ),
}


def explain_transport(kind: TransportKind, *, base_url: str, seconds: float | None = None, detail: str = "") -> Failed:
    """The failure of a connection; `seconds` is the limit that ran out."""
    code, sentence = _TRANSPORT[kind]
    return Failed(code.value, sentence.format(base=shown(base_url), seconds=seconds or 0.0), clean(detail, 300))


def said_by(body: bytes) -> str:
    """The gateway's own words in an error body of any recorded shape; empty when there are none worth showing."""
    text = body.decode("utf-8", "replace").strip()
    if not text or text.startswith("<"):
        return ""
    try:
        said = error_message(parse(text.encode()))
    except ValueError:
        said = text
    return clean(_CREDENTIAL.sub("***", said), SAID)


def refused_field(status: int, body: bytes) -> str | None:
    """The optional field of our request that a 400 or 422 names as its reason."""
    if status not in (400, 422):
        return None
    text = body.decode("utf-8", "replace")
    # As a word of its own in quotes, a path or after a colon; a prompt quoted back does not count.
    for name in _OPTIONAL_FIELDS:
        if re.search(rf"""(?:["'`]|supplied: |param(?:eter)?:? ){name}\b(?:["'`.\\]|$)""", text):
            return name
    if "tags" in text and re.search(r"invalid type: (?:sequence|map|boolean|integer|null|string)", text):
        return "tags"
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the gateway wants to be asked again (RFC 9110 §10.2.3), None if absent or unreadable."""
    value = headers.get("retry-after") or headers.get("llm_provider-retry-after")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        seconds = (when - datetime.now(timezone.utc)).total_seconds()
    return max(seconds, 0.0) if seconds == seconds and abs(seconds) != float("inf") else None


def explain_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    base_url: str,
    model: str,
    has_key: bool,
) -> Failed:
    """The failure that a status other than 200 is. Never raises, whatever the body holds."""
    base, said = shown(base_url), said_by(body)
    sentence = _sentence(status, headers, body, said, base, clean(model, 60), has_key)
    if said and said not in sentence:
        sentence = f"{sentence} ({said})"
    return Failed(http_code(status), sentence, said)


def _sentence(
    status: int, headers: Mapping[str, str], body: bytes, said: str, base: str, model: str, has_key: bool
) -> str:
    if status == 401 or "No connected db" in said:
        if has_key:
            return f"{base} refused the key: check ZEKE_API_KEY"
        return f"{base} wants a key: set ZEKE_API_KEY"
    if 300 <= status < 400:
        target = clean(headers.get("location", "elsewhere"), 80)
        return f"{base} redirects to {target}, which is not followed: set ZEKE_API_BASE to the final address"
    if b"exceed_context_size" in body or "ContextWindowExceeded" in said:
        window = re.search(rb'"n_ctx":\s*(\d+)', body)
        holds = f" of {window.group(1).decode()} tokens" if window else ""
        return f"the prompt does not fit the context{holds} of {model}: select less, or choose another model"
    if status == 404 and not _names_model(said):
        if not base.endswith("/v1"):
            return f"{base} has no chat completions: the base URL usually ends in /v1, try ZEKE_API_BASE={base}/v1"
        return f"{base} has no chat completions (404): check ZEKE_API_BASE"
    if status == 404:
        return f"{base} knows no model {model}: choose one with model=…"
    if status == 402:
        return f"the account behind {base} has no credit: add some, or choose another model"
    if status == 403:
        return f"{base} does not allow this key to use {model}: choose another model"
    if status in (400, 422):
        return f"{base} refused the request for {model} ({status}): change what it names"
    if status == 429:
        wait = retry_after(headers)
        return f"{base} is at its rate limit: try again {f'in {wait:.0f} s' if wait else 'later'}"
    if status in (502, 503, 504):
        return f"{base} has no provider that answers ({status}): look at the gateway's log"
    if status >= 500:
        other = ", or name a model with model=…" if model == "auto" else ""
        return f"{base} failed ({status}) and hides the cause: look at the gateway's log{other}"
    return f"{base} answered with status {status}, which is no answer: check ZEKE_API_BASE"


def _names_model(said: str) -> bool:
    """Whether a 404 is about the model and not about the path."""
    return "model" in said.lower()


_NEVER = frozenset(http_code(status) for status in (400, 401, 402, 403, 422, 429))
_ALWAYS = frozenset(
    {
        ErrorCode.CONNECT.value,
        ErrorCode.TIMEOUT_CONNECT.value,
        ErrorCode.TIMEOUT_FIRST_BYTE.value,
        ErrorCode.EMPTY.value,
        *(http_code(status) for status in (500, 502, 503, 504)),
    }
)


def may_fall_back(failed: Failed, *, model: str) -> bool:
    """Whether a local model may answer instead, before anything was shown.

    A gateway that could not be reached or broke may be replaced; one that said no may not.
    """
    if failed.code in _NEVER:
        return False
    return failed.code in _ALWAYS or (failed.code == http_code(404) and model == "auto" and _names_model(failed.detail))
