"""Who answers: aliases, preferences, budget, hints, keys, degraded and back, and the reasons for it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Session, Start
from tests.support.gateway import Gateway, Reply, closed_port, error, recorded, serving, stream

NO_LOCAL = "require('zeke').setup({ fallback = false })"


def asked(session: Session, command: str = "Zeke hi", answers: int = 1) -> dict[str, Any]:
    session.type_command(command)
    session.wait_done(answers)
    return session.answer()


def report(session: Session, command: str) -> str:
    """The text of the float that a command opens; it is closed again."""
    session.type_command(command)
    session.editor.wait("vim.api.nvim_win_get_config(0).relative ~= ''")
    text = "\n".join(session.editor.lines())
    session.editor.input("q")
    return text


def in_project(session: Session, project: Path) -> None:
    (project / "lib.py").write_text("def add(a, b):\n    return a + b\n")
    session.editor.command(f"edit {project}/lib.py")


@pytest.mark.parametrize(
    ("name", "winbar", "row", "why"),
    [
        (
            "litellm/fallback_stream",
            "code → openai/smol.gguf",
            ("smol.gguf", "openai", 40, 12, 0.00088, "reported"),
            "The gateway says: LiteLLM fell back to auto",
        ),
        (
            "omen/ollama_stream",
            "code → qwen2.5-coder:7b",
            ("qwen2.5-coder:7b", None, None, None, None, None),
            "The gateway gave no reason.",
        ),
        (
            "omen/anthropic_stream_raw_events",
            "code → claude-3-5-haiku-20241022",
            ("claude-3-5-haiku-20241022", None, 31, 20, None, None),
            "The gateway gave no reason.",
        ),
        (
            "synthetic/openrouter__router_metadata",
            "code → OpenAI/openai/gpt-4o-mini",
            ("openai/gpt-4o-mini", "OpenAI", 3, 1, 0.0001, "reported"),
            "The gateway says: direct: available=2, selected=OpenAI",
        ),
        (
            "llamacpp/stream_include_usage",
            "code → llama.cpp/smol.gguf",
            ("smol.gguf", "llama.cpp", 30, 24, 0.0, "local"),
            "The gateway gave no reason.",
        ),
        (
            "synthetic/openai__include_usage",
            "code → openai/gpt-4o-mini-2024-07-18",
            ("gpt-4o-mini-2024-07-18", "openai", 19, 1, None, None),
            "The gateway gave no reason.",
        ),
        (
            "synthetic/azure__prompt_filter_first_chunk",
            "code → azure/gpt-4o-2024-08-06",
            ("gpt-4o-2024-08-06", "azure", None, None, None, None),
            "The gateway gave no reason.",
        ),
        (
            "synthetic/ollama__v1_include_usage",
            "code → ollama/qwen2.5-coder:7b",
            ("qwen2.5-coder:7b", "ollama", 31, 2, 0.0, "local"),
            "The gateway gave no reason.",
        ),
    ],
)
def test_the_row_the_winbar_and_the_reason_of_each_gateway(
    start: Start, name: str, winbar: str, row: tuple[Any, ...], why: str
) -> None:
    session = start(recorded(name), ui=(160, 40))
    asked(session)
    assert winbar in session.editor.screen()[0]
    (found,) = session.wait_rows([None])
    columns = ("model", "provider", "tokens_in", "tokens_out", "cost_cents", "cost_source")
    assert tuple(found[column] for column in columns) == row
    text = report(session, "ZekeWhy")
    assert why in text
    assert "1 attempt, 100 % complete" in text


def test_why_with_omens_own_trace(start: Start) -> None:
    trace = (
        b"X-OMEN-Provider: anthropic\r\nX-OMEN-Model: claude-4\r\nX-OMEN-Reason: cheapest that is healthy\r\n"
        b'X-OMEN-Candidates: ["claude-4","gpt-5"]\r\nX-OMEN-Cost-USD: 0.012\r\n'
    )
    head, *rest = stream("a")
    session = start(Reply([head.replace(b"\r\n\r\n", b"\r\n" + trace + b"\r\n"), *rest]))
    asked(session, "Zeke latency=high hi")
    text = report(session, "ZekeWhy")
    assert "# why anthropic/claude-4" in text
    assert "The gateway says: cheapest that is healthy" in text
    assert "Candidates: claude-4, gpt-5" in text
    assert "¢1.20" in text
    assert "tags.latency" in text
    assert "(command line)" in text
    raw = report(session, "ZekeWhy!")
    assert '"x-omen-reason": "cheapest that is healthy"' in raw


def test_degraded_and_back(start: Start) -> None:
    with serving(recorded("synthetic/ollama__native_tags"), recorded("synthetic/ollama__native_chat")) as ollama:
        session = start(
            error(503), Reply(stream("from the gateway")), env={"OLLAMA_HOST": f"127.0.0.1:{ollama.port}"}, ui=(160, 40)
        )
        answer = asked(session)
        assert (answer["text"], answer["degraded"], answer["model"]) == ("def add(é)", True, "qwen2.5-coder:7b")
        assert "DEGRADED" in session.editor.screen()[0]
        why = report(session, "ZekeWhy")
        assert "DEGRADED: a local model answered, because" in why
        assert "http_503" in why
        answer = asked(session, answers=2)
        assert answer["text"] == "from the gateway"
        assert "degraded" not in answer
        screen = "\n".join(session.editor.screen())
        assert "the gateway answers again" in screen
        asked(session, answers=3)
        assert "\n".join(session.editor.screen()).count("the gateway answers again") == 1
    assert [row["escalated"] for row in session.wait_rows(["http_503", None, None, None])] == [0, 1, 0, 0]


def test_the_gateway_dies_and_comes_back_on_the_same_port(start: Start) -> None:
    with serving(recorded("synthetic/ollama__native_tags"), recorded("synthetic/ollama__native_chat")) as ollama:
        session = start(Reply(stream("first")), env={"OLLAMA_HOST": f"127.0.0.1:{ollama.port}"})
        assert asked(session)["text"] == "first"
        session.gateway.stop()
        assert asked(session, answers=2)["degraded"] is True
        again = Gateway([Reply(stream("back"))], port=session.gateway.port)
        try:
            answer = asked(session, answers=3)
        finally:
            again.stop()
    assert (answer["text"], answer.get("degraded")) == ("back", None)
    session.wait_rows([None, "connect", None, None])


def test_an_answer_of_another_provider_than_allowed_is_flagged(start: Start, project: Path) -> None:
    session = start(recorded("litellm/llama_stream_include_usage"), ui=(160, 40))
    in_project(session, project)
    assert "private       1" in report(session, "ZekePrefs private=1")
    answer = asked(session, "Zeke provider=openai hi")
    assert session.gateway.seen[0].body["omen"] == {"strategy": "single", "providers": ["ollama", "llama.cpp"]}
    assert "openai answered, but only ollama, llama.cpp may" in answer["violation"]
    assert any("openai answered" in line for line in session.scratch())
    session.wait_message("openai answered, but only")
    assert "NOT ALLOWED" in report(session, "ZekeWhy")
    session.wait_rows([None])
    log = session.home / "state" / "nvim" / "zeke" / "zeke.log"
    assert "openai answered" in log.read_text()


def test_preferences_are_pinned_shown_and_forgotten(start: Start, project: Path) -> None:
    session = start()
    in_project(session, project)
    session.type_command("ZekeModel qwen2.5-coder:7b")
    session.wait_message("grim asks qwen2.5-coder:7b from now on")
    asked(session)
    assert session.gateway.seen[-1].body["model"] == "qwen2.5-coder:7b"
    session.type_command("ZekeModel code-plus")
    session.wait_message("grim asks code-plus from now on")
    asked(session, answers=2)
    body = session.gateway.seen[-1].body
    assert (body["model"], body["tags"]["latency"]) == ("auto", "medium")
    assert "alias         code-plus" in report(session, "ZekePrefs")
    session.type_command("ZekeModel auto")
    session.wait_message("grim asks auto from now on")
    session.type_command("ZekeBudget 500")
    session.wait_message("¢0.00 of ¢500 spent this month")
    assert "¢500 a month" in report(session, "ZekePrefs prefer_local=1")
    session.type_command("ZekeBudget none")
    session.wait_message("no limit")
    assert "¢200 a month" in report(session, "ZekePrefs!")
    for command, message in [
        ("ZekePrefs colour=1", "`colour=1`: accepted are prefer_local=, private="),
        ("ZekePrefs private=perhaps", "private=perhaps: accepted are 1 and 0"),
        ("ZekeBudget lots", "budget lots: accepted is a whole number of cents"),
        ("ZekeAlias nope", "unknown alias `nope`"),
    ]:
        session.type_command(command)
        session.wait_message(message)


def test_a_model_is_picked_from_what_the_gateway_lists(start: Start, project: Path) -> None:
    session = start()
    session.gateway.models = {"data": [{"id": "m-a"}, {"id": "m-b"}, {"no": 1}]}
    in_project(session, project)
    session.editor.lua("vim.ui.select = function(items, opts, on) _G.items = items; on('m-b') end")
    session.type_command("ZekeModel")
    session.wait_message("grim asks m-b from now on")
    assert session.editor.lua("return _G.items")[:3] == ["auto", "m-a", "m-b"]


def test_own_aliases_and_those_of_a_trusted_project(start: Start, project: Path) -> None:
    session = start()
    (project / ".zeke.toml").write_text(
        '[aliases.deep]\nextends = "mine"\ntags = { budget = "premium", latency = false }\n'
        "[gateway]\nbase = 'http://127.0.0.1:9/v1'\n"
    )
    session.editor.lua(
        """
        vim.secure.read = function(path) _G.asked = path; return table.concat(vim.fn.readfile(path), "\\n") end
        local mine = { extends = "code-smart", model = "m-9", parameters = { temperature = 0 } }
        mine.headers = { ["X-Team"] = "core" }
        require("zeke").setup({ gateway = { base = ... }, aliases = { mine = mine } })
    """,
        session.gateway.base,
    )
    in_project(session, project)
    asked(session, "Zeke alias=deep hi")
    seen = session.gateway.seen[-1]
    assert (seen.body["model"], seen.body["temperature"], seen.headers["x-team"]) == ("m-9", 0, "core")
    assert seen.body["tags"]["budget"] == "premium"
    assert "latency" not in seen.body["tags"]
    why = report(session, "ZekeWhy")
    assert "alias deep" in why
    assert "alias mine" in why
    assert session.editor.lua("return _G.asked").endswith("/.zeke.toml")


def test_a_project_file_that_is_not_trusted_does_nothing(start: Start, project: Path) -> None:
    session = start()
    (project / ".zeke.toml").write_text("[gateway]\nbase = 'http://127.0.0.1:9/v1'\n")
    session.editor.lua("vim.secure.read = function() return nil end")
    in_project(session, project)
    assert asked(session)["success"] is True


@pytest.mark.parametrize(
    ("text", "message"),
    [("aliases = [", ".zeke.toml:"), ("colour = 1", ".zeke.toml: unknown option `colour`: accepted are aliases")],
)
def test_a_wrong_project_file_is_named(start: Start, project: Path, text: str, message: str) -> None:
    session = start()
    (project / ".zeke.toml").write_text(text)
    session.editor.lua("vim.secure.read = function(path) return table.concat(vim.fn.readfile(path), '\\n') end")
    in_project(session, project)
    assert message in asked(session)["message"]
    assert session.gateway.seen == []


def test_litellm_gets_its_hints_in_a_header_once_it_is_known(start: Start) -> None:
    session = start(recorded("litellm/llama_stream_include_usage"))
    asked(session)
    asked(session, answers=2)
    first, second = session.gateway.seen
    assert "tags" in first.body
    assert "tags" not in second.body
    assert second.headers["x-litellm-tags"].startswith("latency:low,budget:frugal,project:")
    assert "intent:code" in second.headers["x-litellm-tags"]


def test_no_hints_when_none_are_wanted(start: Start) -> None:
    session = start()
    session.editor.lua("require('zeke').setup({ gateway = { base = ..., hints = 'none' } })", session.gateway.base)
    asked(session)
    assert not {"tags", "omen"} & set(session.gateway.seen[0].body)


def test_the_key_of_a_command(start: Start, tmp_path: Path) -> None:
    counter = tmp_path / "asked"
    script = f"open({str(counter)!r}, 'a').write('x'); print('k-from-command')"
    session = start()
    setup = "require('zeke').setup({ gateway = { key_cmd = { ... } } })"
    session.editor.lua(setup, sys.executable, "-c", script)
    asked(session)
    asked(session, answers=2)
    assert [seen.headers["authorization"] for seen in session.gateway.seen] == ["Bearer k-from-command"] * 2
    assert counter.read_text() == "x"


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["/no/such/program"], ("key_cmd `/no/such/program` cannot be run", "ZEKE_API_KEY")),
        ([sys.executable, "-c", "raise SystemExit(3)"], ("ended with code 3",)),
        ([sys.executable, "-c", "pass"], ("printed nothing",)),
    ],
)
def test_a_key_command_that_fails_is_named_and_nothing_is_sent(
    start: Start, argv: list[str], named: tuple[str, ...]
) -> None:
    session = start()
    session.editor.lua("require('zeke').setup({ gateway = { key_cmd = { ... } } })", *argv)
    message = asked(session)["message"]
    assert all(word in message for word in named), message
    assert session.gateway.seen == []


def test_preview_shows_what_would_be_sent_and_sends_nothing(start: Start, project: Path) -> None:
    session = start(env={"ZEKE_API_KEY": "sk-secret-key-12345"}, ui=(160, 60))
    in_project(session, project)
    text = report(session, "1,2ZekePreview ZekeTest latency=high tag.team=core only edges")
    assert "Nothing was sent." in text
    assert '"intent": "tests"' in text
    assert '"team": "core"' in text
    assert "only edges" in text
    assert "return a + b" in text
    assert "tags.latency" in text
    assert "sk-secret" not in text
    assert session.gateway.seen == []
    session.type_command("ZekePreview ZekeStop")
    session.wait_message("`ZekeStop` sends no prompt")


def test_retry_after_counts_down_and_can_be_cancelled(start: Start) -> None:
    session = start(error(429, headers="Retry-After: 20\r\n"), ui=(160, 40))
    session.type_command("Zeke hi")
    session.editor.wait("(require('zeke.answers').newest().facts.status or ''):find('retrying in') ~= nil")
    assert "retrying in" in session.editor.screen()[0]
    session.type_command("ZekeStop")
    session.wait_done()
    assert session.answer()["error_code"] == "cancelled"


def test_options_changed_in_the_middle_do_not_cut_an_answer(start: Start) -> None:
    gate = threading.Event()
    session = start(Reply(stream("one ", "two"), gate=gate, held=2))
    session.type_command("Zeke hi")
    session.editor.wait("require('zeke').answer() ~= nil and require('zeke').answer().text == 'one '")
    base = f"http://127.0.0.1:{closed_port()}/v1"
    session.editor.lua("require('zeke').setup({ fallback = false, gateway = { base = ... } })", base)
    session.type_command("Zeke elsewhere")
    session.editor.wait("next(_G.ended) ~= nil")
    gate.set()
    session.wait_done(2)
    texts = session.editor.lua(
        "local t = {}; for id in pairs(_G.ended) do t[#t + 1] = require('zeke').answer(id).text end; return t"
    )
    assert sorted(texts) == ["", "one two"]


def test_a_strategy_is_sent_only_when_the_user_sets_one_and_is_told(start: Start) -> None:
    session = start()
    session.editor.lua(
        "require('zeke').setup({ gateway = { base = ... }, aliases = { race = { strategy = 'race', model = 'm' } } })",
        session.gateway.base,
    )
    asked(session)
    assert "omen" not in session.gateway.seen[0].body
    asked(session, "Zeke alias=race hi", answers=2)
    assert session.gateway.seen[1].body["omen"] == {"strategy": "race"}
    session.wait_message("strategy race asks several models at once")
