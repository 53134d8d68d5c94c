from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from zeke.intents import INTENTS
from zeke.models import Ask, Scope, Source
from zeke.prompt.messages import build, fence, size

SOURCE = Source(path="lib/a.py", filetype="python", root="/home/someone/secret", project="p")


def ask(instruction: str = "", text: str = "x = 1\n") -> Ask:
    return Ask("id", "tests", instruction, Scope("line", text, 3, 4), SOURCE)


def test_the_selection_is_sent_exactly_with_its_file_and_lines() -> None:
    system, user = build(ask(), INTENTS["tests"])
    assert system.role == "system"
    assert user.content.endswith("Selected lines, lines 3 to 4 of `lib/a.py` (python):\n\n```python\nx = 1\n```")
    assert user.content.startswith(INTENTS["tests"].instruction)


def test_what_the_user_typed_replaces_the_standing_instruction() -> None:
    assert build(ask("only the edges"), INTENTS["tests"])[1].content.startswith("only the edges\n\n")


def test_a_prompt_alone_is_sent_as_it_is() -> None:
    assert build(Ask("id", "code", "hello  there"), INTENTS["code"])[1].content == "hello  there"


def test_no_absolute_path_is_sent() -> None:
    assert "secret" not in "".join(message.content for message in build(ask(), INTENTS["tests"]))


@given(st.text(alphabet="`~\nab ", max_size=40))
def test_no_text_can_close_its_fence(text: str) -> None:
    opening, *body = fence(text, "md").split("\n")
    closing = opening.removesuffix("md")
    assert [line for line in body if re.fullmatch(rf" {{0,3}}`{{{len(closing)},}}\s*", line)] == [body[-1]]


def test_size_is_bytes_of_the_whole_prompt() -> None:
    messages = build(Ask("id", "code", "é"), INTENTS["code"])
    assert size(messages) == len(INTENTS["code"].system.encode()) + 2
