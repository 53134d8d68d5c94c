"""The trace: what a gateway told about its decision, as JSON that is safe to keep.

Only named headers are kept, never a credential, a cookie or text of the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from zeke.exchange.dialects import Observed
from zeke.exchange.hostile import clean
from zeke.exchange.wellformed import wellformed

LIMIT = 16 * 1024
"""Bytes of the JSON text."""

_TELLING = ("x-omen-", "x-litellm-", "x-generation-id", "llm_provider-")
_ALSO = ("x-request-id", "apim-request-id", "openai-processing-ms", "x-ratelimit-", "server", "x-ms-region")
_NEVER = ("cookie", "authorization", "key")


def _kept(headers: Any) -> dict[str, str]:
    return {
        name: clean(value, 500)
        for name, value in headers.items()
        if name.startswith((*_TELLING, *_ALSO)) and not any(word in name for word in _NEVER)
    }


def build(
    observed: Observed,
    *,
    request_id: str,
    base_url: str,
    attempt: int,
    requested_model: str,
    finish_reason: str | None,
    ttft_ms: int | None,
    total_ms: int | None,
    chunks: int,
    degraded: bool,
    error: str | None,
    zeke: Mapping[str, object],
) -> str:
    """JSON text of at most 16 KiB. What had to be left out for that is named under `truncated`.

    `zeke` is what the client itself decided: the route, an override, a provider that was not allowed.
    """
    parts = urlsplit(base_url)
    trace: dict[str, Any] = {
        "request_id": request_id,
        "attempt": attempt,
        "base_url": f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}",
        "status": observed.status or None,
        "requested_model": clean(requested_model, 200),
        "response_id": observed.named.response_id and clean(observed.named.response_id, 200),
        "finish_reason": finish_reason,
        "ttft_ms": ttft_ms,
        "total_ms": total_ms,
        "chunks": chunks,
        "degraded": degraded,
        "error": error and clean(error, 300),
        "zeke": dict(zeke),
        "headers": _kept(observed.headers),
        **{name: dict(value) for name, value in observed.metadata.items()},
    }
    dropped: list[str] = []
    text = json.dumps(trace, ensure_ascii=False)
    while len(text.encode("utf-8", "surrogatepass")) > LIMIT:
        biggest = max(trace, key=lambda name: len(json.dumps(trace[name])))
        del trace[biggest]
        dropped.append(biggest)
        text = json.dumps({**trace, "truncated": dropped}, ensure_ascii=False)
    return wellformed(text)
