"""One proof: a service with traffic, something that is broken meanwhile, and the account of it.

In come a running service and its traffic; out goes one row of the table in ``docs/reliability.md`` for each
fault. A row is only made when everything adds up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from monitor.durations import seconds
from tests.faults.account import behind, compare, compare_with_rebuild, ends, settled
from tests.faults.stage import PART_WAIT, Stage

#: Seconds in which a service has to get on with what is in Kafka: after that, it hangs.
PATIENCE_S = 120.0

#: Records that are produced each second while something is broken.
PER_SECOND = 200


class Row(msgspec.Struct, frozen=True):
    """One row of the table."""

    fault: str
    times: int
    produced: int
    stored: int
    lost: int
    doubled: int
    recovery_s: float
    """The longest of them: from the end of the fault until all that was in Kafka by then is saved."""
    note: str = ""


class Proof:
    """Breaks things under a service and counts.

    Args:
        stage: the service, which runs, and its traffic.
        record: where rows go.
        per_second: records that are produced meanwhile.
    """

    def __init__(self, stage: Stage, record: Callable[[Row], None], *, per_second: int = PER_SECOND) -> None:
        self.service, self.traffic = stage
        self._record = record
        self._per_second = per_second
        self._recoveries: list[float] = []
        self._times = 0

    @contextmanager
    def of(self, fault: str, *, note: Callable[[], str] = str) -> Iterator[None]:
        """Traffic flows while the block breaks things and calls ``mended``; then everything is compared.

        Args:
            fault: what the table calls it.
            note: what else the table says, asked at the end.
        """
        since = len(self.traffic.calls)
        self._recoveries, self._times = [], 0
        saved = self.service.ledger()[0]
        self.traffic.start(self._per_second)
        try:
            self.service.wait_for("traffic to flow", lambda: self.service.ledger()[0] > saved)
            yield
        finally:
            self.traffic.stop()
        self._catch_up()
        # Half a call whose other half was lost with its worker is taken for whole when it has waited.
        self.service.wait_for(
            "rollups", lambda: settled(self.service), within=PATIENCE_S + seconds(PART_WAIT)
        )
        account = compare(self.service, self.traffic, since=since)
        problems = [
            *account.problems,
            *compare_with_rebuild(self.service, self.traffic, self.service.wait_for),
        ]
        if account.lost or account.doubled or problems:
            pytest.fail(f"{fault}: {account.lost} lost, {account.doubled} doubled; {'; '.join(problems)}")
        self._record(
            Row(
                fault=fault,
                times=self._times,
                produced=account.produced,
                stored=account.stored,
                lost=account.lost,
                doubled=account.doubled,
                recovery_s=max(self._recoveries),
                note=note(),
            )
        )

    def mended(self, times: int = 1) -> None:
        """The fault is over: wait until what is in Kafka now is saved, and note how long that took.

        Args:
            times: how often it was tried since this was last called.
        """
        began = time.monotonic()
        self._catch_up()
        self._recoveries.append(time.monotonic() - began)
        self._times += times

    def _catch_up(self) -> None:
        log = ends(self.service.bootstrap_servers, self.traffic.topic)
        while left := behind(self.service, log):
            self.service.wait_for(
                f"more of the {left} records that are in Kafka",
                lambda: behind(self.service, log) < left,
                within=PATIENCE_S,
            )
