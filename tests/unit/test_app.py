"""What the stages are built for, and what leaves them as they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from zeke.app import App
from zeke.screen import Screen


class Wire:
    """The editor's end of the channel."""

    def request(self, name: str, *args: Any, **options: Any) -> None: ...


def test_what_belongs_to_no_project_takes_the_stages_that_are_there(tmp_path: Path) -> None:
    async def session() -> None:
        app = App(Screen(cast(Any, Wire()), 1), asyncio.get_running_loop())
        app.configure({"database": str(tmp_path / "db.sqlite3"), "journal": str(tmp_path / "log")})
        source = {"project": "grim", "file": "[budget]\nmonth_cents = 5\n"}
        app.inquire("ZekePrefs", "", False, {"source": source})
        stages = app._stages
        assert stages is not None
        assert stages.settings.budget.month_cents == 5
        app.signal("request", "yanked")
        app.recall("request", "show", "")
        app.forget(["request"])
        app.fetch(1, "stats", "month", {"source": source})
        assert app._stages is stages
        app.inquire("ZekePrefs", "", False, {"source": {"project": "other", "file": ""}})
        assert app._stages is not stages
        await app.close()

    asyncio.run(session())
