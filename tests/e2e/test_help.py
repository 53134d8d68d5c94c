"""The help names everything that exists, and nothing that does not."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.conftest import Start

HELP = (Path(__file__).parents[2] / "doc" / "zeke.txt").read_text("utf-8")


def test_every_command_has_its_tag(start: Start) -> None:
    session = start()
    commands = {
        name
        for name in session.editor.lua("return vim.tbl_keys(vim.api.nvim_get_commands({}))")
        if name.startswith("Zeke")
    }
    assert set(re.findall(r"\*:(Zeke\w*)\*", HELP)) == commands


def test_every_option_is_listed(start: Start) -> None:
    session = start()
    code = """
        local names = {}
        local function walk(options)
          for key, value in pairs(options) do
            names[key] = true
            if type(value) == "table" then walk(value) end
          end
        end
        walk(require("zeke.config").defaults)
        return vim.tbl_keys(names)
    """
    listing = HELP.partition('require("zeke").setup({')[2].partition("\n<\n")[0]
    for name in session.editor.lua(code):
        assert re.search(rf"\b{name}\b", listing), name


def test_every_key_map_event_function_and_highlight_is_named(start: Start) -> None:
    session = start()
    lua = session.editor.lua
    keys = lua("return vim.tbl_map(function(key) return key[1] end, require('zeke.keys').table)")
    section = HELP.partition("4. The answer ")[2].partition("*zeke-proposal*")[0]
    for key in keys:
        assert key in section, key
    plugs = lua("return vim.tbl_map(function(map) return map.lhs end, vim.api.nvim_get_keymap('n'))")
    for plug in [plug for plug in plugs if plug.startswith("<Plug>(zeke")]:
        assert plug in HELP, plug
    for name in lua("return vim.tbl_keys(require('zeke'))"):
        assert f"*zeke.{name}()*" in HELP, name
    lua("require('zeke.scratch')")
    groups = lua(
        "return vim.tbl_filter(function(n) return n:find('^Zeke') end, vim.fn.getcompletion('Zeke', 'highlight'))"
    )
    assert groups
    for group in groups:
        assert f"*hl-{group}*" in HELP, group
    sources = "".join(
        path.read_text("utf-8")
        for folder, kind in (("lua", "*.lua"), ("rplugin", "*.py"))
        for path in (Path(__file__).parents[2] / folder).rglob(kind)
    )
    events = set(
        re.findall(
            r'"(Zeke(?:Request|Routed|First|Retrying|Degraded|Budget[WE]|Finished|Applied|Rejected|Rated)\w*)"', sources
        )
    )
    assert len(events) >= 10
    for event in events - {"ZekeWinbar"}:
        assert event in HELP.partition("8. Events ")[2], event


def test_the_tags_are_unique_and_every_reference_exists() -> None:
    tags = re.findall(r"(?<![\w*])\*([^*\s]+)\*(?!\w)", HELP)
    assert len(tags) == len(set(tags))
    own = {link for link in re.findall(r"\|([^|\s]+)\|", HELP) if "eke" in link and not link.startswith("vim.")}
    assert own <= set(tags), own - set(tags)
