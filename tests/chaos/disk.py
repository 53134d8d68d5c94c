"""What happens to files and disks while they are in use; only what can be done for real is done."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest


def overwrite(path: Path, rng: Random) -> None:
    """Bytes of one page, a whole page, or several, anywhere in the file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(rng.choice((1, 1, 3, 8))):
            length = rng.choice((1, 16, 512, 4096))
            file.seek(rng.randrange(max(size - length, 1)))
            file.write(rng.choice((b"\0" * length, rng.randbytes(length), b"\xff" * length)))


def truncate(path: Path, rng: Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size + 1))


def damage(path: Path, rng: Random) -> bool:
    """One of the things that happen to files; whether it was the write-ahead log, and what it held is gone for good."""
    wal = path.with_name(path.name + "-wal")
    target = rng.choice((path, path, wal))
    if target.exists() and target.stat().st_size:
        rng.choice((overwrite, overwrite, truncate))(target, rng)
    return target == wal


@contextlib.contextmanager
def no_more_room(_path: Path) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    files = [path.parent, *path.parent.iterdir()]
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    if is_root := os.geteuid() == 0:
        # Root may write anything, so it is somebody else for a while.
        for folder in path.parents:
            if not os.access(folder, os.X_OK) or folder.stat().st_mode & 0o005 != 0o005:
                pytest.skip("the folder of the tests is closed to others")
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                file.chmod(0o755 if file.is_dir() else 0o644)


@contextlib.contextmanager
def a_folder_in_its_place(path: Path) -> Iterator[None]:
    for file in path.parent.iterdir():
        file.unlink()
    path.mkdir()
    yield
    path.rmdir()
