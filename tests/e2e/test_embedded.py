"""The real model in a real Neovim: shape, not wit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Session, Start
from tests.e2e.test_host import host_pid, is_alive, wait_gone
from tests.support.gateway import closed_port

SMALL = "require('zeke').setup({ fallback = { embedded = { threads = 1, max_tokens = 16 } } })"

pytestmark = pytest.mark.model


def asked(start: Start) -> Session:
    session = start(env={"ZEKE_API_BASE": f"http://127.0.0.1:{closed_port()}/v1"}, ui=(160, 40))
    session.editor.lua(SMALL)
    session.type_command("Zeke say hello")
    return session


def children(pid: int) -> list[int]:
    """Processes whose parent this is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def test_it_answers_when_nothing_else_does_and_goes_with_the_editor(start: Start) -> None:
    session = asked(start)
    session.wait_done(timeout=90)
    answer = session.answer()
    assert answer["success"] is True
    assert answer["text"]
    assert answer["degraded"] is True
    screen = "\n".join(session.editor.screen())
    assert "DEGRADED" in screen
    assert "no gateway answers" in screen
    refused, answered = session.wait_rows(["connect", None])
    assert refused["request_id"] == answered["request_id"] == answer["id"]
    assert (refused["model"], refused["provider"], refused["escalated"]) == (None, None, 0)
    assert (answered["provider"], answered["escalated"], answered["cost_cents"]) == ("llama.cpp", 1, 0)
    assert answered["model"].startswith("SmolLM2")
    assert answered["tokens_out"] > 0
    _, trace = session.traces(2)
    assert "no gateway answers" in trace["trace"]
    names = [name for name, _ in session.events()]
    assert names.count("ZekeDegraded") == names.count("ZekeFinished") == 1
    # The second answer comes from the same process.
    host = host_pid(session)
    assert host is not None
    models = children(host)
    session.type_command("Zeke again")
    session.wait_done(2, timeout=90)
    assert children(host) == models
    session.editor.nvim.command("qa!", async_=True)
    wait_gone(session.editor.pid, host, *models)


def test_it_goes_when_the_editor_is_killed(start: Start) -> None:
    session = asked(start)
    session.editor.wait("require('zeke').answer() ~= nil and #require('zeke').answer().text > 0", timeout=90)
    host = host_pid(session)
    assert host is not None
    models = children(host)
    assert models
    os.kill(session.editor.pid, signal.SIGKILL)
    wait_gone(session.editor.pid, host, *models)


def test_it_goes_when_the_host_is_killed(start: Start) -> None:
    session = asked(start)
    session.editor.wait("require('zeke').answer() ~= nil and #require('zeke').answer().text > 0", timeout=90)
    host = host_pid(session)
    assert host is not None
    models = children(host)
    os.kill(host, signal.SIGKILL)
    wait_gone(host, *models)
    assert is_alive(session.editor.pid)


def test_a_model_file_that_is_not_there_is_named(start: Start) -> None:
    session = start(env={"ZEKE_API_BASE": f"http://127.0.0.1:{closed_port()}/v1"})
    session.editor.lua("require('zeke').setup({ fallback = { embedded = { model_path = '/no/such.gguf' } } })")
    session.type_command("Zeke hi")
    session.wait_done()
    assert "/no/such.gguf" in session.answer()["message"]


def test_a_file_that_is_no_model_is_said(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_text("not a model")
    session = start(env={"ZEKE_API_BASE": f"http://127.0.0.1:{closed_port()}/v1"})
    session.editor.lua("require('zeke').setup({ fallback = { embedded = { model_path = ... } } })", str(path))
    session.type_command("Zeke hi")
    session.wait_done(timeout=60)
    assert "could not be loaded" in session.answer()["message"]
    session.wait_rows(["connect"])
