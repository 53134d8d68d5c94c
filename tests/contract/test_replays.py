"""Every recorded exchange, whole, at its recorded cuts and byte by byte, against what it is known to mean."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.transcripts import Transcript, all_transcripts
from zeke.exchange import dialects, errors
from zeke.exchange.decoder import Decoder
from zeke.exchange.events import Event, Failed, Finished, Metadata, Named, Reasoning, Text, Usage

EXPECTED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "expected.json").read_text("utf-8"))
BASE = "http://gateway:8080/v1"

TRANSCRIPTS = all_transcripts()
ANSWERS = [transcript for transcript in TRANSCRIPTS if transcript.status == 200]
REFUSALS = [transcript for transcript in TRANSCRIPTS if transcript.status != 200]


def decode(transcript: Transcript, pieces: Iterable[bytes]) -> list[Event]:
    decoder = Decoder(transcript.headers.get("content-type"))
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def told(transcript: Transcript, events: list[Event]) -> dict[str, Any]:
    """What the events mean: text joined, the last of each fact, the decision, the end."""
    observed = dialects.Observed(BASE, transcript.status, transcript.headers)
    for event in events:
        match event:
            case Named():
                observed = dataclasses.replace(observed, named=event)
            case Usage():
                observed = dataclasses.replace(observed, usage=event)
            case Metadata(name, value):
                observed = dataclasses.replace(observed, metadata={**observed.metadata, name: value})
    end = events[-1]
    assert isinstance(end, Finished | Failed)
    decision = dataclasses.asdict(dialects.read(observed))
    decision["candidates"] = list(decision["candidates"])
    return {
        "text": "".join(event.text for event in events if isinstance(event, Text)),
        "reasoning": "".join(event.text for event in events if isinstance(event, Reasoning)),
        "end": end.reason if isinstance(end, Finished) else {"code": end.code, "message": end.message},
        "decision": {key: value for key, value in decision.items() if value not in (None, [])},
    }


def by_name(transcript: Transcript) -> str:
    return transcript.name


@pytest.mark.parametrize("transcript", ANSWERS, ids=by_name)
def test_a_recorded_answer_means_the_same_however_it_is_cut(transcript: Transcript) -> None:
    body = transcript.body
    expected = EXPECTED[transcript.name]
    assert told(transcript, decode(transcript, [body])) == expected
    assert told(transcript, decode(transcript, transcript.pieces)) == expected
    assert told(transcript, decode(transcript, (body[i : i + 1] for i in range(len(body))))) == expected


@pytest.mark.parametrize("transcript", REFUSALS, ids=by_name)
def test_a_recorded_refusal_is_one_sentence_with_the_next_step(transcript: Transcript) -> None:
    failed = errors.explain_status(
        transcript.status, transcript.headers, transcript.body, base_url=BASE, model="auto", has_key=False
    )
    assert "\n" not in failed.message
    assert {
        "code": failed.code,
        "message": failed.message,
        "refused_field": errors.refused_field(transcript.status, transcript.body),
        "retry_after": errors.retry_after(transcript.headers),
    } == EXPECTED[transcript.name]


def test_every_expectation_has_its_transcript() -> None:
    assert set(EXPECTED) == {transcript.name for transcript in TRANSCRIPTS}
