from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeke.exchange.events import Reasoning, Text
from zeke.exchange.thinking import Thinking


def split(pieces: Iterable[str]) -> tuple[str, str]:
    """Reasoning and text."""
    thinking = Thinking()
    events = [event for piece in pieces for event in thinking.feed(Text(piece))] + list(thinking.close())
    thought = "".join(event.text for event in events if isinstance(event, Reasoning))
    return thought, "".join(event.text for event in events if isinstance(event, Text))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("plain", ("", "plain")),
        ("<think>hm</think>\n\nyes", ("hm", "yes")),
        ("\n<think>a < b </thin k></think>yes <think> stays", ("a < b </thin k>", "yes <think> stays")),
        ("<thinking>no", ("", "<thinking>no")),
        ("<think>never closed", ("never closed", "")),
        ("<thi", ("", "<thi")),
        ("  text", ("", "  text")),
        ("<think></think>x", ("", "x")),
    ],
)
def test_the_tag_at_the_beginning_and_only_there(content: str, expected: tuple[str, str]) -> None:
    assert split([content]) == expected
    assert split(content) == expected


def test_the_first_text_is_not_held_back() -> None:
    thinking = Thinking()
    assert list(thinking.feed(Text("d"))) == [Text("d")]
    assert list(thinking.feed(Text("<think>"))) == [Text("<think>")]


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "a", "\n", "</th", "ink>", " "]), max_size=12), st.data())
def test_any_cut_gives_the_same_parts(parts: list[str], data: st.DataObject) -> None:
    content = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert split(pieces) == split([content])
