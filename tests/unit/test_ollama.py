from __future__ import annotations

from typing import Any

import pytest

from zeke.exchange.local.ollama import base_url, chat_body, choose_model
from zeke.models import Message


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        (" 0.0.0.0 ", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("::1", "http://[::1]:11434"),
        ("box", "http://box:11434"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:8443/ollama/", "https://box:8443/ollama"),
        ("'box:1234'", "http://box:1234"),
    ],
)
def test_ollama_host_is_read_by_its_own_rules(host: str | None, expected: str) -> None:
    assert base_url(host) == expected


@pytest.mark.parametrize("host", ["ftp://box", "box:port", "http://box:99999"])
def test_a_wrong_host_is_named(host: str) -> None:
    with pytest.raises(ValueError, match=host):
        base_url(host)


GB = 1_000_000_000
MODELS: list[dict[str, Any]] = [
    {"name": "llama3:8b", "size": 5 * GB},
    {"name": "qwen2.5-coder:7b", "size": 4 * GB},
    {"name": "qwen2.5-coder:32b", "size": 20 * GB},
    {"name": "nomic-embed-text:latest", "size": 1},
    {"name": "gpt-oss:120b-cloud", "size": 300, "remote_host": "https://ollama.com"},
]


@pytest.mark.parametrize(
    ("preferred", "last", "memory", "expected"),
    [
        (None, None, 16 * GB, "qwen2.5-coder:7b"),
        (None, None, 64 * GB, "qwen2.5-coder:32b"),
        ("llama3:8b", None, 16 * GB, "llama3:8b"),
        ("gone", "llama3:8b", 16 * GB, "llama3:8b"),
        ("nomic-embed-text", None, 16 * GB, "nomic-embed-text:latest"),
        (None, None, 1 * GB, None),
    ],
)
def test_the_model_that_answers(preferred: str | None, last: str | None, memory: float, expected: str | None) -> None:
    assert choose_model(MODELS, preferred=preferred, last_used=last, memory=memory) == expected


def test_the_body_sets_the_context_because_ollama_cuts_silently() -> None:
    body = chat_body("m", [Message("user", "hi")], {"max_tokens": 5, "x": 1}, num_ctx=8192)
    assert body["options"] == {"num_ctx": 8192, "num_predict": 5}
    assert body["messages"] == [{"role": "user", "content": "hi"}]
