"""THE table of signals: what an engineer did with an answer, and what that says of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of signal. Of several about a request the one of the highest rank counts, of equal ones the last."""

    rank: int
    is_good: bool
    meaning: str


SIGNALS: Mapping[str, Signal] = {
    "up": Signal(6, True, "rated +"),
    "down": Signal(6, False, "rated -"),
    "preferred": Signal(5, True, "kept in a comparison"),
    "passed_over": Signal(5, False, "not kept in a comparison"),
    # Whoever takes one hunk and leaves the next has accepted.
    "accepted": Signal(4, True, "applied"),
    "rejected": Signal(3, False, "dismissed"),
    "yanked": Signal(2, True, "yanked"),
    "retried": Signal(1, False, "asked once more"),
}


@dataclass(frozen=True, slots=True)
class Votes:
    """Verdicts on requests: how many were good and how many were not."""

    good: int = 0
    bad: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.good + self.bad

    @property
    def share(self) -> float | None:
        """Part that was good, 0 to 1; None without a verdict."""
        return self.good / self.count if self.count else None


def weight(votes: Votes) -> float:
    """A provider's weight for OMEN's `priority_weights`, 0 to 1.

    The rule of succession (Laplace, 1814), (good + 1) / (all + 2): a single verdict moves it a little, many decide it.
    """
    return round((votes.good + 1) / (votes.count + 2), 3)
