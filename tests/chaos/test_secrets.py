"""A canary as key, under faults: afterwards it is looked for everywhere."""

from __future__ import annotations

import base64
import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Chaos
from tests.chaos.test_editors import bench, database, queue
from tests.chaos.wire import Fault, Plan, in_thread
from tests.e2e.test_embedded import children
from tests.e2e.test_host import wait_gone

KEY, HEADER = "canary-key-d41d8cd98f", "canary-header-b204e9800"
TRACED = (KEY, HEADER)
FORMS = [
    form
    for secret in TRACED
    for form in (
        secret.encode(),
        secret.encode("utf-16-le"),
        base64.b64encode(secret.encode())[:-4],
        secret.encode()[::-1],
    )
]


def echoes(other: str) -> list[Fault]:
    """What tempts a client to give its key away or to write it down."""
    said = f"Incorrect key {KEY}, header {HEADER}".encode()
    kind = b"Content-Type: text/event-stream"
    told = [f"X-Omen-{name}: {KEY} {HEADER}".encode() for name in ("Reason", "Model", "Provider", "Request-Id")]
    good = faults.body("fine")
    return [
        *(
            Fault(
                "redirect", [faults.headed(b"Location: " + other.encode(), b"Content-Length: 0", status=b"%d X" % code)]
            )
            for code in (301, 302, 307, 308)
        ),
        *(
            Fault("refusal with the key", [faults.headed(b"Connection: close", status=b"%d X" % code) + said])
            for code in (400, 401, 403, 404, 429, 500)
        ),
        Fault("key in headers", [faults.headed(kind, *told), good], answer="fine", may_succeed=True),
        Fault("key in an event", [faults.HEAD, b'data: {"error": {"message": "' + said + b'"}}\n\n']),
        Fault("key in a status line", [b"HTTP/1.1 500 " + said + b"\r\nContent-Length: 0\r\n\r\n"]),
        Fault("key instead of HTTP", [said + b"\r\n\r\n"]),
        Fault("key as page", [faults.headed(b"Content-Type: text/html"), b"<html>" + said]),
    ]


def processes() -> Iterator[tuple[str, bytes]]:
    """Command lines of every process that can be seen."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield folder.name, (folder / "cmdline").read_bytes()


def holds(data: bytes) -> bool:
    return any(form in data for form in FORMS)


@pytest.mark.model
@pytest.mark.parametrize("source", ["environment", "setup", "command"])
def test_the_key_is_with_the_gateway_and_nowhere_else(chaos: Chaos, tmp_path: Path, source: str) -> None:
    if source != "environment" and not chaos.full:
        pytest.skip("in full chaos alone")
    rng = chaos.rng(f"secrets {source}")
    strangers = Plan(lambda _: None, keep_heads=True)
    dumped = tmp_path / "child"
    with in_thread(strangers) as other, contextlib.ExitStack() as stack:
        found = echoes(f"{other.base}/chat/completions")
        found += [faults.mixed(rng) for _ in range(chaos.size(5, 60))]
        rng.shuffle(found)
        plan = queue([*found, Fault("nobody", early=True)])
        plan.keep_heads = True
        environment = {"ZEKE_LOG_LEVEL": "debug"}
        if source == "environment":
            environment |= {"ZEKE_API_KEY": KEY, "OMEN_API_KEY": KEY}
        work = stack.enter_context(bench(tmp_path / "work", plan, quick=False, env=environment))
        editor = work.editor
        editor.command("set swapfile undofile directory=~/tmp undodir=~/tmp backupdir=~/tmp shadafile=~/shada")
        if source == "environment":
            options = f"headers = {{ ['Api-Key'] = '{HEADER}' }}"
        elif source == "setup":
            options = f"key = '{KEY}', headers = {{ ['Api-Key'] = '{HEADER}' }}"
        else:
            # Written where only its user reads, as a password manager would keep it.
            script = tmp_path / "keeper"
            script.write_text(f"#!/bin/sh\nenv > {dumped}\nprintf %s {KEY}\n")
            script.chmod(0o700)
            options = f"key_cmd = {{ '{script}' }}, headers = {{ ['Api-Key'] = '{HEADER}' }}"
        editor.lua(f"require('zeke').setup({{ fallback = false, gateway = {{ {options} }} }})")
        for _ in found:
            view = work.ended(work.ask())
            assert not holds(repr(view).encode()), view
            for pid, line in processes():
                assert not holds(line), f"leak: the command line of {pid}"
            editor.command("only")
        assert any(KEY.encode() in head for head in plan.heads)
        editor.command("normal! ix\x1bu")
        # A local model answers, and knows nothing.
        editor.lua(
            f"require('zeke').setup({{ gateway = {{ {options} }},"
            " fallback = { embedded = { threads = 1, max_tokens = 4 } } })"
        )
        assert work.ended(work.ask(), 90)["degraded"]
        for child in children(work.host):
            for name in ("environ", "cmdline"):
                assert not holds(Path(f"/proc/{child}/{name}").read_bytes()), f"leak: {name} of the model"
        for report in ("ZekeWhy", "ZekeWhy!", "ZekePreview Zeke hi", "ZekeInfo", "ZekeLog", "ZekePrefs"):
            editor.command(report)
            editor.lua("vim.wait(150)")
            shown = "\n".join([*editor.screen(), *editor.lines(), editor.messages()])
            assert not holds(shown.encode()), f"leak: {report} shows it"
            editor.command("silent! only!")
        everything = editor.lua(
            "local t = {}; for _, b in ipairs(vim.api.nvim_list_bufs()) do"
            " vim.list_extend(t, vim.api.nvim_buf_get_lines(b, 0, -1, false)) end;"
            " return { t, vim.fn.execute('registers'), vim.fn.execute('history all'), vim.fn.execute('oldfiles') }"
        )
        assert not holds(repr(everything).encode()), "leak: buffers, registers or history"
        editor.command(f"buffer {work.source} | set updatecount=1 | setlocal swapfile | preserve | wshada!")
        host = work.host
        files = 0
        for quitting in (False, True):
            if quitting:
                editor.quit()
                wait_gone(host)
            for path in tmp_path.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.name != "keeper":
                    with contextlib.suppress(FileNotFoundError):
                        assert not holds(path.read_bytes()), f"leak: {path}"
                        files += 1
        assert files > 5
        for folder in (database(work.home).parent, work.home / "state" / "nvim" / "zeke"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
            for path in folder.iterdir():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert strangers.heads == [], "leak: a request to another origin"
    chaos.survived(len(found), len(found))
