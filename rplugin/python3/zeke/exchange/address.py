"""Addresses as they may be shown: to paste :ZekeInfo into a report must not give a password away."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from zeke.exchange.hostile import clean


def shown(url: str) -> str:
    """The address without user, password and query, on one line of at most 80 characters."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    host = f"[{host}]" if ":" in host else host
    return clean(urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, "", "")), 80)


def password(url: str) -> str | None:
    """The password in an address, None when there is none."""
    try:
        return urlsplit(url).password or None
    except ValueError:
        return None
