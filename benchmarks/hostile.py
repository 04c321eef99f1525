"""What the worst calls cost: milliseconds and memory of every score of calls that were made to hurt.

``python -m benchmarks.hostile``. Each scorer brings the calls that are worst for it (``_hostile_*.py``); all
scorers score all of them, each call in a process of its own, so that its memory is its own and a scorer that
never ended would be seen, not waited for. Beside it stands what a plain pass over the same call costs:
msgspec's encoding and decoding.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Callable
from time import perf_counter

import msgspec

from benchmarks import _hostile_grounding, _hostile_instructions, _hostile_json, _hostile_tools
from monitor.records import Call
from monitor.scorers import SCORERS

MAKERS: dict[str, Callable[[], dict[str, Call]]] = {
    "json": _hostile_json.cases,
    "tools": _hostile_tools.cases,
    "grounding": _hostile_grounding.cases,
    "instructions": _hostile_instructions.cases,
}

#: Seconds after which a call is given up, and printed as such.
PATIENCE_S = 60


class _Cost(msgspec.Struct):
    """What one call cost."""

    plain_ms: float
    scores_ms: dict[str, float]
    megabytes: float
    """How much the process grew while it scored."""


def _measure(maker: str, name: str, answer: multiprocessing.SimpleQueue[_Cost]) -> None:
    call = MAKERS[maker]()[name]
    started = perf_counter()
    msgspec.json.decode(msgspec.json.encode(call), type=Call)
    plain = perf_counter() - started
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = {}
    for score, scorer in SCORERS.items():
        started = perf_counter()
        scorer(call)
        spent[score] = 1000 * (perf_counter() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    answer.put(_Cost(1000 * plain, spent, grown))


def main() -> None:
    """Print the table, and the worst of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MAKERS, nargs="+", default=list(MAKERS))
    options = parser.parse_args()
    columns = "".join(f"{score:>14}" for score in SCORERS)
    print(f"{'call':52}{'plain':>9}{columns}{'MB':>7}   milliseconds")
    worst = (0.0, "", "")
    for maker in options.only:
        for name in MAKERS[maker]():
            cost = _cost(maker, name)
            if cost is None:
                print(f"{maker + ': ' + name:52}   not within {PATIENCE_S} s")
                continue
            figures = "".join(f"{cost.scores_ms[score]:14.1f}" for score in SCORERS)
            print(f"{(maker + ': ' + name)[:51]:52}{cost.plain_ms:9.1f}{figures}{cost.megabytes:7.0f}")
            slowest = max(cost.scores_ms, key=lambda score: cost.scores_ms[score])
            worst = max(worst, (cost.scores_ms[slowest], slowest, f"{maker}: {name}"))
    print(f"worst: {worst[0]:.0f} ms, {worst[1]} of {worst[2]}")


def _cost(maker: str, name: str) -> _Cost | None:
    """What it cost; ``None`` if it took too long."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.SimpleQueue[_Cost] = context.SimpleQueue()
    process = context.Process(target=_measure, args=(maker, name, answer))
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
    return None if answer.empty() else answer.get()


if __name__ == "__main__":
    main()
