"""The demo's plot as a pure state machine: the time and what is known go in, the next scene comes out.

Quiet, then broken; when every alert has fired and was delivered, mended; when every one has resolved and
that was delivered too, over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from monitor.demo.watch import Snapshot

#: Seconds of live traffic before anything breaks, and of brokenness after the last alert.
QUIET = timedelta(seconds=8)
REACTION = timedelta(seconds=3)

#: How many alerts the incident sets off.
EXPECTED_ALERTS = 2

#: Breaking between these seconds of a minute leaves half of it broken or more: enough for the rules, which
#: judge whole minutes, to fire at its end and not a minute later. Nothing else depends on it.
_BREAK_BETWEEN = (2, 30)


class Scene(StrEnum):
    """Where the story is."""

    QUIET = "all is well"
    BROKEN = "broken: prompt v8 is out, and mistral-large calls tools wrongly"
    MENDED = "rolled back to prompt v7, and mistral-large is back to normal"
    OVER = "over: every alert has resolved"


class Story:
    """Follows the plot.

    Args:
        began: when live traffic began.
        staged: whether anything breaks at all; a replay only shows what is recorded.

    Attributes:
        scene: where the story is.
        broken_at: when it broke.
        mended_at: when it was mended.
    """

    def __init__(self, began: datetime, *, staged: bool = True) -> None:
        self.scene = Scene.QUIET
        self.broken_at: datetime | None = None
        self.mended_at: datetime | None = None
        self._began = began
        self._staged = staged
        self._told_at: datetime | None = None

    def advance(self, now: datetime, snapshot: Snapshot) -> bool:
        """Move on if it is time to; says whether the scene changed."""
        before = self.scene
        if self.scene is Scene.QUIET and self._staged and now - self._began >= QUIET:
            if _BREAK_BETWEEN[0] <= now.second <= _BREAK_BETWEEN[1]:
                self.scene, self.broken_at = Scene.BROKEN, now
        elif self.scene is Scene.BROKEN and _told(snapshot, EXPECTED_ALERTS, resolved=False):
            self._told_at = self._told_at or now
            if now - self._told_at >= REACTION:
                self.scene, self.mended_at = Scene.MENDED, now
        elif self.scene is Scene.MENDED and _told(snapshot, len(snapshot.alerts), resolved=True):
            self.scene = Scene.OVER
        return self.scene is not before


def _told(snapshot: Snapshot, count: int, *, resolved: bool) -> bool:
    """Whether that many alerts fired (and resolved), and nothing is left to be delivered."""
    enough = len(snapshot.alerts) >= count > 0
    if resolved:
        enough = enough and all(alert.state == "resolved" for alert in snapshot.alerts)
    return enough and snapshot.unsent == 0
