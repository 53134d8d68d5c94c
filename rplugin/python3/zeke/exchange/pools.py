"""Which connections a request takes: straight or through a proxy of the environment, encrypted or not."""

from __future__ import annotations

import base64
import ipaddress
import os
import ssl
import sys
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import httpcore

from zeke.exchange.connection import Connection
from zeke.exchange.network import Backend

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEPT = 8
"""Idle connections at most."""
KEPT_SECONDS = 60.0
_PATH = "/%:@!$&'()*+,;=~-._"
_QUERY = _PATH + "?"
_PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """A URL cannot be used; the text says why."""


def context(*, tls: bool, ca_bundle: str | None) -> ssl.SSLContext:
    """Whom to trust. Loading certificates takes 50 ms, so it is done only for `tls`.

    Raises:
        ValueError: the bundle of `ZEKE_CA_BUNDLE` cannot be read; one sentence.
    """
    if not tls:
        # Without certificates a context trusts nobody, so plain http pays nothing and https cannot slip through.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not ca_bundle:
        if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
            return ssl.create_default_context()
        import certifi

        ca_bundle = certifi.where()
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ZEKE_CA_BUNDLE is {ca_bundle}, which cannot be read as PEM certificates: {error}") from None


def address(url: str) -> tuple[httpcore.URL, dict[str, str]]:
    """The URL as it is sent, and the header that its user and password are.

    Raises:
        BadAddress: it is none.
    """
    parts = urlsplit(url)
    try:
        host, port = (parts.hostname or "").encode("idna"), parts.port
    except UnicodeError:
        raise BadAddress(f"{parts.hostname} is no host name") from None
    target = quote(parts.path or "/", safe=_PATH) + (f"?{quote(parts.query, safe=_QUERY)}" if parts.query else "")
    headers = {}
    if parts.username or parts.password:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target), headers


def _set_by_system() -> Mapping[str, str]:
    # urllib.request costs 20 ms, and nearly nobody has a proxy.
    if sys.platform not in ("win32", "darwin") and not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    from urllib.request import getproxies

    return getproxies()


def _is_exempt(host: str, port: int, listed: str) -> bool:
    """Whether NO_PROXY names the host: itself, a domain above it, a network of addresses, or `*`."""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        number = None
    for entry in (part.strip().lower() for part in listed.split(",")):
        if entry == "*" or entry in (host, f"{host}:{port}", f"[{host}]:{port}", f"[{host}]"):
            return True
        if entry and number is None and f".{host}".endswith(f".{entry.lstrip('*.')}"):
            return True
        if number is not None and "/" in entry:
            try:
                network = ipaddress.ip_network(entry, strict=False)
            except ValueError:
                continue
            if number in network:
                return True
    return False


def proxy_of(scheme: str, host: str, port: int | None) -> str | None:
    """The proxy on the way there, from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY or the system's settings.

    A proxy never gets what stays on this machine.
    """
    if host in LOOPBACK:
        return None
    known = _set_by_system()
    found = known.get(scheme) or known.get("all")
    if not found or _is_exempt(host, port or _PORTS.get(scheme, 0), known.get("no", "")):
        return None
    return found if "://" in found else f"http://{found}"


class _Straight(httpcore.AsyncConnectionPool):
    """Connections of our own, without a proxy."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        super().__init__(max_connections=None, max_keepalive_connections=KEPT)
        self._trusted = trusted
        self._backend = Backend()

    def create_connection(self, origin: httpcore.Origin) -> Connection:
        return Connection(origin, self._trusted, self._backend, KEPT_SECONDS)


class Pools:
    """One pool of connections for each way out, for the life of the host."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        """`trusted` is the TLS context of every connection."""
        # What h11 speaks; httpcore says so for its own connections alone.
        trusted.set_alpn_protocols(["http/1.1"])
        self._trusted = trusted
        self._by_proxy: dict[str | None, httpcore.AsyncConnectionPool] = {}

    def of(self, url: httpcore.URL) -> httpcore.AsyncConnectionPool:
        """The pool for a URL.

        Raises:
            BadAddress: the proxy's address cannot be used.
        """
        proxy = proxy_of(url.scheme.decode(), url.host.decode().lower(), url.port)
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = self._make(proxy)
        return self._by_proxy[proxy]

    def warm(self, url: httpcore.URL) -> None:
        """Make the pool, and load what its locks need; called inside a task."""
        import anyio

        self.of(url)
        anyio.Lock()

    def _make(self, proxy: str | None) -> httpcore.AsyncConnectionPool:
        if proxy is None:
            return _Straight(self._trusted)
        parts = urlsplit(proxy)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BadAddress(f"a proxy of the kind {parts.scheme}:// cannot be used")
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
        return httpcore.AsyncHTTPProxy(
            httpcore.URL(scheme=parts.scheme, host=parts.hostname, port=parts.port, target="/"),
            proxy_auth=(login[0].encode(), login[1].encode()) if any(login) else None,
            ssl_context=self._trusted,
            proxy_ssl_context=self._trusted if parts.scheme == "https" else None,
            max_connections=None,
            max_keepalive_connections=KEPT,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=Backend(),
        )

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._by_proxy.values():
            await pool.aclose()
