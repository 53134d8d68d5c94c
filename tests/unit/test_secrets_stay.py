"""Keys and passwords: out of what a gateway echoes, out of addresses, logs and children."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import HEAD, Reply, error, event, serving, stream
from zeke import journal
from zeke.exchange import pipes
from zeke.exchange.address import password, shown
from zeke.exchange.attempts import Attempts, Step
from zeke.exchange.client import Client
from zeke.exchange.events import Text
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions
from zeke.models import Message, Route, Timeouts
from zeke.settings import SettingsError, load

KEY = 'canary"key\\5f1e'
TITLED = "X-Omen-Reason: chosen for {0}\r\nX-Omen-Model: m-{0}\r\nX-Request-Id: {0}\r\n"


def steps_of(base: str) -> list[Step]:
    async def work() -> list[Step]:
        client = Client(tls=False)
        settings = load(
            {"gateway": {"base": base, "key": KEY, "headers": {"X-Api-Token": "canary-token"}}, "fallback": False}, {}
        )
        attempts = Attempts(client, settings, EmbeddedModel(EmbeddedOptions()))
        route = Route("auto", "auto", {}, timeouts=Timeouts(2, 5, 5))
        try:
            return [step async for step in attempts.run("r", route, [Message("user", "hi")], key=KEY)]
        finally:
            await client.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    "reply",
    [
        error(401, json.dumps({"error": {"message": f"Incorrect API key {KEY}, token canary-token"}}).encode()),
        error(500, f"<no json> {KEY} canary-token".encode(), "text/plain"),
        error(302, b"", headers=f"Location: http://elsewhere/?{KEY}\r\n"),
        Reply([HEAD.replace(b"\r\n\r\n", b"\r\n" + TITLED.format(KEY).encode() + b"\r\n"), *stream("a")[1:]]),
        Reply(
            [
                HEAD,
                event("a", model=KEY, id=KEY, timings={KEY: [KEY]}),
                b'data: {"error": "%s"}\n\n' % KEY.replace('"', "'").encode(),
            ]
        ),
    ],
    ids=["refusal", "text", "redirect", "headers", "body"],
)
def test_a_gateway_that_echoes_the_key_is_not_repeated(reply: Reply) -> None:
    with serving(reply) as gateway:
        steps = steps_of(gateway.base)
        assert gateway.seen[0].headers["authorization"] == f"Bearer {KEY}"
    told = "".join(repr(step) for step in steps if not isinstance(step, Text))
    for secret in (KEY, repr(KEY)[1:-1], json.dumps(KEY)[1:-1], "canary-token"):
        assert secret not in told


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://user:pw@gateway:8080/v1?key=secret#x", "http://gateway:8080/v1"),
        ("https://pw@[::1]:8080/v1", "https://[::1]:8080/v1"),
        ("user:p@w@gateway/v1", "gateway/v1"),
        ("http://gateway/v1", "http://gateway/v1"),
        ("http://g\x1b[31m/\u202e", "http://g␛[31m/\\u202e"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_a_password_in_an_address_is_a_secret_and_never_in_an_error() -> None:
    assert password("http://user:pw@gateway/v1") == "pw"
    settings = load(
        {"gateway": {"base": "http://user:pw-canary@gateway/v1", "headers": {"Api-Key": "k-canary", "X-Team": "t"}}}, {}
    )
    assert set(settings.secrets) == {"pw-canary", "k-canary"}
    for base in ("ftp://user:pw-canary@gateway", "http://user:pw-canary@gateway:99999/v1"):
        with pytest.raises(SettingsError) as failed:
            load({"gateway": {"base": base}}, {})
        assert "pw-canary" not in str(failed.value)
        assert "gateway" in str(failed.value)


def test_a_child_inherits_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEKE_API_KEY", "canary")
    monkeypatch.setenv("OMEN_API_KEY", "canary")
    code, said = asyncio.run(pipes.output([sys.executable, "-c", "import os; print(dict(os.environ))"], 10))
    assert code == 0
    assert b"PATH" in said
    assert b"canary" not in said


def test_what_a_program_started_goes_with_it(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pidfile}; sleep 600"
    with pytest.raises(TimeoutError):
        asyncio.run(pipes.output(["sh", "-c", script], 0.5))
    state = Path(f"/proc/{pidfile.read_text().strip()}/stat")
    for _ in range(500):
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("the grandchild lives on")


def test_a_log_that_is_begun_anew_is_readable_by_its_user_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        path = tmp_path / "zeke" / "zeke.log"
        journal.start(path, "info", ["canary"])
        for _ in range(30):
            journal.LOGGER.info("x" * 50_000 + "canary" + "\ud800")
        journal.start(None, "info", ())
    finally:
        os.umask(old)
    assert {file.name for file in path.parent.iterdir()} == {"zeke.log", "zeke.log.1"}
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert b"canary" not in file.read_bytes()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
