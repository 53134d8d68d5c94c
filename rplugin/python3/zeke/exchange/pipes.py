"""What a child process prints, read on the loop: no thread, no shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence


@contextlib.asynccontextmanager
async def reading(child: subprocess.Popen[bytes]) -> AsyncIterator[asyncio.StreamReader]:
    """A reader of the child's standard output; the pipe is closed at the end."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), child.stdout
    )
    try:
        yield reader
    finally:
        transport.close()


def spawn(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program that gets no input and whose output is read.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )


SECRETS = ("ZEKE_API_KEY", "OMEN_API_KEY")


def environment() -> dict[str, str]:
    """What a child inherits: no key is among it."""
    return {name: value for name, value in os.environ.items() if name not in SECRETS}


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a child of ours and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()


async def output(argv: Sequence[str], seconds: float) -> tuple[int, bytes]:
    """Exit code and output of a program; it is killed after `seconds`.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it took too long.
    """
    child = spawn(argv)
    try:
        async with reading(child) as reader:
            try:
                said = await asyncio.wait_for(reader.read(), seconds)
            except asyncio.TimeoutError:
                raise TimeoutError from None
        # Its output ended, so it is as good as gone.
        for _ in range(100):
            if child.poll() is not None:
                break
            await asyncio.sleep(0.01)
    finally:
        # What it started in the background may still hold the pipe.
        kill(child)
        child.wait()
    return child.returncode, said
