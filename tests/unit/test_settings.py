from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeke.settings import Settings, SettingsError, load


def test_defaults() -> None:
    settings = load({}, {})
    assert settings.gateway.base == "http://127.0.0.1:8080/v1"
    assert settings.gateway.key is None
    assert settings.fallback.ollama.enabled
    assert settings.fallback.embedded.enabled
    assert settings.database is None


@pytest.mark.parametrize(
    ("options", "environ", "base"),
    [
        ({}, {"OMEN_BASE": "http://o/v1"}, "http://o/v1"),
        ({}, {"OMEN_BASE": "http://o/v1", "ZEKE_API_BASE": "http://z/v1/"}, "http://z/v1"),
        ({"gateway": {"base": "http://s/v1"}}, {"ZEKE_API_BASE": "http://z/v1"}, "http://s/v1"),
        ({"gateway": []}, {"ZEKE_API_BASE": ""}, "http://127.0.0.1:8080/v1"),
    ],
)
def test_setup_wins_over_the_environment(options: dict[str, Any], environ: dict[str, str], base: str) -> None:
    assert load(options, environ).gateway.base == base


def test_the_key_is_never_shown() -> None:
    settings = load({}, {"OMEN_API_KEY": "sk-very-secret"})
    assert settings.secrets == ("sk-very-secret",)
    assert "sk-very-secret" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("fallback", "enabled"),
    [
        (False, (False, False)),
        (True, (True, True)),
        ({"ollama": False}, (False, True)),
        ({"embedded": False}, (True, False)),
        ([], (True, True)),
    ],
)
def test_local_models_can_be_switched_off(fallback: object, enabled: tuple[bool, bool]) -> None:
    found = load({"fallback": fallback}, {}).fallback
    assert (found.ollama.enabled, found.embedded.enabled) == enabled


def test_loopback_is_given_up_on_sooner() -> None:
    assert load({}, {}).gateway.limits().connect == 0.5
    assert load({}, {"ZEKE_API_BASE": "https://gateway.example/v1"}).gateway.limits().connect == 2.0
    assert load({"gateway": {"timeouts": {"connect": 7}}}, {}).gateway.limits().connect == 7


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        ({}, {"ZEKE_API_BASE": "localhost:8080"}, ("ZEKE_API_BASE", "localhost:8080", "http://")),
        ({"gateway": {"base": "ftp://x"}}, {}, ("gateway.base", "ftp://x")),
        ({}, {"ZEKE_API_BASE": "http://h:99999/v1"}, ("port", "99999")),
        ({"gateway": {"timeouts": {"idle": -1}}}, {}, ("gateway.timeouts.idle", "greater than 0")),
        ({"fallback": {"embedded": {"threads": 0}}}, {}, ("fallback.embedded.threads",)),
    ],
)
def test_a_wrong_value_is_named(options: dict[str, Any], environ: dict[str, str], named: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as error:
        load(options, environ)
    assert all(word in str(error.value) for word in named)
    assert "\n" not in str(error.value)


def test_the_database_of_the_environment() -> None:
    settings: Settings = load({}, {"ZEKE_DB": "/some/where.sqlite3"})
    assert settings.database == Path("/some/where.sqlite3")
