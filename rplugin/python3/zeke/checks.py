"""What `:checkhealth zeke` asks of Python: gateway, cache, local models, proxies. Run in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Mapping
from typing import Any

from zeke.cache import migrations
from zeke.cache.database import default_path
from zeke.exchange.address import shown
from zeke.exchange.client import Client
from zeke.exchange.keys import Keys, KeyUnavailable
from zeke.exchange.local import ollama
from zeke.exchange.local.embedded import EmbeddedModel, EmbeddedOptions
from zeke.settings import Settings, SettingsError, load

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def _say(level: str, text: str, advice: str | None = None) -> None:
    print(json.dumps({"level": level, "text": text, "advice": advice} if advice else {"level": level, "text": text}))


def _section(name: str) -> None:
    print(json.dumps({"section": name}))


async def _gateway(settings: Settings) -> None:
    _section("gateway")
    base, address = settings.gateway.base, shown(settings.gateway.base)
    try:
        key = await Keys().of(settings.gateway)
    except KeyUnavailable as error:
        _say("error", str(error))
        key = None
    client = Client(tls=base.startswith("https:"), ca_bundle=settings.ca_bundle)
    try:
        listed = await client.get_json(f"{base}/models", seconds=10.0, key=key)
    finally:
        await client.close()
    about = f"{address} ({'with a key' if key else 'no key'})"
    if isinstance(listed, dict) and isinstance(listed.get("data"), list):
        _say("ok", f"{about} lists {len(listed['data'])} models")
    else:
        _say(
            "warn",
            f"{about} lists no models",
            "start it, or set ZEKE_API_BASE and ZEKE_API_KEY; some gateways have no such list and still answer",
        )
    for name in PROXIES:
        if value := os.environ.get(name) or os.environ.get(name.lower()):
            _say("info", f"{name} is {value.rpartition('@')[2]}; loopback never goes through it")


def _cache(settings: Settings) -> None:
    _section("cache")
    path = settings.database or default_path()
    if not path.exists():
        _say("info", f"{path} is made with the first request")
        return
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        _say("warn", f"others may read {path}", f"chmod 600 {path}")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            intact = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            count = connection.execute("SELECT COUNT(*) FROM routing_stats").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        _say("error", f"{path}: {error}", "move the file aside, or point ZEKE_DB elsewhere")
        return
    _say("ok", f"{path}: version {version} of {migrations.known()[-1][0]}, journal {mode}, {count} attempts")
    if intact != "ok":
        _say("error", f"{path} is damaged: {intact}", "move the file aside; a new one is begun")


async def _local(settings: Settings) -> None:
    _section("local models")
    if settings.fallback.ollama.enabled:
        try:
            base = ollama.base_url(settings.fallback.ollama.host)
        except ValueError as error:
            _say("error", str(error))
        else:
            client = Client(tls=base.startswith("https:"))
            try:
                models = await ollama.installed(client, base)
            finally:
                await client.close()
            if models is None:
                _say("info", f"no Ollama answers at {base}")
            else:
                chosen = ollama.choose_model(models, preferred=settings.fallback.ollama.model, last_used=None)
                _say("ok", f"Ollama at {base}: {len(models)} models, {chosen or 'none'} would answer")
    if settings.fallback.embedded.enabled:
        options = EmbeddedOptions(model_path=settings.fallback.embedded.model_path)
        problem = EmbeddedModel(options).available()
        if problem:
            _say("info", f"no embedded model: {problem}")
        else:
            _say("ok", "the embedded model can be started")


async def _run(options: Mapping[str, Any]) -> None:
    try:
        settings = load(options, os.environ)
    except SettingsError as error:
        _section("options")
        _say("error", str(error))
        return
    await _gateway(settings)
    _cache(settings)
    await _local(settings)


def main(options: str) -> None:
    """Print one JSON object a line for the editor; `options` are `setup`'s as JSON."""
    asyncio.run(_run(json.loads(options)))
