"""One answer from its first attempt to its end: events in; frames, facts and rows out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from zeke import journal
from zeke.cache.decisions import Attempt, Ending, Trace
from zeke.exchange import dialects, trace
from zeke.exchange.attempts import Attempting, Recovered, Step, Waiting
from zeke.exchange.events import Failed, Finished, Metadata, Named, Opened, Reasoning, Text, Usage
from zeke.exchange.frames import Frames
from zeke.models import Ask, Decision, ErrorCode, Route
from zeke.routing.resolve import explain

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zeke.cache.writer import Log
    from zeke.exchange.prices import Prices
    from zeke.screen import Screen


ROW_SECONDS = 0.25
"""How long a request waits for its row at most: a slow disk must not hold up an answer."""


@dataclass
class _Exchange:
    """What one attempt has told so far."""

    attempt: Attempting
    key: str
    began: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    named: Named = field(default_factory=Named)
    usage: Usage | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    first_text: float | None = None
    chunks: int = 0

    def observed(self) -> dialects.Observed:
        return dialects.Observed(
            base_url=self.attempt.base_url,
            status=self.status,
            headers=self.headers,
            named=self.named,
            usage=self.usage,
            metadata=self.metadata,
        )

    def decision(self) -> Decision:
        return dialects.read(self.observed())


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class Answering:
    """Follows the steps of one request. Whatever happens, the editor is told of exactly one end."""

    def __init__(
        self,
        ask: Ask,
        route: Route,
        screen: Screen,
        log: Log,
        prices: Prices,
        override: str | None = None,
        *,
        keeps_text: bool = True,
    ) -> None:
        """`ask` and `route` are what is being answered; `override` is the guard that the user's `!` overrode.

        Without `keeps_text` the words of a refusing gateway are not kept either: it may quote the prompt.
        """
        self._ask = ask
        self._prices = prices
        self._override = override
        self._keeps_text = keeps_text
        self._route = route
        self._screen = screen
        self._log = log
        self._thoughts = Frames(asyncio.get_running_loop(), lambda text: screen.reason(ask.request_id, text))
        self._frames = Frames(asyncio.get_running_loop(), lambda text: screen.append(ask.request_id, text))
        self._exchange: _Exchange | None = None
        self._decision = Decision()
        self._degraded: Failed | None = None
        self._outcome: dict[str, object] = {}
        self._thinking = False
        self._begun: Future[None] | None = None
        self.unpriced: tuple[str, Decision] | None = None
        """Base URL and decision of a complete answer whose tokens are known and whose cost is not."""
        self._kept = bytearray()
        self.refused_key = False
        """The gateway wants another key."""

    def take_kept(self) -> bytearray:
        """The text to be kept, as UTF-8; it is handed out once."""
        kept, self._kept = self._kept, bytearray()
        return kept

    def rest(self) -> float:
        """Seconds until the next frame of the answer or of its reasoning."""
        return max(self._frames.rest(), self._thoughts.rest())

    @property
    def model(self) -> str | None:
        """Who answered, as far as it was told."""
        return self._decision.model

    def computed_cost(self) -> float | None:
        """Cents of an answer without a cost, by what is known of prices now."""
        if self.unpriced is None:
            return None
        base, decision = self.unpriced
        return self._computed(base, decision)

    def _computed(self, base: str, decision: Decision) -> float | None:
        price = self._prices.of(base, decision.model)
        if price is None or decision.tokens_in is None or decision.tokens_out is None:
            return None
        return price.cents(decision.tokens_in, decision.tokens_out)

    async def run(self, steps: AsyncIterator[Step]) -> None:
        """Consume the steps. Cancelling keeps the text and completes the row.

        Raises:
            Exception: what the stages raised, after the answer was ended for the user.
        """
        lost = self._log.health.lost
        self._screen.head(self._ask.request_id, {"requested": self._route.model, "alias": self._route.alias})
        try:
            async for step in steps:
                self._take(step)
                if isinstance(step, Attempting):
                    await self._written()
        except asyncio.CancelledError:
            # One that was complete before stays so: its row says it, too.
            if not self._outcome.get("success"):
                self._cancel()
        except Exception:
            self._end(ErrorCode.BAD_RESPONSE.value, None)
            self._outcome.update(message="Zeke failed on this answer: the details are in :ZekeLog")
            raise
        finally:
            with contextlib.suppress(Exception):
                # What cannot be sent must not keep the end from being told.
                self._thoughts.flush()
                self._frames.flush()
            if self._log.health.lost > lost and not self._outcome.get("message"):
                self._outcome["message"] = self._log.health.trouble
            self._screen.finish(self._ask.request_id, self._outcome or {"success": False})

    def _cancel(self) -> None:
        self._end(ErrorCode.CANCELLED.value, None)
        tokens = self._decision.tokens_out
        chunks = self._exchange.chunks if self._exchange else 0
        after = f" after {tokens} tokens" if tokens else f" after {chunks} pieces" if chunks else ""
        self._outcome.update(message=f"cancelled{after}")

    async def _written(self) -> None:
        """The row is on disk before the request leaves, unless the disk takes too long."""
        if self._begun is not None:
            await asyncio.wait([asyncio.wrap_future(self._begun)], timeout=ROW_SECONDS)

    def _take(self, step: Step) -> None:
        match step:
            case Text(text, pieces):
                self._text(text, pieces)
            case Attempting():
                self._begin(step)
            case Waiting(status):
                self._screen.head(self._ask.request_id, {"status": status})
            case Opened(status, headers):
                if self._exchange is not None:
                    self._exchange.status, self._exchange.headers = status, dict(headers)
                if status == 200:
                    self._tell(["ZekeRouted"], status="")
            case Recovered():
                self._screen.head(self._ask.request_id, {"recovered": True})
            case Reasoning(text):
                if not self._thinking:
                    self._thinking = True
                    self._screen.head(self._ask.request_id, {"thinking": True})
                self._thoughts.add(text)
            case Named() | Usage() | Metadata():
                self._learn(step)
            case Finished(reason):
                self._end(None, None)
                if reason == "length":
                    self._outcome["note"] = "length"
                    self._outcome["message"] = "the answer stopped at the model's length limit"
            case Failed():
                self._end(step.code, step)

    def _begin(self, attempt: Attempting) -> None:
        self._thinking = False
        self._outcome = {}
        ask, route = self._ask, self._route
        key = f"{ask.request_id}#{attempt.number}"
        self._begun = self._log.begin(
            Attempt(
                key=key,
                request_id=ask.request_id,
                project=ask.source.project,
                alias=route.alias,
                intent=ask.intent,
                size_hint=route.tags.get("size_hint"),
                created_at=int(time.time()),
                escalated=attempt.because is not None,
                number=attempt.number,
            )
        )
        self._exchange = _Exchange(attempt, key, time.perf_counter())
        facts: dict[str, object] = {"requested": attempt.model, "status": ""}
        if attempt.because is not None:
            self._degraded = attempt.because
            facts["degraded"] = True
            facts["reason"] = attempt.because.message
            self._screen.head(ask.request_id, facts, ["ZekeDegraded"])
        elif attempt.number > 1:
            self._screen.head(ask.request_id, facts, ["ZekeRetrying"])

    def _text(self, text: str, pieces: int) -> None:
        exchange = self._exchange
        first = exchange is not None and exchange.first_text is None
        if exchange is not None:
            exchange.chunks += pieces
            if first:
                self._thoughts.flush()
                exchange.first_text = time.perf_counter()
        if self._keeps_text:
            # One emoji makes a text of Python's four times as big.
            self._kept += text.encode("utf-8", "replace")
        self._frames.add(text)
        if first and exchange is not None and exchange.first_text is not None:
            self._tell(["ZekeFirstToken"], ttft_ms=_ms(exchange.first_text - exchange.began))

    def _learn(self, step: Named | Usage | Metadata) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        match step:
            case Named():
                old = exchange.named
                exchange.named = Named(
                    step.model or old.model,
                    step.provider or old.provider,
                    step.response_id or old.response_id,
                    step.fingerprint or old.fingerprint,
                )
            case Usage():
                exchange.usage = step
            case Metadata(name, value):
                exchange.metadata[name] = value
        self._tell([])

    def _decided(self, exchange: _Exchange) -> Decision:
        """What the gateway told, with the cost that its own price list gives when it named none."""
        decision = exchange.decision()
        computed = None if decision.cost_cents is not None else self._computed(exchange.attempt.base_url, decision)
        return decision if computed is None else replace(decision, cost_cents=computed, cost_source="computed")

    def _violation(self, exchange: _Exchange) -> str | None:
        """The answer came from a provider that was not allowed. A local model in the gateway's place is."""
        provider, allowed = self._decision.provider, self._route.allowed
        if not allowed or provider is None or exchange.attempt.because or provider.lower() in allowed:
            return None
        return f"{provider} answered, but only {', '.join(allowed)} may: look at the gateway's configuration"

    def _tell(self, events: list[str], **more: object) -> None:
        """Show the decision if it changed, and what else is new."""
        exchange = self._exchange
        if exchange is None:
            return
        before, self._decision = self._decision, self._decided(exchange)
        facts = {**(_facts(self._decision) if self._decision != before else {}), **more}
        if facts or events:
            self._screen.head(self._ask.request_id, facts, events)

    def _end(self, code: str | None, failed: Failed | None) -> None:
        """Complete the attempt's row and prepare what the user is told if it was the last."""
        exchange = self._exchange
        if exchange is None:
            self._outcome = {"success": False, "error_code": code, "message": failed.message if failed else None}
            return
        self.refused_key = code == "http_401"
        now = time.perf_counter()
        decision = self._decision = self._decided(exchange)
        ttft = None if exchange.first_text is None else _ms(exchange.first_text - exchange.began)
        total = _ms(now - exchange.began)
        self._log.complete(
            exchange.key,
            Ending(
                success=code is None,
                error_code=code,
                model=decision.model,
                provider=decision.provider,
                latency_ms=ttft,
                total_duration_ms=total,
                tokens_in=decision.tokens_in,
                tokens_out=decision.tokens_out,
                cost_cents=decision.cost_cents,
                cost_source=decision.cost_source,
            ),
        )
        self._log_trace(exchange, code, failed, ttft, total)
        violation = self._violation(exchange)
        if violation:
            journal.LOGGER.warning("%s: %s", self._ask.request_id, violation)
        self._outcome = {
            **_facts(decision),
            "success": code is None,
            "error_code": code,
            "message": failed.message if failed else None,
            "ttft_ms": ttft,
            "total_ms": total,
            "degraded": True if self._degraded else None,
            "violation": violation,
        }
        counted = decision.tokens_in is not None and decision.tokens_out is not None
        if code is None and counted and decision.cost_cents is None:
            self.unpriced = (exchange.attempt.base_url, decision)

    def _cause(self, failed: Failed | None) -> str | None:
        if failed is None:
            return None
        if self._keeps_text or not failed.detail:
            return failed.message
        return failed.message.replace(failed.detail, "…")

    def _log_trace(
        self, exchange: _Exchange, code: str | None, failed: Failed | None, ttft: int | None, total: int
    ) -> None:
        because = exchange.attempt.because
        cause = failed or because
        decision = self._decided(exchange)
        own = {"route": explain(self._route), "override": self._override, "violation": self._violation(exchange)}
        self._log.trace(
            Trace(
                request_id=self._ask.request_id,
                project=self._ask.source.project,
                trace=trace.build(
                    exchange.observed(),
                    request_id=self._ask.request_id,
                    base_url=exchange.attempt.base_url,
                    finish_reason=None if code else "stop",
                    ttft_ms=ttft,
                    total_ms=total,
                    chunks=exchange.chunks,
                    degraded=because is not None,
                    error=self._cause(cause),
                    attempt=exchange.attempt.number,
                    requested_model=exchange.attempt.model,
                    zeke={name: value for name, value in own.items() if value is not None},
                ),
                decision_reason=decision.reason,
                candidates=_json(decision.candidates),
                created_at=int(time.time()),
            )
        )


def _json(candidates: tuple[str, ...]) -> str | None:
    import json

    return json.dumps(list(candidates), ensure_ascii=False) if candidates else None


def _facts(decision: Decision) -> dict[str, object]:
    return {
        "estimated": True if decision.cost_source == "computed" else None,
        "model": decision.model,
        "provider": decision.provider,
        "tokens_in": decision.tokens_in,
        "tokens_out": decision.tokens_out,
        "cost_cents": decision.cost_cents,
    }
