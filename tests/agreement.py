"""The same call read through an emitter and as the raw pair it was: where do their scores differ?

In come the recorded OTLP messages, Langfuse batches and LiteLLM payloads, and the pairs that their indices
link them to; out go counted differences. ``docs/agreement.md`` is this table with the reason of each line,
and ``tests/decode/test_agreement.py`` holds the two together.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived, assemble
from monitor.decode.pair import bodies
from monitor.records import OUTCOMES, Call, Fragment, Record
from monitor.scorers import score
from tests.fragments import NOON
from tests.paths import SHARED

OTLP = SHARED / "data/otlp"
LANGFUSE = SHARED / "data/recorded/langfuse_ingestion_v2"
PAIRS = SHARED / "data/recorded/pairs"

_NO_WAIT = Waits(part=timedelta(0), context=timedelta(0))


class Difference(NamedTuple):
    """Calls of one emitter of which a score differs from the pair's, all to the same outcome."""

    emitter: str
    score: str
    """A score's name, or ``call`` for calls that never arrive."""
    pairs: str
    """What the pairs' scores are, and of how many: ``ok 5, refused 2``."""
    emitted: str
    """What the emitter's calls are scored instead."""


class Pair(NamedTuple):
    """A recorded pair as the ``pair`` format reads it."""

    call: Call
    response_id: str | None


def emitters() -> list[Path]:
    """The folders of recorded material that link each call to a pair, by ``index.json``."""
    folders = [*sorted(OTLP.iterdir()), LANGFUSE]
    # Where an agent falls back, the application asked for something else than the pair: tested by itself.
    folders = [folder for folder in folders if "fallbackmodel" not in folder.name]
    return [folder for folder in folders if any("pair_id" in entry for entry in _index(folder))]


def calls(folder: Path) -> list[Call]:
    """Every call of a folder's messages, put together, by start."""
    found: list[Call] = []
    fragments: list[Fragment] = []
    paths = sorted(folder.glob("*.pb")) or sorted(folder.glob("batch_*.json"))
    for number, path in enumerate(paths):
        record = Record(path.name, 0, number, path.read_bytes(), timestamp=NOON)
        decoded = decode(record)
        assert not decoded.dead_letters, (path, decoded.dead_letters)
        found += decoded.calls
        fragments += decoded.fragments
    found += assemble(arrived(fragments, NOON), NOON, _NO_WAIT).calls
    return sorted(found, key=lambda call: call.started_at)


def joined(folder: Path) -> Iterator[tuple[Pair, Call | None]]:
    """Each pair of a folder's index with its call; ``None`` for one that never arrived."""
    left = calls(folder)
    entries = [(entry, _pair(entry["pair_id"])) for entry in _index(folder)]
    matched: dict[int, Call] = {}
    # By the response's id where there is one and it is this trace's, the rest by trace, model and order.
    for strict in (True, False):
        for number, (entry, pair) in enumerate(entries):
            if number in matched:
                continue
            fits = (call for call in left if _fits(entry, pair, call, strict=strict))
            if (call := next(fits, None)) is not None:
                left.remove(call)
                matched[number] = call
    for number, (_, pair) in enumerate(entries):
        yield pair, matched.get(number)


def differences(folder: Path) -> list[Difference]:
    """Where the scores of a folder's calls are not those of their pairs."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for pair, call in joined(folder):
        if call is None:
            found["call", "no span"]["made"] += 1
            continue
        ours, theirs = score(pair.call), score(call)
        for name in OUTCOMES:
            expected, got = getattr(ours, name).outcome, getattr(theirs, name).outcome
            if expected != got:
                found[name, str(got)][str(expected)] += 1
    return [
        Difference(folder.name, name, ", ".join(f"{one} {n}" for one, n in sorted(counts.items())), emitted)
        for (name, emitted), counts in sorted(found.items())
    ]


def _fits(entry: dict[str, Any], pair: Pair, call: Call, *, strict: bool) -> bool:
    if "trace_id" in entry and int(entry["trace_id"], 16) != int(call.trace_id or "0", 16):
        return False
    if strict:
        return pair.response_id is not None and call.call_id == pair.response_id
    asked, got = _asked(pair.call), _asked(call)
    if asked and got:
        return asked == got
    return "" in (call.model_requested, pair.call.model_requested) or (
        pair.call.model_requested == call.model_requested
    )


def _asked(call: Call) -> str:
    """The words of the first message from the user, by which two accounts of a call know each other."""
    said = (part.content for message in call.input if message.role == "user" for part in message.parts)
    return "".join(next((words for words in said if words), "").split())


def _index(folder: Path) -> list[dict[str, Any]]:
    index = json.loads((folder / "index.json").read_text())
    return index if isinstance(index, list) else index.get("calls", [])


@cache
def _paths() -> dict[str, Path]:
    return {path.stem.rsplit(".", 1)[-1]: path for path in PAIRS.rglob("*.json")}


@cache
def _pair(pair_id: str) -> Pair:
    raw = _paths()[pair_id].read_bytes()
    (call,) = decode(Record("pair", 0, 0, raw, timestamp=NOON), format="pair").calls
    value = json.loads(raw)
    read = bodies.read(value["request"]["body"], value["response"]["body"], url=value["request"]["url"])
    return Pair(call, read.answer.id if read else None)


if __name__ == "__main__":
    for folder in emitters():
        for difference in differences(folder):
            print(f"| {' | '.join(difference)} | |")
