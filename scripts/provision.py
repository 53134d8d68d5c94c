"""Makes a Python environment that runs Zeke: `:ZekeInstall` and `make setup` both come here.

Needs nothing but a Python from 3.10 on. Uses uv if it is on PATH, else venv and pip. The environment is built
beside its place and renamed, so an interrupted run leaves the old one working.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 10)
STAMP = "zeke-provisioned.json"
NOT_FOR_CHILDREN = ("PYTHONPATH", "PYTHONHOME", "ZEKE_API_KEY", "OMEN_API_KEY")
"""Variables that would lead a build astray, and keys that are none of its business."""
IMPORTS = "import pynvim, httpcore, msgpack, pydantic, platformdirs, detect_secrets, wcwidth"


class ProvisionError(Exception):
    """The environment could not be made. The text is one sentence with the next step."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"zeke: {text}", flush=True)


def project() -> dict[str, Any]:
    """`pyproject.toml` as a mapping."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    # Python 3.10 has no reader of its own, its pip has one.
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "pip._vendor.tomli")
    parsed: dict[str, Any] = tomllib.loads(text)
    return parsed


def requirements(extras: Sequence[str]) -> tuple[list[str], list[str]]:
    """What to install with its dependencies, and what without.

    Raises:
        ProvisionError: an extra is unknown.
    """
    parsed = project()
    optional: dict[str, list[str]] = parsed["project"]["optional-dependencies"]
    wanted = list(parsed["project"]["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise ProvisionError(f"unknown extra `{extra}`: accepted are {', '.join(sorted(optional))}")
        wanted += optional[extra]
    alone = tuple(parsed["tool"]["zeke"]["provision"]["without-dependencies"])
    return (
        [line for line in wanted if not line.startswith(alone)],
        [line for line in wanted if line.startswith(alone)],
    )


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(argv: Sequence[str | Path], what: str) -> None:
    """Run a program quietly.

    Raises:
        ProvisionError: it failed; its last line says why.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}
    result = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, errors="replace", env=environment, check=False
    )
    if result.returncode:
        lines = [line.strip() for line in (result.stderr + result.stdout).splitlines() if line.strip()]
        telling = [line for line in lines if line.lower().startswith("error")] or lines
        why = telling[-1][:200] if telling else f"code {result.returncode}"
        raise ProvisionError(f"{what} failed: {why}")


def make_environment(python: str, place: Path, uv: str | None) -> None:
    """An empty environment.

    Raises:
        ProvisionError: with the package to install where a distribution splits Python.
    """
    if uv:
        run([uv, "venv", "--quiet", "--no-project", "--python", python, place], "making the environment with uv")
        return
    try:
        run([python, "-m", "venv", place], "making the environment")
    except ProvisionError as error:
        if "ensurepip" in str(error) or "python3-venv" in str(error):
            raise ProvisionError("python3 has no venv module: apt-get install python3-venv, or install uv") from None
        raise


def install(place: Path, packages: Sequence[str], uv: str | None, *, alone: bool = False) -> None:
    """Install packages, `alone` without what they depend on.

    Raises:
        ProvisionError: a package could not be installed.
    """
    if not packages:
        return
    names = ", ".join(line.partition(">")[0].partition("=")[0] for line in packages)
    say(f"installing {names}")
    options = ["--no-deps"] if alone else []
    if uv:
        argv: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python_of(place)]
    else:
        argv = [python_of(place), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*argv, *options, *packages], "installing packages")


def fingerprint(extras: Sequence[str], packages: Sequence[str]) -> dict[str, object]:
    """What an environment was made from; another one means that it has to be made anew."""
    digest = hashlib.sha256("\n".join(packages).encode()).hexdigest()
    return {"extras": sorted(extras), "packages": digest}


def is_current(place: Path, wanted: dict[str, object]) -> bool:
    """Whether the environment is there, was made from the same packages and still runs."""
    try:
        found = json.loads((place / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if found != wanted:
        return False
    try:
        run([python_of(place), "-c", IMPORTS], "checking")
    except (ProvisionError, OSError):
        return False
    return True


def kept_extras(place: Path) -> list[str]:
    """Extras of the environment that is there: an update must not lose the embedded model."""
    try:
        found = json.loads((place / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(extra) for extra in found.get("extras", [])]


def swap(new: Path, place: Path) -> None:
    """Put the new environment in its place."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def relocate(new: Path, place: Path) -> None:
    """Rewrite the paths in the environment's scripts: they name the folder it was built in."""
    folder = python_of(new).parent
    for script in folder.iterdir():
        if script.is_symlink() or not script.is_file() or script.stat().st_size > 100_000:
            continue
        content = script.read_bytes()
        moved = content.replace(os.fsencode(new), os.fsencode(place))
        if moved != content:
            script.write_bytes(moved)


def provision(place: Path, extras: Sequence[str], python: str, *, force: bool) -> None:
    """Make the environment in `place`, or leave one that is current as it is.

    Raises:
        ProvisionError: it could not be made; the old one is untouched.
    """
    extras = sorted({*extras, *kept_extras(place)})
    with_dependencies, alone = requirements(extras)
    wanted = fingerprint(extras, [*with_dependencies, *alone])
    if not force and is_current(place, wanted):
        return
    new = place.with_name(place.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    uv = shutil.which("uv")
    say(f"making the Python environment in {place} with {'uv' if uv else 'venv and pip'}")
    try:
        make_environment(python, new, uv)
        install(new, with_dependencies, uv)
        install(new, alone, uv, alone=True)
        run([python_of(new), "-c", IMPORTS], "checking the environment")
        (new / STAMP).write_text(json.dumps(wanted), encoding="utf-8")
        relocate(new, place)
        swap(new, place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    say("the environment is ready")


def main() -> int:
    """Command line; one sentence and code 1 when it cannot be done."""
    parser = argparse.ArgumentParser(description="Make the Python environment that runs Zeke.")
    parser.add_argument("--into", type=Path, required=True, help="folder of the environment")
    parser.add_argument("--extra", action="append", default=[], help="extra of pyproject.toml: local, dev")
    parser.add_argument("--python", default=sys.executable, help="interpreter to build on")
    parser.add_argument("--force", action="store_true", help="build anew even if nothing changed")
    given = parser.parse_args()
    if sys.version_info < OLDEST:
        say(f"Python {sys.version.split()[0]} is too old: install Python 3.10 or later")
        return 1
    try:
        provision(given.into.absolute(), given.extra, given.python, force=given.force)
    except (ProvisionError, OSError) as error:
        say(" ".join(str(error).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
