"""`:ZekePreview`: exactly what would be sent, and where each value came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from zeke.report.figures import cents, table
from zeke.routing.budget import Standing

BYTES_PER_TOKEN = 4
"""A rule of thumb for the estimate; the gateway counts for itself."""


def lines(
    url: str,
    body: Mapping[str, object],
    headers: Sequence[str],
    origin: Mapping[str, tuple[str, str]],
    *,
    size: int,
    price_in: float | None,
    standing: Standing,
) -> list[str]:
    """The request without its key. `size` is the prompt in bytes, `price_in` USD per token in, None when unknown."""
    tokens = -(-size // BYTES_PER_TOKEN)
    cost = "unknown" if price_in is None else f"{cents(tokens * price_in * 100, 'computed')} for the prompt"
    return [
        f"# POST {url}",
        "",
        f"Nothing was sent. {size} bytes of prompt, ~{tokens} tokens, cost {cost}; {standing.figures()}.",
        f"Headers beside the usual ones: {', '.join(headers) or 'none'}.",
        "",
        "## where each value comes from",
        *table([(key, value, f"({source})") for key, (value, source) in origin.items()]),
        "",
        "## body",
        "```json",
        *json.dumps(body, indent=2, ensure_ascii=False).split("\n"),
        "```",
    ]
