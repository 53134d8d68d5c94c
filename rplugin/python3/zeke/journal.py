"""The log file: details that do not belong on the screen, with every secret taken out."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from io import FileIO, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOGGER = logging.getLogger("zeke")

_CREDENTIAL = re.compile(r"(?i)(bearer\s+|x-api-key['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+|\bsk-[A-Za-z0-9_-]{8,}")


class Redactor(logging.Formatter):
    """Formats a record, traceback included, then replaces what is or looks like a credential."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` are replaced wherever they stand, also inside other words."""
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        """One record as text without credentials."""
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _CREDENTIAL.sub(lambda found: (found.group(1) or "") + "***", text)


class _OwnFile(RotatingFileHandler):
    """A log that only its user may read, also the one that is begun when the old one is full."""

    def _open(self) -> TextIOWrapper:
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return TextIOWrapper(FileIO(file, "a"), encoding=self.encoding, errors="backslashreplace", write_through=True)


def start(path: Path | None, level: str, secrets: Iterable[str]) -> None:
    """Send Zeke's records to `path` (made 0600 in a folder made 0700). A log that cannot be written is no error."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.propagate = False
    LOGGER.setLevel(getattr(logging, level.upper(), logging.WARNING))
    handler_or_none: logging.Handler = logging.NullHandler()
    if path is not None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            handler_or_none = _OwnFile(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
            handler_or_none.setFormatter(Redactor(secrets))
        except OSError:
            pass
    LOGGER.addHandler(handler_or_none)
