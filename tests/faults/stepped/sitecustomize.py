"""Steps the clock of a process: Python imports this before anything else from a folder of its path.

The seconds that the file ``STEPPED_CLOCK`` holds are added to what the service and its scheduler take for
now. What time has passed is another clock's to say, as it is on a machine whose clock is set.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import apscheduler.executors.base
import apscheduler.schedulers.base

import monitor.clock
import monitor.control

_STEP = Path(os.environ["STEPPED_CLOCK"])


class Stepped(datetime):
    """A datetime whose now is that of the stepped clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The time, with the step."""
        return datetime.now(tz) + timedelta(seconds=float(_STEP.read_text() or 0))


for module in (monitor.clock, monitor.control, apscheduler.schedulers.base, apscheduler.executors.base):
    vars(module)["datetime"] = Stepped
