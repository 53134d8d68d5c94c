"""What the tests of editing share: a source file and answers with code."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.conftest import Session
from tests.support.gateway import Reply, stream

CODE = """import os


def add(a, b):
    # sum
    return a + b


class Box:
    def size(self):
        return 1
"""

BETTER = "def add(a, b):\n    return b + a\n"


def opened(session: Session, project: Path, content: str = CODE, name: str = "lib.py") -> None:
    (project / name).write_text(content)
    session.editor.command(f"edit {project}/{name}")


def answering(*texts: str) -> list[Reply]:
    return [Reply(stream(text)) for text in texts]


def fenced(code: str) -> str:
    return f"Here:\n\n```python\n{code}```\n"


def git(project: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=project, check=True, capture_output=True
    )
