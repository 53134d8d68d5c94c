"""What an exchange tells, in order: Opened, then any of the middle ones, then exactly one of Finished and Failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """The response head arrived. Header names are lower-case; values are as sent."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """Content of the answer, exactly as the gateway sent it. Never empty."""

    text: str
    pieces: int = 1
    """How many chunks of the gateway it is: what came in one read is told as one."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought aloud; not part of the answer. Never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """Who the body says it is. A field that was not told is None; told again only when it changed."""

    model: str | None = None
    provider: str | None = None
    response_id: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as reported; `cost_usd` where the gateway names a price."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """A JSON object beside the answer worth keeping: `routing_metadata`, `openrouter_metadata`, `timings`, `usage`."""

    name: str
    value: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finished:
    """The format's own end mark was seen. `reason` is the finish_reason, `stop` if only `[DONE]` came."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange ended without success. `code` is a value of `ErrorCode` or `http_<status>`.

    `message` is one line for the user; `detail` is what the other side said, cleaned and capped.
    """

    code: str
    message: str
    detail: str = ""
    refused_field: str | None = None
    """The field of our request that the gateway named as the reason, if it did."""
    retry_after: float | None = None
    """Seconds after which the gateway wants to be asked again, if it said so."""


Event = Opened | Text | Reasoning | Named | Usage | Metadata | Finished | Failed
