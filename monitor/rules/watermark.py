"""Until when everything is read: how far each partition has come in, the time that may be judged out.

A partition that is left behind holds the watermark, whoever's fault that is: what is missing must not look
like traffic that fell. It is stalled where nothing was saved of it and nobody found it read to its end for
longer than a worker needs to come back; one whose backlog is worked off is only late.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec

from monitor.records import Partition, Progress

#: How long nobody may be heard of a partition: a rebalance, or a worker's restart, takes less.
STALLS_AFTER = timedelta(minutes=2)


class Watermark(msgspec.Struct, frozen=True):
    """``at``: every record written before is saved; ``None`` where that isn't known of every partition.

    ``stalled`` are the partitions that hold it and don't move, sorted. ``unknown``: it is looked for in vain
    for as long, as of a log that nobody has ever read.
    """

    at: datetime | None
    stalled: tuple[Partition, ...]
    unknown: bool = False

    @property
    def stands(self) -> bool:
        """Whether the log is not read any further."""
        return self.unknown or bool(self.stalled)


def watermark(
    progress: Collection[Progress],
    now: datetime,
    *,
    since: datetime | None = None,
    stalls_after: timedelta = STALLS_AFTER,
) -> Watermark:
    """The watermark of these partitions; of none there is no watermark. It is never after ``now``.

    ``since`` is when it was first looked for.
    """
    known = [one.reached_at for one in progress if one.reached_at is not None]
    stalled = sorted(one.partition for one in progress if now - one.updated_at > stalls_after)
    if known and len(known) == len(progress):
        return Watermark(min(now, *known), tuple(stalled))
    return Watermark(None, tuple(stalled), unknown=since is not None and now - since > stalls_after)


def last_closed_minute(at: datetime, lateness: timedelta) -> datetime:
    """The start of the newest minute that ended ``lateness`` before the watermark ``at``, or longer ago."""
    return (at - lateness).replace(second=0, microsecond=0) - timedelta(minutes=1)
