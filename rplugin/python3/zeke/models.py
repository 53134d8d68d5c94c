"""The values that travel between the stages. Frozen, without behaviour, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

CostSource = Literal["reported", "computed", "local"]
ScopeKind = Literal["none", "char", "line", "block", "function", "buffer", "diff"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of a buffer that a request is about, exactly as it is sent."""

    kind: ScopeKind = "none"
    text: str = ""
    first: int = 0
    """First line, counted from 1; 0 when there is no scope."""
    last: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """The buffer and project that a request was made from."""

    bufnr: int = 0
    path: str = ""
    """Relative to the project's root; empty for a buffer without a name."""
    filetype: str = ""
    root: str = ""
    project: str = ""
    file: str = ""
    """Text of the project's trusted `.zeke.toml`; empty without one."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Context that the prompt names: a file, the changes, diagnostics."""

    title: str
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, as the user made it."""

    request_id: str
    """uuid4 text, made in the editor; names the answer there and the rows in the cache."""
    intent: str
    instruction: str
    scope: Scope = Scope()
    source: Source = Source()
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The `key=value` words of the command line."""
    override: bool = False
    """The command's `!`."""
    notes: tuple[str, ...] = ()
    """Lines about the scope: its diagnostics."""
    attachments: tuple[Attachment, ...] = ()
    guidance: str = ""
    """The project's own instructions, from a file that the user trusts."""
    history: tuple[Turn, ...] = ()
    """The earlier turns of the conversation, oldest first."""
    replay_of: str = ""
    """The request that this one asks once more."""
    target: str = ""
    """The alias or model that a comparison asks; empty otherwise."""
    definition: Mapping[str, object] | None = None
    """The intent, if it is one of the user's own."""
    can_ask: bool = False
    """Whether somebody sits in front of the editor."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A request and its answer."""

    ask: Ask
    answer: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds. There is none on the whole answer: a stream that still speaks goes on."""

    connect: float = 2.0
    first_byte: float = 120.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True)
class Route:
    """What is sent, and for each key where its value came from."""

    alias: str
    model: str
    tags: Mapping[str, str]
    parameters: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    omen: Mapping[str, object] | None = None
    timeouts: Timeouts = Timeouts()
    allowed: tuple[str, ...] = ()
    """Providers that may answer, lower case; empty when any may. It is verified by what the answer names."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Key (`model`, `tags.latency`, …) to its source in words (`alias code-fast`, `command line`)."""


class ErrorCode(str, Enum):
    """Why an attempt did not succeed. `http_<status>` codes are made by `http_code`."""

    IN_FLIGHT = "in_flight"
    CANCELLED = "cancelled"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    UPSTREAM_ERROR = "upstream_error"
    CONTENT_FILTER = "content_filter"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_BYTE = "timeout_first_byte"
    TIMEOUT_IDLE = "timeout_idle"
    CONNECT = "connect"
    BUDGET_EXCEEDED = "budget_exceeded"
    BAD_RESPONSE = "bad_response"


def http_code(status: int) -> str:
    """The error code of an HTTP status: `http_401`."""
    return f"http_{status}"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answered and why, as far as the gateway said. Unknown is None, never a guess."""

    model: str | None = None
    provider: str | None = None
    gateway: str | None = None
    """The dialect that was recognised: `omen`, `litellm`, `openrouter`, `llama.cpp`, `ollama`, …"""
    response_id: str | None = None
    reason: str | None = None
    candidates: tuple[str, ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_cents: float | None = None
    cost_source: CostSource | None = None
    """Who says so; None when the cost is unknown."""
    fallbacks: int | None = None
    """How often the gateway itself fell back, if it said so."""
