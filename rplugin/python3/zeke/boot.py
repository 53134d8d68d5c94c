"""Entry and orderly exit of Zeke's own host process. What touches pynvim's internals is here,
but for the session that `plugin.py` hands to the screen.

pynvim's `start_host` never runs `finally` blocks of tasks nor shutdown hooks when the editor goes away;
here the end of the pipe cancels every task, waits briefly, closes the app and leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import pynvim
from pynvim.plugin.host import Host  # type: ignore[attr-defined]  # its __all__ is a string, not a tuple

DRAIN_SECONDS = 0.3


async def _drain() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
    from zeke.plugin import ZekePlugin

    for plugin in ZekePlugin.live:
        with contextlib.suppress(Exception):
            await plugin.finish()


def main(directory: str) -> None:
    """Serve the remote plugin in `directory` on standard input and output until the editor is gone."""
    nvim = pynvim.attach("stdio")
    host = Host(nvim)
    transport_loop: Any = nvim._session._async_session.loop if hasattr(nvim._session, "_async_session") else None
    if transport_loop is not None:
        # Neovim ends its jobs with SIGTERM: without a handler it would come in the middle of the drain and be the end.
        transport_loop._teardown_signals = lambda: None
    # The end of the pipe: every way out of the loop is the same orderly exit.
    with contextlib.suppress(Exception, KeyboardInterrupt):
        host.start([str(Path(directory) / "zeke")])
    if transport_loop is not None:
        # A late write to the broken pipe would stop the loop a second time, in the middle of the drain.
        transport_loop._stop = lambda: None
    with contextlib.suppress(Exception, KeyboardInterrupt):
        nvim.loop.run_until_complete(_drain())
    sys.stderr.flush()
    # Not sys.exit: nothing may wait for a thread once the editor is gone.
    os._exit(0)
