"""Prompt files with any front matter: options of one word each, never an error, never a second option."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.chaos.conftest import Chaos
from tests.support.editor import Editor
from zeke.routing import arguments
from zeke.routing.arguments import ArgumentError

LINES = (
    "---",
    "intent: tests",
    "alias: code-plus",
    "alias: a model=evil",
    "alias:\tx",
    "scope: buffer",
    "scope: %{1}",
    "result: diff",
    "result: diff log=0",
    "intent:",
    "intent : tests",
    "name: x",
    "text: evil",
    "alias: 'a b'",
    "--- ",
    "alias: a\0b",
    "alias: a\r",
    "\ufeff---",
    "",
    "Only this. model=evil",
    "-- x",
    "tag.x=1",
    "/other",
    "#file:/etc/passwd",
)
CODE = """
    local root, name, texts = ...
    vim.secure.read = function(path)
      local file = assert(io.open(path, "rb"))
      local text = file:read("*a")
      file:close()
      return text
    end
    local found = {}
    for index, text in ipairs(texts) do
      local path = root .. "/.zeke/prompts/" .. name .. ".md"
      local file = assert(io.open(path, "wb"))
      file:write(text)
      file:close()
      local ok, args, prompt = pcall(require("zeke.prompts").expand, "latency=low /" .. name .. " more words", root)
      found[index] = { ok, ok and args or tostring(args), ok and prompt and prompt.scope or "" }
    end
    return found
"""


def text_of(rng: Random) -> str:
    lines = [rng.choice(LINES) for _ in range(rng.randrange(8))]
    if rng.random() < 0.7:
        lines = ["---", *lines, "---", "the text"]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines) + 1), "".join(chr(rng.randrange(1, 0x2FFF)) for _ in range(9)))
    return rng.choice(("\n", "\n", "\r\n")).join(lines)


def test_front_matter_of_any_kind_names_one_value_a_key(chaos: Chaos, tmp_path: Path) -> None:
    rng = chaos.rng("front matter")
    texts = [text_of(rng) for _ in range(chaos.size(150, 3000))]
    (tmp_path / ".zeke" / "prompts").mkdir(parents=True)
    with Editor(tmp_path / "home", ui=None) as editor:
        found = editor.lua(CODE, str(tmp_path), "p", texts)
    for text, (ok, args, scope) in zip(texts, found, strict=True):
        assert ok, args
        assert "\n" not in scope
        try:
            words = arguments.parse(args)
        except ArgumentError:
            # An alias or intent that there is not; nothing is sent.
            continue
        assert set(words.options) <= {"alias", "intent", "out", "latency"}, text
        assert words.options["latency"] == "low"
        assert words.text.endswith("more words")
    chaos.survived(len(texts))
