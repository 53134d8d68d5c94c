"""What a gateway echoes: the key that it was sent is taken out of all it tells, but not out of the answer's text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from zeke.exchange.events import Event, Failed, Metadata, Named, Opened

HIDDEN = "***"
SHORTEST = 6
"""Characters. Anything shorter would be found in ordinary words."""


def without(event: Event, secrets: Sequence[str]) -> Event:
    """The event with each secret replaced in headers, names, facts and failures."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            event = _without(event, secret)
    return event


def _without(event: Event, secret: str) -> Event:
    match event:
        case Opened(status, headers):
            return Opened(status, {name: value.replace(secret, HIDDEN) for name, value in headers.items()})
        case Failed(message=message, detail=detail):
            return replace(event, message=message.replace(secret, HIDDEN), detail=detail.replace(secret, HIDDEN))
        case Named(model, provider, response_id, fingerprint):
            names = (model, provider, response_id, fingerprint)
            return Named(*(name and name.replace(secret, HIDDEN) for name in names))
        case Metadata(name, value):
            told, quoted = json.dumps(value), json.dumps(secret)[1:-1]
            return Metadata(name, json.loads(told.replace(quoted, HIDDEN))) if quoted in told else event
    return event
