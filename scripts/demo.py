"""`make demo` and `make try`: a real Neovim, a real model on this machine, one `:ZekeTest`, its answer and its row.

Everything it writes stays in `.demo/` of the checkout. Nothing is read from or sent to the network.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".demo"
SAMPLE = ROOT / "scripts" / "sample.py"
NO_SERVER = "http://127.0.0.1:9/v1"
"""The discard port: nothing answers there, so the embedded model does."""
ANSWER_SECONDS = 150

COLUMNS = (
    "id",
    "alias",
    "model",
    "provider",
    "intent",
    "latency_ms",
    "tokens_in",
    "tokens_out",
    "success",
    "error_code",
)


def environment(keep: tuple[str, ...] = ()) -> dict[str, str]:
    """The process environment with every folder of Neovim below `.demo/`, and no gateway unless `keep` names one."""
    ours = ("ZEKE_", "OMEN_", "OLLAMA_", "XDG_", "NVIM", "VIM")
    env = {name: value for name, value in os.environ.items() if name in keep or not name.startswith(ours)}
    for kind in ("CONFIG", "DATA", "STATE", "CACHE", "RUNTIME"):
        folder = HOME / kind.lower()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        env[f"XDG_{kind}_{'DIR' if kind == 'RUNTIME' else 'HOME'}"] = str(folder)
    env.setdefault("ZEKE_API_BASE", NO_SERVER)
    env.setdefault("OLLAMA_HOST", "127.0.0.1:9")
    env.setdefault("ZEKE_DB", str(HOME / "routing.sqlite3"))
    return env


def arguments() -> list[str]:
    """Neovim with this checkout as its only plugin."""
    nvim = Path(sys.executable).with_name("nvim")
    return [
        str(nvim) if nvim.exists() else "nvim",
        *("-n", "-i", "NONE", "-u", "NORC"),
        *("--cmd", f"set runtimepath^={str(ROOT).replace(' ', chr(92) + ' ')}"),
        *("--cmd", f"let g:zeke_python = '{sys.executable}'"),
    ]


def say(text: str) -> None:
    """One line of progress."""
    print(f"demo: {text}", flush=True)


def show_rows(database: Path) -> None:
    """Print the newest request's rows as the cache holds them."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM routing_stats WHERE request_id ="
            " (SELECT request_id FROM routing_stats ORDER BY id DESC LIMIT 1) ORDER BY id"
        ).fetchall()
    finally:
        connection.close()
    for row in rows:
        fields: Mapping[str, object] = dict(zip(COLUMNS, row, strict=True))
        print("  " + "  ".join(f"{name}={'NULL' if value is None else value}" for name, value in fields.items()))


def run() -> int:
    """Ask for tests of the selected function; print the scratch buffer and the rows. Exit code 1 without an answer."""
    import logging

    import pynvim

    # asyncio's own remark that Neovim ended after its loop did is no news here.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    env = environment()
    say("starting Neovim without a screen")
    os.environ.clear()
    os.environ.update(env)
    nvim = pynvim.attach("child", argv=[*arguments(), "--embed", "--headless"])
    try:
        nvim.command(f"edit {nvim.funcs.fnameescape(str(SAMPLE))}")
        nvim.funcs.search("^def median")
        nvim.feedkeys(nvim.replace_termcodes("V}k<Esc>", True, True, True), "nx", False)
        first, last = nvim.funcs.line("'<"), nvim.funcs.line("'>")
        say(f":'<,'>ZekeTest on lines {first} to {last} of scripts/sample.py")
        nvim.command("'<,'>ZekeTest")
        say("no gateway is set up here, so the embedded model answers (135 M parameters: it shows the path, not wit)")
        shown = 0
        for _ in range(ANSWER_SECONDS):
            done = nvim.exec_lua("return (vim.wait(1000, function() return require('zeke').pending() == 0 end, 20))")
            answer = nvim.exec_lua("return require('zeke').answer()")
            if len(answer["text"]) > shown:
                shown = len(answer["text"])
                say(f"{shown} characters so far")
            if done:
                break
        lines = nvim.api.buf_get_lines(answer["bufnr"], 0, -1, False)
        winbar = nvim.exec_lua(
            "local a = require('zeke.answers').get(...); return require('zeke.winbar').line(a, vim.uv.hrtime())",
            answer["id"],
        )
    finally:
        try:
            nvim.command("qa!", async_=True)
            nvim.close()
        except (OSError, EOFError):
            pass
    print()
    print(f"── {'DEGRADED  ' if answer.get('degraded') else ''}{winbar} ".ljust(100, "─"))
    if answer.get("degraded"):
        print(f"DEGRADED {answer['reason']}")
    print("\n".join(lines))
    print("─" * 100)
    print(f"logged in {Path(env['ZEKE_DB']).relative_to(ROOT)} (the first row is the gateway that did not answer):")
    show_rows(Path(env["ZEKE_DB"]))
    return 0 if answer["success"] or answer["text"] else 1


def interactive() -> None:
    """Replace this process by Neovim on the sample file."""
    env = environment(keep=("ZEKE_API_BASE", "ZEKE_API_KEY", "OMEN_BASE", "OMEN_API_KEY", "OLLAMA_HOST"))
    hint = "select a function (V}), then :ZekeTest - or :Zeke and a question - g? in the answer shows its keys"
    argv = [*arguments(), "-c", f"echo '{hint}'", str(SAMPLE)]
    os.execve(argv[0], argv, env)


if __name__ == "__main__":
    if "--interactive" in sys.argv[1:]:
        interactive()
    sys.exit(run())
