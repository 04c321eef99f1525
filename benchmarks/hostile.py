"""What the worst calls cost: processor time and memory of every score of calls that were made to hurt.

``python -m benchmarks.hostile``. Each scorer brings the calls that are worst for it (``_hostile_*.py``); all
scorers score all of them, each call in a process of its own, so that its memory is its own and a scorer that
never ended would be seen, not waited for. Beside it stands what a plain pass over the same call costs:
msgspec's encoding and decoding.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from time import process_time

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

    plain_ms: float | None
    scores_ms: dict[str, float]
    megabytes: float
    """How much more memory the process had at most while it scored."""


def _measure(maker: str, name: str, answer: multiprocessing.SimpleQueue[_Cost]) -> None:
    call = MAKERS[maker]()[name]
    plain = _plain(call)
    _peak()
    before = _peak()
    spent = {}
    for score, scorer in SCORERS.items():
        started = process_time()
        scorer(call)
        spent[score] = 1000 * (process_time() - started)
    answer.put(_Cost(plain, spent, _peak() - before))


def _plain(call: Call) -> float | None:
    """Milliseconds of encoding and decoding a call; ``None`` of one that msgspec finds too deep."""
    started = process_time()
    try:
        msgspec.json.decode(msgspec.json.encode(call), type=Call)
    except RecursionError:
        return None
    return 1000 * (process_time() - started)


def _peak() -> float:
    """The most megabytes that this process had since it was asked last, or since it started.

    Linux forgets a peak when told to: proc(5), ``/proc/pid/clear_refs``.
    """
    status = Path("/proc/self/status").read_text()
    kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    Path("/proc/self/clear_refs").write_text("5")
    return kilobytes / 1024


def main() -> None:
    """Print the table, and the worst of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MAKERS, nargs="+", default=list(MAKERS))
    options = parser.parse_args()
    columns = "".join(f"{score:>14}" for score in SCORERS)
    print(f"{'call':52}{'plain':>9}{columns}{'MB':>7}   milliseconds of processor time")
    worst = (0.0, "", "")
    for maker in options.only:
        for name in MAKERS[maker]():
            cost = _cost(maker, name)
            if isinstance(cost, str):
                print(f"{(maker + ': ' + name)[:51]:52}   {cost}")
                continue
            plain = "–" if cost.plain_ms is None else f"{cost.plain_ms:.1f}"
            figures = "".join(f"{cost.scores_ms[score]:14.1f}" for score in SCORERS)
            print(f"{(maker + ': ' + name)[:51]:52}{plain:>9}{figures}{cost.megabytes:7.0f}")
            slowest = max(cost.scores_ms, key=lambda score: cost.scores_ms[score])
            worst = max(worst, (cost.scores_ms[slowest], slowest, f"{maker}: {name}"))
    print(f"worst: {worst[0]:.0f} ms, {worst[1]} of {worst[2]}")


def _cost(maker: str, name: str) -> _Cost | str:
    """What it cost, or why that is not known."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.SimpleQueue[_Cost] = context.SimpleQueue()
    process = context.Process(target=_measure, args=(maker, name, answer))
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return f"not within {PATIENCE_S} s"
    return f"died, with {process.exitcode}" if answer.empty() else answer.get()


if __name__ == "__main__":
    main()
