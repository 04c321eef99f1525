"""How many processors this process may use: what the system says of it goes in, a number comes out.

A container that may use two processors' time of a machine with 64 still sees all of them, and may run on any.
The quota is in its control group: ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` of version 1 (Linux' manual,
"Control Group v2" and "CFS Bandwidth Control"). Each group that it is in may have one, up to the root.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def cores(root: Path = Path("/")) -> int:
    """The processors that this process may use, in whole ones, and at least one.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, int(min((allowed, *_quotas(root)))))


def _quotas(root: Path) -> Iterator[float]:
    """Every quota that holds for this process, in processors."""
    for folder in _groups(root):
        for quota, period in (_version_2(folder), _version_1(folder)):
            if quota > 0 and period > 0:
                yield quota / period


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the groups that limit processor time, each with those above it.

    A container may be told of a place that it can't see: then its own group is the root that it sees.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = Path(place.lstrip("/"))
        # Version 1 has a folder named after its controllers, in whatever order, or a link of one's name.
        for mount in {controllers, "cpu"} if controllers else {""}:
            yield from (root / "sys/fs/cgroup" / mount / above for above in (group, *group.parents))


def _version_2(folder: Path) -> tuple[int, int]:
    """Quota and period; 0 where there is none."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota), int(period)  # a quota of "max" is none
    return 0, 0


def _version_1(folder: Path) -> tuple[int, int]:
    """Quota and period; 0 where there is none."""
    with suppress(OSError, ValueError):
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return quota, int((folder / "cpu.cfs_period_us").read_text())
    return 0, 0
