"""Settings: the options of `setup{}` over the environment over the defaults, in one schema."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from zeke.exchange.address import password, shown
from zeke.models import Timeouts
from zeke.routing.aliases import Alias

_CREDENTIALS = ("auth", "key", "token", "secret", "cookie")
"""What the name of a header that carries a credential has in it."""
DEFAULT_BASE = "http://127.0.0.1:8080/v1"


class SettingsError(ValueError):
    """A setting cannot be used. The text is one sentence that names it and what is accepted."""


def _table(value: Any) -> Any:
    # An empty Lua table arrives as an empty list.
    return {} if value == [] else value


def _group(name: str, value: Any) -> dict[str, Any]:
    """A copy of a group of options.

    Raises:
        SettingsError: it is none.
    """
    value = _table(value)
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name}: accepted is a table of options")
    return dict(value)


def _list(value: Any) -> Any:
    return () if value == {} else value


def _part(value: Any) -> Any:
    """`false` switches a local model off, `true` and nothing keep its defaults."""
    if value is False:
        return {"enabled": False}
    return {} if value is True or value == [] else value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TimeoutOptions(_Frozen):
    """Seconds; `connect` is 0.5 on loopback and 2 elsewhere unless it is set."""

    connect: Annotated[float, Field(gt=0)] | None = None
    first_byte: Annotated[float, Field(gt=0)] = 120.0
    idle: Annotated[float, Field(gt=0)] = 60.0


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (name and name.isascii() and value.isascii() and (name + value).isprintable() and " " not in name):
            raise ValueError(f"the header {name!r} cannot be sent: use printable ASCII characters")
    return headers


Headers = Annotated[dict[str, str], BeforeValidator(_table), AfterValidator(_sendable)]


class Gateway(_Frozen):
    """Where requests go, and in what form they carry their hints."""

    base: str = DEFAULT_BASE
    key: SecretStr | None = None
    key_cmd: Annotated[tuple[str, ...], BeforeValidator(_list)] = ()
    """Program and arguments that print the key; no shell is involved."""
    headers: Headers = Field(default_factory=dict)
    hints: Literal["auto", "tags", "litellm", "none"] = "auto"
    timeouts: Annotated[TimeoutOptions, BeforeValidator(_table)] = TimeoutOptions()

    @field_validator("base")
    @classmethod
    def _is_url(cls, value: str) -> str:
        from urllib.parse import urlsplit

        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"it is {shown(value)}: give a URL like {DEFAULT_BASE}")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError(f"the port in {shown(value)} is not a number from 1 to 65535") from None
        return value.rstrip("/")

    def limits(self) -> Timeouts:
        """The timeouts of a request; on loopback a listener accepts at once or not at all."""
        from urllib.parse import urlsplit

        given = self.timeouts
        loopback = urlsplit(self.base).hostname in ("localhost", "127.0.0.1", "::1")
        connect = given.connect or (0.5 if loopback else 2.0)
        return Timeouts(connect=connect, first_byte=given.first_byte, idle=given.idle)


class Ollama(_Frozen):
    """The Ollama server that answers when the gateway does not."""

    enabled: bool = True
    host: str | None = None
    model: str | None = None


class Embedded(_Frozen):
    """The model inside Zeke's own environment, the last resort."""

    enabled: bool = True
    model_path: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 512


class Fallback(_Frozen):
    """Local models, in the order they are asked."""

    ollama: Annotated[Ollama, BeforeValidator(_part)] = Ollama()
    embedded: Annotated[Embedded, BeforeValidator(_part)] = Embedded()


