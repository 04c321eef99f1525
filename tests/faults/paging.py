"""Pages under faults: episodes go into a database, services deliver them, and the receiver's side is counted.

In come faults; out goes one row of the table for each. Of a row "produced" are episodes and "stored" those
whose end arrived. What arrives again with the same ``webhook-id`` is known by it, so it counts once.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from monitor.notify.page import Page
from monitor.store.alerts import AlertChange, Alerts, Evaluated
from tests.faults.proof import PATIENCE_S, Row
from tests.integration.running import Running
from tests.notify.pages import page
from tests.notify.receiver import Answer, Receiver, Request, status
from tests.store.helpers import evaluated

_OPEN = "delivered_at IS NULL AND failed_at IS NULL AND superseded_at IS NULL"


class Paging:
    """A database, a receiver, and as many services as are started, all of which deliver.

    Args:
        folder: for configurations and logs.
        database: the URL of a migrated database.
        record: where rows go.
        waits: whether leases are waited for; else they are ended by hand.
    """

    def __init__(self, folder: Path, database: str, record: Callable[[Row], None], *, waits: bool) -> None:
        self._folder, self._database, self._record, self._waits = folder, database, record, waits
        self._stack = ExitStack()
        self._episodes: list[str] = []
        self._fault = ""
        self._released = threading.Event()
        self._began_at = 0
        self.times = 0
        self.receiver = Receiver()
        self.service = self._made()

    def __enter__(self) -> Paging:
        self._stack.enter_context(self.receiver)
        self._stack.callback(self._released.set)
        self._stack.enter_context(self.service)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def another(self) -> Running:
        """One more service on the same database."""
        return self._stack.enter_context(self._made())

    def fire(self, count: int) -> list[str]:
        """So many alerts fire, each an episode of its own; gives their names."""
        new = [f"{self._fault} {len(self._episodes) + number}" for number in range(count)]
        self._episodes += new
        self._change(new, "firing", None)
        return new

    def resolve(self, episodes: list[str]) -> None:
        """These alerts are over."""
        self._change(episodes, "resolved", "firing")

    def does(self, answer: Answer) -> None:
        """From now on the receiver does this."""
        self._began_at = len(self.receiver.posts)
        self.receiver.answer = answer

    def hold(self) -> None:
        """From now on the receiver takes what comes, and its answer does not come before ``answer``."""
        self._released.clear()
        self.does(self._held)

    def answer(self) -> None:
        """The receiver answers again, also what it has held."""
        self.does(status(204))
        self._released.set()

    def drop(self) -> None:
        """From now on the receiver takes what comes, and the network drops its answer."""
        self.does(_dropped)

    def wait_for_posts(self, count: int) -> None:
        """Wait until the receiver got so many requests since it last began to do something else."""
        until = self._began_at + count
        self.service.wait_for("requests", lambda: len(self.receiver.posts) >= until, within=PATIENCE_S)

    def outlast_leases(self) -> None:
        """What a service that is gone had taken can be taken again: in the long form after its lease."""
        if not self._waits:
            with self.service.engine.begin() as connection:
                connection.exec_driver_sql(f"UPDATE outbox SET next_attempt_at = now() WHERE {_OPEN}")

    @contextmanager
    def of(self, fault: str) -> Iterator[None]:
        """The block lets alerts fire and breaks something; then they are resolved, and everything is counted.

        Args:
            fault: what the table calls it.
        """
        self._fault, self._episodes, self.times = fault, [], 0
        before = len(self.receiver.posts)
        yield
        began = time.monotonic()
        self.outlast_leases()
        self._settle()
        took = time.monotonic() - began
        self.resolve(self._episodes)
        self._settle()
        ids, pages = self._arrived(before)
        heard = {name: [one.status for one in pages if one.episode == name] for name in self._episodes}
        lost = sum(said[-1:] != ["resolved"] for said in heard.values())
        doubled = sum(len(said) != len(set(said)) for said in heard.values())
        if lost or doubled:
            wrong = {name: said for name, said in heard.items() if said != ["firing", "resolved"]}
            pytest.fail(f"{fault}: {lost} without their end at last, {doubled} told twice: {wrong}")
        again = len(self.receiver.posts) - before - ids
        self._record(
            Row(
                fault=fault,
                times=self.times,
                produced=len(heard),
                stored=len(heard) - lost,
                lost=lost,
                doubled=doubled,
                recovery_s=took,
                note=f"{again} came again with their webhook-id",
            )
        )

    def _arrived(self, since: int) -> tuple[int, list[Page]]:
        """What came, each id once: how many those are, and their pages as they first arrived."""
        first: dict[str, Page] = {}
        for post in self.receiver.posts[since:]:
            first.setdefault(post.headers["webhook-id"], msgspec.json.decode(post.body, type=Page))
        return len(first), list(first.values())

    def _settle(self) -> None:
        def nothing_waits() -> bool:
            [[waiting]] = self.service.query(f"SELECT count(*) FROM outbox WHERE {_OPEN}")
            return bool(waiting == 0)

        self.service.wait_for("everything to be delivered", nothing_waits, within=PATIENCE_S)

    def _change(self, episodes: list[str], state: str, before: str | None) -> None:
        # In one transaction, so that one pass finds them all.
        now, found = datetime.now(UTC), []
        firing = state == "firing"
        for name in episodes:
            change = AlertChange(
                rule=name,
                labels={},
                severity="page",
                state=state,
                before=before,
                standing=state,
                at=now,
                episode=name,
            )
            said = page(
                kind="trigger" if firing else "resolve",
                status=state,
                episode=name,
                title=f"{name} {state}",
                started_at=now,
                at=now,
            )
            found.append(evaluated(change, channels=["oncall"], payload=said.to_json()))
        whole = Evaluated(
            changes=[change for one in found for change in one.changes],
            events=[event for one in found for event in one.events],
            tellings=[telling for one in found for telling in one.tellings],
        )
        assert Alerts(self.service.engine).commit(whole, now)

    def _made(self) -> Running:
        return Running(
            self._folder,
            "127.0.0.1:9",  # nothing here reads Kafka
            self._database,
            "calls",
            options=["--only", "control"],
            channels={"oncall": {"kind": "webhook", "url": self.receiver.url}, "log": {"kind": "log"}},
        )

    def _held(self, request: Request) -> None:
        self._released.wait()
        status(204)(request)


def _dropped(request: Request) -> None:
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)
