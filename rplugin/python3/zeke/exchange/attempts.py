"""The attempts of one request: the gateway, once more without a refused field or after a wait, then local models.

A local model is asked only while nothing was shown, and only for causes that another model can mend.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from zeke.exchange import errors
from zeke.exchange.client import Client, Request, Rest, at_once
from zeke.exchange.events import Event, Failed, Finished, Opened, Text
from zeke.exchange.local import ollama
from zeke.exchange.local.embedded import EmbeddedModel, LocalUnavailable
from zeke.exchange.redact import without
from zeke.models import Message, Route
from zeke.settings import Settings

RETRIES = 2
LONGEST_WAIT = 30.0
"""Seconds. A gateway that wants a longer wait gets none: the user is told instead."""

Kind = Literal["gateway", "ollama", "embedded"]


@dataclass(frozen=True, slots=True)
class Attempting:
    """An exchange is about to begin: the row is written now."""

    number: int
    kind: Kind
    base_url: str
    model: str
    because: Failed | None = None
    """Why the gateway's answer is not used; set when a local model is asked instead."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something takes its time before the next attempt; `status` is for the winbar."""

    status: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The gateway answers again after a local model had to."""


Step = Attempting | Waiting | Recovered | Event


def _tag_header(tags: Mapping[str, str]) -> str:
    """`intent:tests,project:grim`, in the characters that a header may have."""
    pairs = (f"{name}:{value}".replace(",", " ") for name, value in tags.items())
    text = ",".join(pairs).encode("ascii", "replace").decode("ascii")
    return "".join(character if character.isprintable() else " " for character in text)


@dataclass
class Learned:
    """What this session learned of its gateways. Outlives a change of options."""

    refused: dict[str, set[str]] = field(default_factory=dict)
    """Fields that a base URL does not take."""
    litellm: set[str] = field(default_factory=set)
    """Base URLs that turned out to be LiteLLM."""
    is_degraded: bool = False
    """A local model answered last."""
    last_local: str | None = None


class Attempts:
    """Knows the targets of this editor and what each gateway refused so far."""

    def __init__(
        self, client: Client, settings: Settings, embedded: EmbeddedModel, learned: Learned | None = None
    ) -> None:
        """`embedded` is shared by all requests and started when it is first needed."""
        self._client = client
        self._settings = settings
        self._embedded = embedded
        self.learned = learned or Learned()

    async def run(
        self,
        request_id: str,
        route: Route,
        messages: Sequence[Message],
        *,
        key: str | None = None,
        blocked: Failed | None = None,
        go_local: bool = False,
        rest: Rest = at_once,
    ) -> AsyncIterator[Step]:
        """Yield each attempt's start and events. Each ends with `Finished` or `Failed`; the last one counts.

        `rest` is the client's. `blocked` stands for an attempt that must not leave; `go_local` says that a local
        model is asked instead.
        """
        if blocked is not None:
            yield Attempting(1, "gateway", self._settings.gateway.base, route.model)
            yield blocked
            if go_local:
                async for step in self._locally(1, blocked, route, messages, rest):
                    yield step
            return
        number = 0
        failed: Failed | None = None
        shown = False
        waits = 0
        while True:
            number += 1
            request = self._to_gateway(request_id, route, messages, key)
            yield Attempting(number, "gateway", request.base_url, route.model)
            # What the gateway must not repeat.
            secrets = [*self._settings.secrets, request.headers.get("Authorization", "").removeprefix("Bearer ")]
            async for told in self._client.exchange(request, rest):
                event, failed = without(told, secrets), None
                if isinstance(event, Text):
                    shown = True
                    if self.learned.is_degraded:
                        self.learned.is_degraded = False
                        yield Recovered()
                elif isinstance(event, Opened):
                    if any(name.startswith("x-litellm-") for name in event.headers):
                        self.learned.litellm.add(request.base_url)
                elif isinstance(event, Failed):
                    failed = event
                yield event
            if failed is None or shown:
                return
            if self._learns(failed, request):
                continue
            pause = self._pause(failed, waits)
            if pause is None:
                break
            waits += 1
            for left in range(round(pause), 0, -1):
                yield Waiting(f"retrying in {left} s")
                await asyncio.sleep(min(1.0, pause))
        if errors.may_fall_back(failed, model=route.model):
            async for step in self._locally(number, failed, route, messages, rest):
                yield step

    def body(self, route: Route, messages: Sequence[Message]) -> tuple[dict[str, object], dict[str, str]]:
        """Body and hint headers as the gateway gets them, without what it refused before."""
        gateway = self._settings.gateway
        style = gateway.hints
        if style == "auto":
            style = "litellm" if gateway.base in self.learned.litellm else "tags"
        body: dict[str, object] = {
            "model": route.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **route.parameters,
        }
        hints: dict[str, str] = {}
        if style == "tags":
            body["tags"] = dict(route.tags)
        elif style == "litellm":
            hints["x-litellm-tags"] = _tag_header(route.tags)
        if route.omen is not None and style == "tags":
            body["omen"] = dict(route.omen)
        for name in self.learned.refused.get(gateway.base, ()):
            body.pop(name, None)
        return body, hints

    def _to_gateway(self, request_id: str, route: Route, messages: Sequence[Message], key: str | None) -> Request:
        gateway = self._settings.gateway
        body, hints = self.body(route, messages)
        headers = {**gateway.headers, **route.headers, **hints, "X-Request-Id": request_id}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return Request(
            url=f"{gateway.base}/chat/completions",
            body=body,
            headers=headers,
            timeouts=route.timeouts,
            base_url=gateway.base,
            model=route.model,
            has_key=key is not None,
        )

    def _learns(self, failed: Failed, request: Request) -> bool:
        """Whether the gateway named a field that can be left out: then it is asked again, once per field."""
        field = failed.refused_field
        if field is None or field not in request.body or field in ("model", "messages", "stream"):
            return False
        self.learned.refused.setdefault(request.base_url, set()).add(field)
        return True

    def _pause(self, failed: Failed, waits: int) -> float | None:
        """Seconds until a retry, None when there is to be none (RFC 9110 §10.2.3; jitter against herds)."""
        wait = failed.retry_after
        if failed.code not in ("http_429", "http_503") or wait is None or waits >= RETRIES or wait > LONGEST_WAIT:
            return None
        return max(wait, 0.1) * random.uniform(1.0, 1.1)

    async def _locally(
        self, number: int, failed: Failed, route: Route, messages: Sequence[Message], rest: Rest
    ) -> AsyncIterator[Step]:
        reasons: list[str] = []
        fallback = self._settings.fallback
        if fallback.ollama.enabled:
            try:
                base = ollama.base_url(fallback.ollama.host)
            except ValueError as error:
                base, reason = "", str(error)
                reasons.append(reason)
            tags = await ollama.installed(self._client, base) if base else None
            model = (
                ollama.choose_model(tags, preferred=fallback.ollama.model, last_used=self.learned.last_local)
                if tags
                else None
            )
            if model is not None:
                self.learned.last_local = model
                body = ollama.chat_body(model, messages, route.parameters, num_ctx=8192)
                request = self._to_local(f"{base}/api/chat", body, base, model, route)
                number += 1
                answered = False
                self.learned.is_degraded = True
                yield Attempting(number, "ollama", base, model, because=failed)
                async for event in self._client.exchange(request, rest):
                    answered = answered or isinstance(event, Text | Finished)
                    yield event
                if answered:
                    return
            elif base and tags is not None:
                reasons.append(f"Ollama at {base} has no chat model: run `ollama pull qwen2.5-coder`")
        if fallback.embedded.enabled:
            reason = self._embedded.available() or ""
            if not reason:
                yield Waiting("starting the embedded model")
                try:
                    async for step in self._embedded_answer(number + 1, failed, route, messages, rest):
                        yield step
                    return
                except LocalUnavailable as error:
                    reason = str(error)
            reasons.append(reason)
        if reasons:
            yield dataclasses.replace(failed, message=f"{failed.message}; no local model answers: {reasons[-1]}")

    async def _embedded_answer(
        self, number: int, failed: Failed, route: Route, messages: Sequence[Message], rest: Rest
    ) -> AsyncIterator[Step]:
        endpoint = await self._embedded.endpoint()
        body: dict[str, object] = {
            "model": endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": self._settings.fallback.embedded.max_tokens,
            # A model this small repeats itself without end otherwise.
            "repeat_penalty": 1.15,
            **route.parameters,
        }
        headers: Mapping[str, str] = {"Authorization": f"Bearer {endpoint.key}"}
        request = self._to_local(
            f"{endpoint.base_url}/chat/completions", body, endpoint.base_url, endpoint.model, route, headers
        )
        self.learned.is_degraded = True
        yield Attempting(number, "embedded", endpoint.base_url, endpoint.model, because=failed)
        async for event in self._client.exchange(request, rest):
            yield event

    def _to_local(
        self,
        url: str,
        body: Mapping[str, object],
        base: str,
        model: str,
        route: Route,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        return Request(
            url=url,
            body=body,
            headers=headers or {},
            timeouts=dataclasses.replace(route.timeouts, connect=2.0),
            base_url=base,
            model=model,
            has_key=bool(headers),
        )