class AliasOptions(_Frozen):
    """One alias as the user writes it; a tag set to `false` is left out of requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    extends: str | None = None
    model: str | None = None
    provider: str | None = None
    strategy: str | None = None
    tags: Annotated[dict[str, str | Literal[False]], BeforeValidator(_table)] = Field(default_factory=dict)
    parameters: Annotated[dict[str, Any], BeforeValidator(_table)] = Field(default_factory=dict)
    headers: Headers = Field(default_factory=dict)

    def alias(self) -> Alias:
        """As the resolver takes it."""
        return Alias(
            model=self.model,
            provider=self.provider,
            tags={key: value or None for key, value in self.tags.items()},
            parameters=self.parameters,
            headers=self.headers,
            strategy=self.strategy,
            extends=self.extends,
        )


class Budget(_Frozen):
    """The monthly limit of projects that set none, in cents, and what happens when it is reached."""

    month_cents: Annotated[int, Field(ge=0, le=10**9)] = 200
    warn_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    on_exceeded: Literal["ask", "local", "refuse", "warn"] = "ask"


class LogOptions(_Frozen):
    """Whether prompts and answers are kept for :ZekeHistory, for how many days and megabytes (0: without a limit)."""

    text: bool = True
    retention_days: Annotated[int, Field(ge=0, le=36500)] = 90
    max_mb: Annotated[int, Field(ge=0, le=10**6)] = 500


class Settings(_Frozen):
    """All of it. The key shows as stars in any `repr`."""

    gateway: Annotated[Gateway, BeforeValidator(_table)] = Gateway()
    fallback: Annotated[Fallback, BeforeValidator(_table)] = Fallback()
    aliases: Annotated[dict[str, AliasOptions], BeforeValidator(_table)] = Field(default_factory=dict)
    budget: Annotated[Budget, BeforeValidator(_table)] = Budget()
    database: Path | None = None
    log: Annotated[LogOptions, BeforeValidator(_table)] = LogOptions()
    notices: bool = True
    """A line a day at most about what changed."""
    journal: Path | None = None
    log_level: str = "warning"
    ca_bundle: str | None = None

    def own_aliases(self) -> dict[str, Alias]:
        """The user's and the project's aliases, as the resolver takes them."""
        return {name: options.alias() for name, options in self.aliases.items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be written anywhere: key, password, and headers that carry a credential."""
        gateway = self.gateway
        headers = [
            *gateway.headers.items(),
            *(pair for alias in self.aliases.values() for pair in alias.headers.items()),
        ]
        found = [value for name, value in headers if any(word in name.lower() for word in _CREDENTIALS)]
        found += [gateway.key.get_secret_value()] if gateway.key else []
        found += [secret] if (secret := password(gateway.base)) else []
        return tuple(text for text in found if text)


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


PROJECT_FILE = ".zeke.toml"
_PROJECT_KEYS = ("aliases", "budget", "fallback", "gateway", "log")


def with_project(options: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`setup`'s options over those of a project's file.

    Raises:
        SettingsError: the file cannot be read as TOML, or names an option that a project has not.
    """
    if not text:
        return dict(options)
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{PROJECT_FILE}: {error}") from None
    except RecursionError:
        raise SettingsError(f"{PROJECT_FILE}: it is nested too deeply") from None
    for key in parsed:
        if key not in _PROJECT_KEYS:
            raise SettingsError(f"{PROJECT_FILE}: unknown option `{key}`: accepted are {', '.join(_PROJECT_KEYS)}")
    return _over(options, parsed)


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _over(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return {key: value for key, value in merged.items() if value is not None}


_ENVIRONMENT_NAMES = {"gateway.base": "ZEKE_API_BASE", "database": "ZEKE_DB", "log_level": "ZEKE_LOG_LEVEL"}


def load(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from `setup`'s options and the environment.

    Raises:
        SettingsError: a value cannot be used; it is named with what is accepted.
    """
    merged: dict[str, Any] = {key: value for key, value in dict(options).items() if value is not None}
    gateway = _group("gateway", merged.get("gateway", {}))
    given = {"gateway.base": bool(gateway.get("base"))}
    gateway.setdefault("base", _first(environ, "ZEKE_API_BASE", "OMEN_BASE") or DEFAULT_BASE)
    if key := gateway.get("key") or _first(environ, "ZEKE_API_KEY", "OMEN_API_KEY"):
        gateway["key"] = key
    merged["gateway"] = gateway
    if merged.get("fallback") is False:
        merged["fallback"] = {"ollama": False, "embedded": False}
    elif merged.get("fallback") is True:
        merged["fallback"] = {}
    fallback = _group("fallback", merged.get("fallback", {}))
    ollama = _group("fallback.ollama", _part(fallback.get("ollama", {})))
    if not ollama.get("host") and environ.get("OLLAMA_HOST"):
        ollama["host"] = environ["OLLAMA_HOST"]
    merged["fallback"] = {**fallback, "ollama": ollama}
    merged.setdefault("database", environ.get("ZEKE_DB") or None)
    merged.setdefault("log_level", environ.get("ZEKE_LOG_LEVEL") or "warning")
    merged.setdefault("ca_bundle", environ.get("ZEKE_CA_BUNDLE") or None)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        shown = name if given.get(name, True) else _ENVIRONMENT_NAMES.get(name, name)
        text = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"{shown}: {text}") from None
