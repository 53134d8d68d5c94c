from __future__ import annotations

import pytest

from zeke.intents import INTENTS
from zeke.models import Ask, Route, Source
from zeke.routing.aliases import Alias, AliasError
from zeke.routing.resolve import Preferences, resolve
from zeke.routing.tags import size_hint

OWN = {
    "mine": Alias(
        extends="code-smart", model="m-9", tags={"latency": None, "team": "core"}, parameters={"temperature": 0}
    ),
    "more": Alias(extends="mine", headers={"X-Team": "core"}, tags={"budget": "frugal"}),
    "auto": Alias(extends="auto", tags={"budget": "standard"}),
    "a": Alias(extends="b"),
    "b": Alias(extends="a"),
    "self": Alias(extends="self"),
    "lost": Alias(extends="nowhere"),
}


def route(arguments: dict[str, str] | None = None, preferences: Preferences | None = None, own: bool = True) -> Route:
    ask = Ask("id", "tests", "do it", source=Source(project="grim"), arguments=arguments or {})
    return resolve(ask, INTENTS["tests"], prompt_bytes=600, own=OWN if own else {}, preferences=preferences)


def test_the_five_keys_are_there_and_all_are_strings() -> None:
    plain = route(own=False)
    assert plain.tags == {
        "intent": "tests",
        "project": "grim",
        "latency": "low",
        "budget": "frugal",
        "size_hint": "small",
    }
    assert (plain.alias, plain.model, plain.omen) == ("auto", "auto", None)
    assert all(isinstance(value, str) for value in route({"alias": "more"}).tags.values())


@pytest.mark.parametrize(
    ("arguments", "preferences", "model", "tags"),
    [
        ({"alias": "code-plus"}, None, "auto", {"latency": "medium", "budget": "standard"}),
        ({"alias": "mine"}, None, "m-9", {"budget": "premium", "team": "core"}),
        ({"alias": "more"}, None, "m-9", {"budget": "frugal", "team": "core"}),
        ({"alias": "auto"}, None, "auto", {"latency": "low", "budget": "standard"}),
        ({"alias": "mine", "model": "x"}, None, "x", {"team": "core"}),
        ({"latency": "high"}, None, "auto", {"latency": "high"}),
        ({"tag.team": "web", "alias": "mine"}, None, "m-9", {"team": "web"}),
        ({}, Preferences(alias="mine"), "m-9", {"team": "core"}),
        ({}, Preferences(model="pinned"), "pinned", {}),
        ({"model": "x"}, Preferences(model="pinned"), "x", {}),
        ({"alias": "code-fast"}, Preferences(alias="mine", model="pinned"), "auto", {}),
    ],
)
def test_the_last_one_wins(
    arguments: dict[str, str], preferences: Preferences | None, model: str, tags: dict[str, str]
) -> None:
    found = route(arguments, preferences)
    assert found.model == model
    assert found.tags.items() >= tags.items()


def test_false_leaves_a_tag_out() -> None:
    assert "latency" not in route({"latency": "false"}).tags
    assert "latency" not in route({"alias": "mine"}).tags


def test_the_intent_of_the_command_line_wins() -> None:
    assert route({"intent": "review"}).tags["intent"] == "review"


def test_a_provider_is_pinned_with_a_single_strategy() -> None:
    assert route({"provider": "anthropic"}).omen == {"strategy": "single", "providers": ["anthropic"]}
    assert route({"alias": "local"}).omen == {"strategy": "single", "providers": ["ollama", "llama.cpp"]}


def test_every_value_says_where_it_came_from() -> None:
    origin = route({"alias": "more", "model": "x"}).origin
    assert origin["model"] == "command line"
    assert origin["alias"] == "command line"
    assert origin["tags.team"] == "alias mine"
    assert origin["tags.budget"] == "alias more"
    assert origin["tags.project"] == "project"
    assert "600 bytes" in origin["tags.size_hint"]


@pytest.mark.parametrize(
    ("alias", "named"),
    [
        ("nope", ("nope", "code-fast", "mine")),
        ("lost", ("nowhere", "lost")),
        ("a", ("a → b → a",)),
        ("self", ("self → self",)),
    ],
)
def test_an_alias_that_cannot_be_used_is_named(alias: str, named: tuple[str, ...]) -> None:
    with pytest.raises(AliasError) as error:
        route({"alias": alias})
    assert all(word in str(error.value) for word in named)


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        (0, "tiny"),
        (511, "tiny"),
        (512, "small"),
        (4095, "small"),
        (4096, "medium"),
        (32767, "medium"),
        (32768, "large"),
    ],
)
def test_size_hint(size: int, hint: str) -> None:
    assert size_hint(size) == hint
