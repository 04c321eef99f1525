"""Evaluators of one database that are killed, each after a moment, until one comes to the end.

``python -m tests.integration.killed_leader URL SEED KILLS`` prints how many were killed. Each goes on with
the step that the one before did not finish, as a clock would have it.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from random import Random

from monitor.evaluation import Evaluator
from monitor.rules.model import AbsenceRule
from monitor.store import connect
from tests.examples import NOON
from tests.town import MINUTE, Town, threshold

#: The calls of these minutes are good and bad by turns; for some, the log is not read.
MINUTES = range(40)
STALLED = range(22, 27)

RULES = (
    threshold(by=("service",), window="1m", for_="1m", keep_firing_for="2m"),
    threshold(alert="Higher", above=0.3, window="2m"),
    AbsenceRule(alert="Unread", absent="watermark", keep_firing_for="1m", runbook_url="x"),
)

#: The longest that one lives: some minutes' worth of work.
LONGEST_S = 0.25


def evaluate(evaluator: Evaluator, step: int) -> None:
    """Evaluate, as of one minute, every one that is closed by then."""
    evaluator.evaluate(_closed(step), NOON + (step + 1) * MINUTE, stalled=step in STALLED)


def _closed(step: int) -> datetime:
    """The newest minute whose calls are all read: none closes while the log is not read."""
    return NOON + timedelta(minutes=STALLED.start - 1 if step in STALLED else step)


def _live(url: str, done: mmap.mmap) -> None:
    evaluator = Town(connect(url), *RULES).evaluator
    for step in MINUTES[done[0] :]:
        evaluate(evaluator, step)
        done[0] = step + 1
    os._exit(0)


def main(url: str, seed: int, kills: int) -> int:
    """Kill so many at random moments, and let the last come to the end; gives how many were killed."""
    random, done, killed = Random(seed), mmap.mmap(-1, 1), 0
    while done[0] < len(MINUTES):
        child = os.fork()
        if not child:
            _live(url, done)
        if killed < kills:
            time.sleep(random.uniform(0, LONGEST_S))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            raise SystemExit("an evaluator failed")
    return killed


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
