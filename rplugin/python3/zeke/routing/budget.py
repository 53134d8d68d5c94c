"""Whether a request may cost money: the month's spending against the project's limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnExceeded = Literal["ask", "local", "refuse", "warn"]
Verdict = Literal["send", "ask", "local", "refuse"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Figures in cents; `limit` None means that there is none. `unknown` counts requests without a known price."""

    spent: float
    limit: int | None
    unknown: int = 0
    warn_at: float = 0.8

    @property
    def is_exceeded(self) -> bool:
        """The limit is reached."""
        return self.limit is not None and self.spent >= self.limit

    @property
    def is_near(self) -> bool:
        """The share that warns is reached, the limit is not."""
        return self.limit is not None and not self.is_exceeded and self.spent >= self.limit * self.warn_at

    def figures(self) -> str:
        """The standing in words."""
        if self.limit is None:
            return f"¢{self.spent:.2f} spent this month, no limit"
        more = f", {self.unknown} more of unknown cost" if self.unknown else ""
        return f"¢{self.spent:.2f} of ¢{self.limit} spent this month{more}"


def judge(standing: Standing, on_exceeded: OnExceeded, *, override: bool, can_ask: bool) -> Verdict:
    """What to do with a request. `override` is the command's `!`; without a screen nobody can be asked."""
    if not standing.is_exceeded or override or on_exceeded == "warn":
        return "send"
    if on_exceeded == "ask":
        return "ask" if can_ask else "refuse"
    return on_exceeded
