"""`:ZekeInstall` as a build hook, and what it made answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.support.editor import REPOSITORY, isolated_environment, nvim_program

CACHES = {
    "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
    "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
}


def headless(home: Path, path: str, *commands: str) -> subprocess.CompletedProcess[str]:
    before = ["-u", "NORC", "-i", "NONE", "--cmd", f"lua vim.opt.runtimepath:prepend([==[{REPOSITORY}]==])"]
    return subprocess.run(
        [nvim_program(), "--headless", *before, *commands, "+qa"],
        env=isolated_environment(home, {**CACHES, "PATH": path}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.timeout(400)
def test_a_build_hook_makes_an_environment_that_answers(start: Start, tmp_path: Path) -> None:
    # The interpreter of the tests has everything already; another one named python3 is what a user has.
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}")
    path = f"{programs}:/usr/bin:/bin"
    result = headless(tmp_path / "home", path, "+ZekeInstall")
    assert result.returncode == 0, result.stderr
    assert "the environment is ready" in result.stderr + result.stdout
    again = headless(tmp_path / "home", path, "+ZekeInstall")
    assert again.returncode == 0, again.stderr
    assert "installing" not in again.stderr + again.stdout
    session = start(python=None, env={"PATH": path})
    session.type_command("Zeke hi")
    session.wait_done(timeout=60)
    assert session.answer()["success"] is True
    python = session.editor.lua("return require('zeke.host').status().python")
    assert python.startswith(str(tmp_path / "home" / "data"))


def test_a_failed_installation_is_one_sentence_and_code_1(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python3"
    python.write_text("#!/bin/sh\necho 'zeke: python3 has no venv module: apt-get install python3-venv'\nexit 1\n")
    python.chmod(0o755)
    result = headless(tmp_path / "home", str(programs), "+ZekeInstall")
    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr


def test_an_unknown_argument_is_named(start: Start) -> None:
    session = start()
    session.type_command("ZekeInstall everything")
    session.wait_message("unknown argument `everything`: accepted are `local` and `charts`")
