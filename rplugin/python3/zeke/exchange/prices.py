"""Prices from a gateway's own list of models, asked for once per session and never polled.

Sources: OMEN `GET /v1/models` (`pricing.input_per_1k`, USD per 1000 tokens), OpenRouter's (`pricing.prompt`, USD per
token).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeke.exchange.hostile import clean

if TYPE_CHECKING:
    from zeke.exchange.client import Client


NAME = 200
"""Characters of a model's name."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token."""

    tokens_in: float
    tokens_out: float

    def cents(self, tokens_in: int, tokens_out: int) -> float:
        """Cost of an answer in cents."""
        return round((tokens_in * self.tokens_in + tokens_out * self.tokens_out) * 100, 6)


def _usd(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # anything may stand there
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 1000 else None


def _price(pricing: Mapping[str, Any]) -> Price | None:
    for names, per in ((("input_per_1k", "output_per_1k"), 1000.0), (("prompt", "completion"), 1.0)):
        first, second = _usd(pricing.get(names[0])), _usd(pricing.get(names[1]))
        if first is not None and second is not None:
            return Price(first / per, second / per)
    return None


def read(listed: object) -> dict[str, Price]:
    """Prices by model from the body of `/v1/models`; what cannot be read is left out."""
    found: dict[str, Price] = {}
    for entry in _entries(listed):
        price = _price(entry["pricing"]) if isinstance(entry.get("pricing"), dict) else None
        if price is not None:
            found[entry["id"]] = price
    return found


def _entries(listed: object) -> list[dict[str, Any]]:
    entries = listed.get("data") if isinstance(listed, dict) else None
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _names(listed: object) -> tuple[str, ...]:
    """Names that can be shown as they are; what hides control characters in one is no model that anybody wants."""
    return tuple(entry["id"] for entry in _entries(listed) if entry["id"] == clean(entry["id"], NAME))


class Prices:
    """What the gateways of this session ask for their models."""

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[str, dict[str, Price]] = {}

    def of(self, base: str, model: str | None) -> Price | None:
        """The price of a model as far as it is known."""
        return self._known.get(base, {}).get(model or "")

    def is_known(self, base: str) -> bool:
        """Whether this gateway was asked."""
        return base in self._known

    async def models(self, client: Client, base: str, key: str | None) -> tuple[str, ...]:
        """The models that the gateway lists now, because the user wants to see them."""
        listed = await client.get_json(f"{base}/models", seconds=10.0, key=key)
        self._known.setdefault(base, {}).update(read(listed))
        return _names(listed)

    async def learn(self, client: Client, base: str, key: str | None) -> None:
        """Ask the gateway, once; what it does not tell stays unknown for the session."""
        if base not in self._known:
            self._known[base] = {}
            self._known[base] = read(await client.get_json(f"{base}/models", seconds=10.0, key=key))
