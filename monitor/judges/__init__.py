"""Judges: the second stage of grounding, off by default. A plug-in is asked about some of the scored calls.

A plug-in needs ``Judge``, ``Verdict``, ``NoVerdict`` and ``Reason``. ``load_judge`` finds it, ``Pick`` says
which calls it is asked about, ``Bounds`` how often, and ``Judging`` asks it. ``openai`` comes along. How to
write one: ``docs/judges.md``.
"""

from monitor.judges.bounds import Bounds
from monitor.judges.judge import Judge, NoVerdict, Reason, Verdict
from monitor.judges.judging import Judging, Thresholds
from monitor.judges.load import load_judge
from monitor.judges.pick import Pick

__all__ = ["Bounds", "Judge", "Judging", "NoVerdict", "Pick", "Reason", "Thresholds", "Verdict", "load_judge"]
