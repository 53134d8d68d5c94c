"""Addresses as they may be shown: to paste :ZekeInfo into a report must not give a password away."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from zeke.exchange.hostile import clean

_USER = re.compile(r"^([\w+.-]*://)?[^/]*@")


def shown(url: str) -> str:
    """The address without user, password and query, on one line of at most 80 characters."""
    # By its letters alone: what is no address is shown in an error, too.
    return clean(_USER.sub(r"\1", re.split("[?#]", url, maxsplit=1)[0]), 80)


def password(url: str) -> str | None:
    """The password in an address, None when there is none."""
    try:
        return urlsplit(url).password or None
    except ValueError:
        return None
