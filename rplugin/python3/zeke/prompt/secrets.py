"""What must not leave by accident: keys, tokens, private keys and environment files.

The rules are those of detect-secrets; the ones that guess by entropy or by words are left out, they cry wolf.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_RULES = (
    ("artifactory", "ArtifactoryDetector"),
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that looks like one; the text itself is not kept. `line` is counted from 1 in what is sent."""

    kind: str
    line: int


@contextlib.contextmanager
def _put_off(name: str) -> Iterator[None]:
    """Modules that are imported in here get a stand-in that imports `name` when something of it is used.

    detect-secrets imports `requests` to ask services whether a key is good. That is never done here, and most of the
    time would go into it.
    """
    if name in sys.modules:
        yield
        return
    stand_in = types.ModuleType(name)
    # The module's own hook for missing attributes (PEP 562).
    stand_in.__dict__["__getattr__"] = lambda attribute: getattr(importlib.import_module(name), attribute)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


@lru_cache(maxsize=1)
def _detectors() -> tuple[Any, ...]:
    # Importing takes time: done while the command is typed, or with the first request.
    with _put_off("requests"):
        return tuple(
            getattr(importlib.import_module(f"detect_secrets.plugins.{name}"), rule)() for name, rule in _RULES
        )


def warm() -> None:
    """Load the rules."""
    _detectors()


def scan(text: str, paths: Iterable[str] = ()) -> tuple[Secret, ...]:
    """What looks like a secret in a text, and environment files among the paths it came from."""
    found = {
        Secret(str(detector.secret_type), text.count("\n", 0, max(text.find(match), 0)) + 1)
        for detector in _detectors()
        for match in detector.analyze_string(text)
    }
    for path in paths:
        name = path.rpartition("/")[2]
        if name == ".env" or name.startswith(".env."):
            found.add(Secret(f"environment file {name}", 1))
    return tuple(sorted(found, key=lambda secret: (secret.line, secret.kind)))
