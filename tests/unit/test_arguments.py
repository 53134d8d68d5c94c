from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeke.routing.arguments import ArgumentError, Words, parse


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Words()),
        ("   ", Words()),
        ("why is this slow?", Words({}, "why is this slow?")),
        ("latency=high why", Words({"latency": "high"}, "why")),
        (
            "  model=qwen:7b   alias=auto  say | % # \"hi\" 'x'",
            Words({"model": "qwen:7b", "alias": "auto"}, "say | % # \"hi\" 'x'"),
        ),
        ("what does x=1 mean", Words({}, "what does x=1 mean")),
        ("-- x=1 what", Words({}, "x=1 what")),
        ("latency=low -- budget=gone", Words({"latency": "low"}, "budget=gone")),
        ("latency=false", Words({"latency": "false"})),
        ("tag.team=core go", Words({"tag.team": "core"}, "go")),
        ("--verbose flag?", Words({}, "--verbose flag?")),
    ],
)
def test_words(line: str, expected: Words) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("latency=fast go", ("latency=fast", "low, medium, high")),
        ("colour=red", ("colour=red", "alias=", "latency=", "--")),
        ("intent=poetry", ("intent=poetry", "tests")),
        ("model= x", ("model=", "name")),
        ("tag.=x", ("tag.=x",)),
        ("log=yes", ("log=yes", "0, 1")),
    ],
)
def test_an_error_names_the_value_and_what_is_accepted(line: str, named: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError) as error:
        parse(line)
    assert all(word in str(error.value) for word in named)
    assert "\n" not in str(error.value)


@given(st.text())
def test_a_prompt_after_two_dashes_is_never_touched(prompt: str) -> None:
    assert parse("-- " + prompt).text == prompt.strip()
