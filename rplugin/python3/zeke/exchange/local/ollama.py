"""Ollama's native API: where it is, which model it should answer with, and what it is sent.

Source: ollama `envconfig/config.go` (OLLAMA_HOST), `docs/api.md` (`/api/tags`, `/api/chat`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zeke.models import Message

if TYPE_CHECKING:
    from zeke.exchange.client import Client

DEFAULT_HOST = "http://127.0.0.1:11434"
PORT = 11434
MEMORY_SHARE = 0.7
"""A model larger than this share of the machine's memory is not chosen on its own."""

_CONNECTABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_CODER = re.compile(r"cod(?:er|e)|starcoder|devstral|deepcoder", re.IGNORECASE)
_NO_CHAT = re.compile(r"embed|bge-|minilm|rerank", re.IGNORECASE)


def base_url(host: str | None) -> str:
    """OLLAMA_HOST as a client's base URL: its own rules for scheme and port, bind addresses made connectable.

    Raises:
        ValueError: it is no address; one sentence that names it.
    """
    text = (host or "").strip().strip("\"'")
    if not text:
        return DEFAULT_HOST
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    port = {"http": 80, "https": 443}.get(scheme, PORT) if separator else PORT
    if not separator and rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        name, given = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        parts, name, given = None, "", None
    if parts is None or scheme not in ("http", "https"):
        raise ValueError(f"OLLAMA_HOST is {text}, which is no address: give one like {DEFAULT_HOST}")
    name = _CONNECTABLE.get(name, name)
    shown = f"[{name}]" if ":" in name else name
    return f"{scheme}://{shown}:{given or port}{parts.path.rstrip('/')}"


async def installed(client: Client, base: str) -> list[dict[str, Any]] | None:
    """The models of `/api/tags`; None when no Ollama answers there."""
    body = await client.get_json(f"{base}/api/tags", seconds=2.0)
    listed = body.get("models") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return None
    return [model for model in listed if isinstance(model, dict) and isinstance(model.get("name"), str)]


def _memory() -> float:
    import os

    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def choose_model(
    models: Sequence[Mapping[str, Any]],
    *,
    preferred: str | None,
    last_used: str | None,
    memory: float | None = None,
) -> str | None:
    """The preferred model if it is there, else the last used, else the largest coder that fits, else the largest.

    `memory` is in bytes, None for this machine's.
    """
    names = [str(model["name"]) for model in models]
    for wanted in (preferred, last_used):
        if wanted:
            found = next((name for name in names if name in (wanted, f"{wanted}:latest")), None)
            if found:
                return found
    limit = (_memory() if memory is None else memory) * MEMORY_SHARE

    def size(model: Mapping[str, Any]) -> float:
        value = model.get("size")
        # What is larger than any memory need not be told apart.
        return float(min(value, 1e18)) if isinstance(value, int | float) else 0.0

    chat = [model for model in models if not _NO_CHAT.search(str(model["name"]))]
    # What runs elsewhere is no local model.
    chat = [model for model in chat if not model.get("remote_host") and not str(model["name"]).endswith("-cloud")]
    fitting = [model for model in chat if size(model) <= limit]
    if not fitting:
        return None
    best = max(fitting, key=lambda model: (bool(_CODER.search(str(model["name"]))), size(model)))
    return str(best["name"])


def chat_body(
    model: str, messages: Sequence[Message], parameters: Mapping[str, object], *, num_ctx: int
) -> dict[str, object]:
    """The body of `/api/chat`; `num_ctx` in tokens, because Ollama's own default cuts a prompt without a word."""
    options: dict[str, object] = {"num_ctx": num_ctx}
    renamed = {
        "max_tokens": "num_predict",
        "temperature": "temperature",
        "top_p": "top_p",
        "seed": "seed",
        "stop": "stop",
    }
    for name, value in parameters.items():
        if name in renamed:
            options[renamed[name]] = value
    return {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "options": options,
    }
