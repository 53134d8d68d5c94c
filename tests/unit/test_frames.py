from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from zeke.exchange.frames import CAP, INTERVAL, LARGE, SPARED, Frames


def test_the_first_text_goes_at_once_and_the_rest_gathers() -> None:
    async def run() -> list[str]:
        sent: list[str] = []
        frames = Frames(asyncio.get_running_loop(), sent.append)
        frames.add("a")
        assert sent == ["a"]
        for _ in range(100):
            frames.add("b")
        assert sent == ["a"]
        await asyncio.sleep(INTERVAL * 2)
        return sent

    assert asyncio.run(run()) == ["a", "b" * 100]


@given(st.lists(st.text(min_size=1, max_size=5) | st.just("x" * (CAP + 10)), max_size=6))
def test_nothing_is_lost_or_reordered_and_no_frame_is_over_the_cap(pieces: list[str]) -> None:
    async def run() -> list[str]:
        sent: list[str] = []
        frames = Frames(asyncio.get_running_loop(), sent.append)
        for piece in pieces:
            frames.add(piece)
            await asyncio.sleep(0)
        frames.flush()
        return sent

    sent = asyncio.run(run())
    assert "".join(sent) == "".join(pieces)
    assert all(0 < len(frame) <= CAP for frame in sent)


def test_a_large_frame_goes_early_and_a_small_one_does_not() -> None:
    class Clock(asyncio.SelectorEventLoop):
        """Its time is told."""

        now = 100.0

        def time(self) -> float:
            return self.now

    loop = Clock()
    sent: list[str] = []
    frames = Frames(loop, sent.append)
    frames.add("a")
    loop.now += INTERVAL - SPARED
    frames.add("b" * (LARGE - 1))
    assert sent == ["a"]
    frames.add("b")
    assert sent == ["a", "b" * LARGE]
    frames.add("c" * LARGE)
    assert len(sent) == 2
    loop.now += INTERVAL - SPARED
    frames.add("c")
    assert sent[2:] == ["c" * LARGE + "c"]
    loop.close()
