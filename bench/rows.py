"""A cache like one after a year of heavy use: made from a seed, the same every time.

`python -m bench.rows FILE [--rows N] [--turns N]`.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from zeke.cache.database import open_connection

MODELS = (
    ("qwen2.5-coder:7b", "ollama", 350, 0.0),
    ("deepseek-coder:33b", "ollama", 1400, 0.0),
    ("gpt-4o-mini", "openai", 500, 0.03),
    ("gpt-4o", "openai", 700, 0.9),
    ("claude-sonnet", "anthropic", 800, 1.1),
    ("claude-haiku", "anthropic", 400, 0.2),
    ("gemini-flash", "google", 450, 0.02),
    ("grok-code", "xai", 600, 0.3),
)
INTENTS = ("code", "tests", "explain", "refactor", "fix", "review")
PROJECTS = tuple(f"project-{number:02d}" for number in range(40))
FAILURES = ("http_500", "http_429", "timeout_first_byte", "truncated", "connect")
SIGNALS = ("up", "down", "accepted", "rejected", "yanked", "retried")
TEXT = """
async await buffer cache column cursor decode deadlock encode error event field frame function
gateway handler index iterate json latency lock loop match message method migrate model module mutex
offset option parse path payload pool promise property query queue race range record register return
route schema scope select signal socket stack stream string struct table thread timeout token trace
tuple type union update value vector worker
"""
WORDS = tuple(TEXT.split())
DAY = 86400


def stats(rows: int, now: int, source: random.Random) -> Iterator[tuple[object, ...]]:
    """Rows of `routing_stats` over a year, oldest first; every fiftieth request needed a second attempt."""
    begin, attempt, request_id = now - 365 * DAY, 1, ""
    for index in range(rows):
        created = begin + index * 365 * DAY // rows
        if attempt == 1:
            request_id = str(uuid.UUID(int=source.getrandbits(128), version=4))
        model, provider, base, price = MODELS[min(int(source.expovariate(0.5)), len(MODELS) - 1)]
        fate = source.random()
        code = "cancelled" if fate < 0.03 else source.choice(FAILURES) if fate < 0.07 else None
        retried = attempt == 1 and code in FAILURES and source.random() < 0.5
        ok = code is None
        ttft = round(source.lognormvariate(0, 0.5) * base) if ok or code in ("cancelled", "truncated") else None
        tokens_in, tokens_out = source.randrange(100, 4000), source.randrange(20, 1500)
        known = ok and source.random() < 0.9
        cost = round(price * tokens_out / 500, 4) if known else None
        origin = None if cost is None else "local" if price == 0 else source.choice(("reported", "computed"))
        yield (
            request_id, PROJECTS[min(int(source.expovariate(0.12)), 39)], "auto", model, provider,
            source.choice(INTENTS), "small", ttft, ttft and ttft + tokens_out * 12, tokens_in if known else None,
            tokens_out if known else None, int(ok), code, cost, origin, int(attempt > 1), attempt, created,
        )  # fmt: skip
        attempt = 2 if retried else 1


def turns(count: int, now: int, source: random.Random) -> Iterator[tuple[object, ...]]:
    """Conversations of the last year, each with a prompt and an answer of about 1.5 kB."""
    for index in range(count):
        prompt = " ".join(source.choices(WORDS, k=12))
        answer = " ".join(source.choices(WORDS, k=220)) + f" needle{index}"
        yield (
            str(uuid.UUID(int=source.getrandbits(128), version=4)), source.choice(PROJECTS), source.choice(INTENTS),
            prompt, "{}", answer, source.choice(MODELS)[0], len(prompt) + len(answer) + 2, index + 1,
            now - (count - index) * 365 * DAY // count,
        )  # fmt: skip


def fill(connection: sqlite3.Connection, *, rows: int, turn_count: int, seed: int = 1) -> None:
    """Fill an empty cache; signals are given to every sixth answer."""
    source, now = random.Random(seed), int(time.time())
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO routing_stats(request_id, project, alias, model, provider, intent, size_hint, latency_ms,"
        " total_duration_ms, tokens_in, tokens_out, success, error_code, cost_cents, cost_source, escalated, attempt,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        stats(rows, now, source),
    )
    connection.execute(
        "INSERT INTO zeke_signals(request_id, project, intent, model, provider, kind, created_at)"
        " SELECT request_id, project, intent, model, provider,"
        f" CASE id % {len(SIGNALS)} {' '.join(f'WHEN {n} THEN {k!r}' for n, k in enumerate(SIGNALS))} END,"
        " created_at + 30 FROM routing_stats WHERE success = 1 AND id % 7 = 0"
    )
    connection.executemany(
        "INSERT INTO zeke_turns(request_id, project, intent, prompt, turn, answer, model, bytes, seq, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        turns(turn_count, now, source),
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main() -> None:
    """Make a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=100_000)
    arguments = parser.parse_args()
    connection, _ = open_connection(arguments.file, owned=False)
    fill(connection, rows=arguments.rows, turn_count=arguments.turns)
    connection.close()


if __name__ == "__main__":
    main()
