from __future__ import annotations

import os
import stat
from pathlib import Path

from zeke import journal


def test_no_credential_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "zeke.log"
    journal.start(path, "debug", ["hunter2"])
    journal.LOGGER.info("key is hunter2, header Authorization: Bearer abc.def, other sk-live-12345678")
    try:
        raise RuntimeError("failed with hunter2")
    except RuntimeError as error:
        journal.LOGGER.error("unexpected", exc_info=error)
    journal.start(None, "debug", [])
    text = path.read_text()
    assert "unexpected" in text
    assert "RuntimeError" in text
    for secret in ("hunter2", "abc.def", "sk-live"):
        assert secret not in text
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    journal.start(blocker / "zeke.log", "debug", [])
    journal.LOGGER.error("lost")
