from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import pytest

from zeke.exchange.keys import Keys
from zeke.settings import Gateway


def test_the_systems_keyring_is_asked_once_when_it_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\necho x >> {tmp_path}/asked\n[ "$*" = "-m keyring get zeke h:1" ] && echo k-1\n')
    program.chmod(0o755)
    spec = importlib.machinery.ModuleSpec("keyring", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    monkeypatch.setattr(sys, "executable", str(program))

    async def work() -> None:
        known = Keys()
        for _ in range(2):
            assert await known.of(Gateway(base="http://h:1/v1")) == "k-1"
        assert known.secrets == ("k-1",)
        assert await known.of(Gateway(base="http://other:1/v1")) is None

    asyncio.run(work())
    assert (tmp_path / "asked").read_text().count("x") == 2
