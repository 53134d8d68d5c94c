"""Whatever is wrong, the user reads one sentence with the next step, in the answer and in :messages."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Start
from tests.support.gateway import HEAD, Reply, closed_port, error, event, recorded, stream

HTML = Reply(
    [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html><p>Welcome to nginx"]
)
NO_LOCAL = "require('zeke').setup({ fallback = false })"


def sentence(session: Any) -> str:
    """The sentence of the failed answer; it is in the buffer and in the messages, word for word and once."""
    session.wait_done()
    message: str = session.answer()["message"]
    session.wait_message(message)
    assert "\n" not in message
    assert "Traceback" not in message
    assert [line for line in session.scratch() if message in line]
    assert session.editor.messages().count(message) == 1
    assert not session.editor.nvim.request("nvim_get_mode")["blocking"]
    return message


@pytest.mark.parametrize(
    ("reply", "code", "named"),
    [
        ("omen/auth_missing_401", "http_401", ("wants a key", "set ZEKE_API_KEY")),
        ("omen/not_found", "http_404", ("no chat completions", "ZEKE_API_BASE")),
        ("omen/model_not_found", "http_404", ("knows no model auto", "model=")),
        ("omen/auto_seed_request_ollama_500", "http_500", ("failed (500)", "log", "model=")),
        ("omen/google_stream_empty", "empty", ("empty answer", "another model")),
        ("omen/ollama_dies_silent", "truncated", ("broke off", "kept")),
        ("synthetic/vllm__midstream_error_old_shape", "upstream_error", ("EngineDeadError",)),
        (HTML, "bad_response", ("HTML", "base URL")),
        (Reply([b"220 mail.example ESMTP\r\n"]), "connect", ("closed the connection", "check the port")),
        (error(402), "http_402", ("no credit",)),
        (error(400, b'{"error":{"message":"no"}}'), "http_400", ("refused the request", "(no)")),
        (error(307, headers="Location: http://elsewhere/v1\r\n"), "http_307", ("elsewhere", "not followed")),
    ],
)
def test_a_gateway_that_does_not_answer(start: Start, reply: str | Reply, code: str, named: tuple[str, ...]) -> None:
    session = start(recorded(reply) if isinstance(reply, str) else reply)
    session.editor.lua(NO_LOCAL)
    session.type_command("Zeke hi")
    message = sentence(session)
    assert all(word in message for word in named), message
    answer = session.answer()
    assert (answer["success"], answer["error_code"]) == (False, code)
    (row,) = session.wait_rows([code])
    assert (row["success"], row["cost_cents"], row["escalated"]) == (0, None, 0)


def test_no_gateway(start: Start) -> None:
    session = start(env={"ZEKE_API_BASE": f"http://127.0.0.1:{closed_port()}/v1"})
    session.editor.lua(NO_LOCAL)
    session.type_command("Zeke hi")
    assert "start OMEN or set ZEKE_API_BASE" in sentence(session)
    session.wait_rows(["connect"])


def test_a_base_url_without_v1(start: Start) -> None:
    session = start(error(404))
    base = session.gateway.base.removesuffix("/v1")
    session.editor.lua("require('zeke').setup({ fallback = false, gateway = { base = ... } })", base)
    session.type_command("Zeke hi")
    assert f"ZEKE_API_BASE={base}/v1" in sentence(session)


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("Zeke latency=fast hi", ("latency=fast", "low, medium, high")),
        ("Zeke colour=red hi", ("colour=red", "alias=")),
        ("Zeke alias=nope hi", ("unknown alias `nope`", "code-fast")),
        ("Zeke intent=poetry hi", ("intent=poetry", "tests")),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_sent(start: Start, command: str, named: tuple[str, ...]) -> None:
    session = start()
    session.type_command(command)
    message = sentence(session)
    assert all(word in message for word in named), message
    assert session.gateway.seen == []


@pytest.mark.parametrize(
    ("setup", "named"),
    [
        ("{ colour = 1 }", ("unknown option `colour`", "gateway")),
        ("{ ui = { open = 'up' } }", ("ui.open", "vertical")),
        ("{ gateway = { base = 7 } }", ("gateway.base", "number", "string")),
    ],
)
def test_a_wrong_option_is_named_and_the_rest_works(start: Start, setup: str, named: tuple[str, ...]) -> None:
    session = start()
    session.editor.lua(f"require('zeke').setup({setup})")
    for word in named:
        session.wait_message(word)
    session.type_command("Zeke hi")
    session.wait_done()
    assert session.answer()["success"] is True


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"ZEKE_API_BASE": "localhost:8080"}, ("ZEKE_API_BASE", "localhost:8080")),
        (
            {"ZEKE_API_BASE": "https://127.0.0.1:1/v1", "ZEKE_CA_BUNDLE": "/no/such.pem"},
            ("ZEKE_CA_BUNDLE", "/no/such.pem"),
        ),
    ],
)
def test_a_wrong_variable_is_named(start: Start, env: dict[str, str], named: tuple[str, ...]) -> None:
    session = start(env=env)
    session.type_command("Zeke hi")
    message = sentence(session)
    assert all(word in message for word in named), message


def test_a_cache_that_cannot_be_written_costs_no_answer(start: Start, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    gate = threading.Event()
    session = start(
        Reply(stream("some", " text"), gate=gate),
        env={"ZEKE_DB": str(blocker / "x" / "db.sqlite3")},
    )
    session.type_command("Zeke hi")
    session.wait_message("set ZEKE_DB elsewhere")
    gate.set()
    session.wait_done()
    assert (session.answer()["success"], session.answer()["text"]) == (True, "some text")
    assert [line for line in session.scratch() if "set ZEKE_DB elsewhere" in line]


def test_silence_of_the_gateway_ends_in_a_sentence(start: Start) -> None:
    gate = threading.Event()
    session = start(Reply([HEAD + event("some"), event("late")], gate=gate, held=1))
    session.editor.lua("require('zeke').setup({ gateway = { timeouts = { idle = 0.3 } } })")
    session.type_command("Zeke hi")
    message = sentence(session)
    gate.set()
    assert "fell silent for 0.3 s" in message
    assert session.answer()["text"] == "some"
    session.wait_rows(["timeout_idle"])


def test_the_key_is_nowhere(start: Start, tmp_path: Path) -> None:
    key = "sk-zeke-very-secret-0123456789"
    echo = b'{"error":{"message":"Incorrect API key provided: %s"}}' % key.encode()
    session = start(error(401, echo), env={"ZEKE_API_KEY": key, "ZEKE_LOG_LEVEL": "debug"})
    session.editor.lua(NO_LOCAL)
    session.type_command("Zeke hi")
    assert "check ZEKE_API_KEY" in sentence(session)
    assert session.gateway.seen[0].headers["authorization"] == f"Bearer {key}"
    session.wait_rows(["http_401"])
    session.type_command("ZekeInfo")
    session.editor.wait("vim.fn.winnr('$') > 2")
    shown = "\n".join(session.editor.screen()) + session.editor.messages() + str(session.answer())
    assert "with a key" in shown
    assert key not in shown
    session.editor.command("wshada!")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
    if Path("/proc").is_dir():
        pids = [session.editor.lua("return require('zeke.host').status().pid"), session.editor.pid]
        assert all(key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
