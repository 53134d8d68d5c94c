"""A real LiteLLM proxy in front of the real embedded model: what Zeke says of it is what it did."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.test_routing import asked, report
from tests.support.editor import REPOSITORY
from tests.support.gateway import closed_port
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions

PROGRAM = REPOSITORY / ".venv.litellm" / "bin" / "litellm"
KEY = "sk-zeke-test"

pytestmark = [pytest.mark.litellm, pytest.mark.timeout(300)]


def _wait_ready(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/health/liveliness", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            # The proxy tells nobody when it is ready.
            threading.Event().wait(0.2)
    raise AssertionError(f"LiteLLM did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of the proxy."""
    folder = tmp_path_factory.mktemp("litellm")
    model = EmbeddedModel(EmbeddedOptions(threads=1))
    endpoint = asyncio.run(model.endpoint())
    real = {"model": "openai/smol", "api_base": endpoint.base_url, "api_key": endpoint.key, "max_tokens": 16}
    broken = {**real, "api_base": f"http://127.0.0.1:{closed_port()}/v1"}
    price = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}
    config = {
        "model_list": [
            {"model_name": "auto", "litellm_params": {**real, **price}},
            {"model_name": "broken", "litellm_params": broken},
        ],
        "litellm_settings": {"fallbacks": [{"broken": ["auto"]}], "num_retries": 0, "telemetry": False},
        "general_settings": {"master_key": KEY},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    port, log = closed_port(), folder / "log"
    environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(PROGRAM), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=out,
            env={**environment, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )
    try:
        _wait_ready(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)
        model.kill()


def test_model_provider_tokens_and_cost(start: Start, proxy: str) -> None:
    session = start(env={"ZEKE_API_BASE": proxy, "ZEKE_API_KEY": KEY}, ui=(160, 40))
    session.type_command("Zeke say hello")
    session.wait_done(timeout=120)
    answer = session.answer()
    assert answer["success"] is True
    assert answer["text"]
    assert "code → openai/smol" in session.editor.screen()[0]
    (row,) = session.wait_rows([None])
    assert (row["model"], row["provider"], row["escalated"], row["cost_source"]) == ("smol", "openai", 0, "reported")
    assert row["tokens_in"] > 0
    assert 0 < row["tokens_out"] <= 16
    expected = (row["tokens_in"] * 0.000001 + row["tokens_out"] * 0.000002) * 100
    assert row["cost_cents"] == pytest.approx(expected)
    assert "x-litellm-call-id" in session.traces()[0]["trace"]


def test_a_fallback_of_the_proxy_is_told(start: Start, proxy: str) -> None:
    session = start(env={"ZEKE_API_BASE": proxy, "ZEKE_API_KEY": KEY}, ui=(160, 40))
    session.type_command("Zeke model=broken say hello")
    session.wait_done(timeout=120)
    assert session.answer()["success"] is True
    assert "LiteLLM fell back to auto" in report(session, "ZekeWhy")
    (row,) = session.wait_rows([None])
    assert row["model"] == "smol"


def test_a_missing_key_is_said_and_no_local_model_answers(start: Start, proxy: str) -> None:
    session = start(env={"ZEKE_API_BASE": proxy})
    assert "set ZEKE_API_KEY" in asked(session)["message"]
    session.wait_rows(["http_401"])


def test_an_unknown_model_is_said(start: Start, proxy: str) -> None:
    session = start(env={"ZEKE_API_BASE": proxy, "ZEKE_API_KEY": KEY})
    message = asked(session, "Zeke model=nope hi")["message"]
    assert "nope" in message
    session.wait_rows(["http_400"])
