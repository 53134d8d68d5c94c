"""The gateway's key: configured, printed by a command, or kept in the operating system's keyring."""

from __future__ import annotations

import importlib.util
import sys
from urllib.parse import urlsplit

from zeke.exchange import pipes
from zeke.exchange.hostile import clean
from zeke.settings import Gateway

SECONDS = 30.0
"""A password manager may ask its user first."""
SERVICE = "zeke"


class KeyUnavailable(ValueError):
    """The key cannot be had. The text is one sentence with the next step."""


class Keys:
    """Asks once per gateway and remembers it in memory only."""

    def __init__(self) -> None:
        """Begin without any key."""
        self._known: dict[tuple[object, ...], str | None] = {}

    async def of(self, gateway: Gateway) -> str | None:
        """The key, None when there is none.

        Raises:
            KeyUnavailable: the configured command does not print one.
        """
        if gateway.key is not None:
            return gateway.key.get_secret_value() or None
        name = (gateway.base, gateway.key_cmd)
        if name not in self._known:
            self._known[name] = await (_printed(gateway.key_cmd) if gateway.key_cmd else _kept(gateway.base))
        return self._known[name]

    def forget(self) -> None:
        """Ask again: the key was refused or the options changed."""
        self._known.clear()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every key known, for the log's redaction."""
        return tuple(key for key in self._known.values() if key)


async def _printed(argv: tuple[str, ...]) -> str:
    shown = clean(" ".join(argv), 60)
    try:
        code, said = await pipes.output(argv, SECONDS)
    except OSError as error:
        why = "took too long" if isinstance(error, TimeoutError) else f"cannot be run ({error.strerror})"
        raise KeyUnavailable(f"gateway.key_cmd `{shown}` {why}: correct it, or set ZEKE_API_KEY") from None
    key = said.decode("utf-8", "replace").partition("\n")[0].strip()
    if code or not key:
        why = f"ended with code {code}" if code else "printed nothing"
        raise KeyUnavailable(f"gateway.key_cmd `{shown}` {why}: correct it, or set ZEKE_API_KEY")
    if not (key.isascii() and key.isprintable()):
        raise KeyUnavailable(f"gateway.key_cmd `{shown}` printed something that is no key: correct it")
    return key


async def _kept(base: str) -> str | None:
    """From the keyring package, if it is installed: `keyring set zeke <host>` stores a key."""
    if importlib.util.find_spec("keyring") is None:
        return None
    try:
        # In a process of its own: a locked keyring asks its user and would hold up every answer.
        code, said = await pipes.output(
            [sys.executable, "-m", "keyring", "get", SERVICE, urlsplit(base).netloc], SECONDS
        )
    except OSError:
        return None
    key = said.decode("utf-8", "replace").strip()
    return key if code == 0 and key else None
