"""Alerts reach a real Alertmanager, which groups, is silenced, tells us once, and hears of their end.

What the fake of the other tests takes and refuses is what this one takes and refuses.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from msgspec import structs

from monitor.clock import SystemClock
from monitor.notify.alertmanager import AlertmanagerChannel, StandingAlert
from monitor.notify.page import Page
from monitor.resending import Resending
from monitor.routing import Routing
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts, Evaluated
from monitor.store.current import Current
from monitor.store.outbox import Outbox
from monitor.store.tables import consumer_offsets
from tests.integration.running import Running
from tests.notify.alertmanager_server import Alertmanager as Fake
from tests.notify.pages import HOSTILE, PAGES, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, judged_by
from tests.services.alertmanager import Alertmanager
from tests.town import threshold

pytestmark = pytest.mark.one_postgres

PATIENCE_S = 30.0
MINUTE = timedelta(minutes=1)

_RULES = """
groups:
  - name: log
    rules:
      - alert: NAME
        kind: absence
        absent: watermark
        for: 0s
        severity: page
        runbook_url: https://example.com/stale
"""

#: A partition that nobody has read for an hour.
_STALLED: dict[str, Any] = {
    "topic": "calls",
    "partition": 0,
    **dict.fromkeys(("next_offset", "end_offset", "records", "stored", "duplicates", "dead_letters"), 0),
    "updated_at": datetime.now(UTC) - 60 * MINUTE,
    "reached_at": datetime.now(UTC) - 60 * MINUTE,
}


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database)
    yield made
    made.dispose()


class Monitor:
    """A database whose alerts are sent to an Alertmanager."""

    def __init__(self, engine: sa.Engine, alertmanager: Alertmanager) -> None:
        self.name = f"Alert{uuid4().hex}"
        self._engine, self._url = engine, alertmanager.url
        self._alerts = Alerts(engine)

    def leader(self) -> Resending:
        """One that has just begun to lead: it sends everything."""
        engine, clock = self._engine, SystemClock()
        return Resending(
            "am",
            AlertmanagerChannel((self._url,), clock),
            {rule.key: rule for rule in [threshold(alert=self.name, by=("service",))]},
            Routing([], ["am"]),
            Current(engine),
            Alerts(engine),
            Outbox(engine),
            fallback=None,
            clock=clock,
            count=lambda channel, result: None,
        )

    def alert(self, state: str, service: str) -> None:
        """An evaluation found that the alert of a service is in this state."""
        change = AlertChange(
            rule=self.name, labels={"service": service}, severity="page", state=state, before=None,
            standing=state, at=datetime.now(UTC), episode=f"{self.name}/1", told=True,
        )  # fmt: skip
        assert self._alerts.commit(Evaluated((), (change,), (), ()), datetime.now(UTC))


@pytest.fixture
def monitor(engine: sa.Engine, alertmanager: Alertmanager) -> Monitor:
    return Monitor(engine, alertmanager)


def marked(name: str) -> Page:
    """A test page of now."""
    return structs.replace(PAGES["test"], alert=name, started_at=datetime.now(UTC))


def soon(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_alerts_that_fire_together_are_grouped_told_once_and_resolved(
    alertmanager: Alertmanager, monitor: Monitor
) -> None:
    for service in ("shop", "search"):
        monitor.alert("firing", service)
    leader = monitor.leader()
    leader.send()
    assert {one["labels"]["service"] for one in alertmanager.alerts(monitor.name)} == {"shop", "search"}
    soon(lambda: alertmanager.told(monitor.name))
    for _ in range(5):
        monitor.leader().send()  # all of it again
    monitor.alert("resolved", "shop")
    monitor.alert("resolved", "search")
    leader.send()
    soon(lambda: len(alertmanager.told(monitor.name)) > 1)
    for _ in range(5):
        monitor.leader().send()
    assert alertmanager.alerts(monitor.name) == []
    fired, resolved = alertmanager.told(monitor.name)
    assert (fired["status"], resolved["status"]) == ("firing", "resolved")
    for told in (fired, resolved):
        assert {one["labels"]["service"] for one in told["alerts"]} == {"shop", "search"}
    assert fired["commonLabels"]["severity"] == "page"
    assert [one["startsAt"] for one in fired["alerts"]] == [one["startsAt"] for one in resolved["alerts"]]


def test_an_alert_that_is_silenced_there_is_not_told_until_the_silence_ends(
    alertmanager: Alertmanager, monitor: Monitor
) -> None:
    now = datetime.now(UTC)
    silence = alertmanager.ask(
        "POST",
        "/silences",
        json={
            "matchers": [
                {"name": "alertname", "value": monitor.name, "isRegex": False},
                {"name": "service", "value": "shop", "isRegex": False},
            ],
            "startsAt": (now - MINUTE).isoformat(),
            "endsAt": (now + 10 * MINUTE).isoformat(),
            "createdBy": "ada",
            "comment": "known",
        },
    )["silenceID"]
    for service in ("shop", "search"):
        monitor.alert("firing", service)
    monitor.leader().send()
    soon(lambda: alertmanager.told(monitor.name))
    states = {one["labels"]["service"]: one["status"]["state"] for one in alertmanager.alerts(monitor.name)}
    assert states == {"shop": "suppressed", "search": "active"}
    (told,) = alertmanager.told(monitor.name)
    assert [one["labels"]["service"] for one in told["alerts"]] == ["search"]
    alertmanager.ask("DELETE", f"/silence/{silence}")
    soon(lambda: len(alertmanager.told(monitor.name)) > 1)
    _, both = alertmanager.told(monitor.name)
    assert {one["labels"]["service"] for one in both["alerts"]} == {"shop", "search"}


def test_a_leader_keeps_it_up_to_date_and_notifies_the_others(
    alertmanager: Alertmanager, database: str, tmp_path: Path
) -> None:
    """The whole service but for its workers: what is not read is what the alert is about."""
    name = f"Stale{uuid4().hex}"
    (tmp_path / "rules.yaml").write_text(_RULES.replace("NAME", name))
    channels = {"am": {"kind": "alertmanager", "urls": [alertmanager.url]}, "log": {"kind": "log"}}
    with Running(
        tmp_path, "127.0.0.1:1", database, "calls",
        options=["--only", "control"], channels=channels, rules=["rules.yaml"],
    ) as service:  # fmt: skip
        with service.engine.begin() as connection:
            connection.execute(sa.insert(consumer_offsets).values(_STALLED))
        service.wait_for("the alert", lambda: bool(alertmanager.alerts(name)))
        (alert,) = alertmanager.alerts(name)
        assert alert["labels"] == {"alertname": name, "severity": "page", "metric": "absent.watermark"}
        told = service.query("SELECT DISTINCT channel FROM outbox")
        assert told == [("log",)]
        Outbox(service.engine).put("am", marked(f"Test{name}").to_json(), datetime.now(UTC))
        service.wait_for("the test", lambda: bool(alertmanager.alerts(f"Test{name}")))


def test_a_test_page_arrives_marked(alertmanager: Alertmanager) -> None:
    name = f"Test{uuid4().hex}"
    AlertmanagerChannel((alertmanager.url,), SystemClock()).send(notification(marked(name)))
    (alert,) = alertmanager.alerts(name)
    assert "This is a test" in alert["annotations"]["description"]


# --------------------------------------------------------------------------------- the fake, and the real one


@pytest.mark.parametrize(
    "text", ["", HOSTILE, WIDE * 9_000, "\x00" * 9_000], ids=["as_is", "hostile", "wide", "control"]
)
def test_whatever_a_page_says_the_real_one_takes_it_as_the_fake_does(
    alertmanager: Alertmanager, text: str
) -> None:
    now = datetime.now(UTC)
    name, fake = f"Any{uuid4().hex}", Fake()
    alerts = [
        StandingAlert(structs.replace(swollen(page, text), alert=name, severity=kind), now, now + 4 * MINUTE)
        for kind, page in PAGES.items()
    ]
    with Receiver() as receiver:
        receiver.answer = judged_by(fake)
        AlertmanagerChannel((alertmanager.url,), SystemClock()).post(alerts)
        AlertmanagerChannel((receiver.url,), SystemClock()).post(alerts)
    kept = {one["labels"]["severity"]: one for one in alertmanager.alerts(name)}
    assert kept.keys() == PAGES.keys()
    for one in fake.alerts.values():
        real = kept[one["labels"]["severity"]]
        assert (real["labels"], real["annotations"]) == (one["labels"], one["annotations"])
    assert len(fake.alerts) == len(PAGES)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"labels": {}},
        {"labels": {"alertname": ""}},
        {"labels": {"alert-name": "x"}},
        {"labels": {"2nd": "x"}},
        {"labels": {"alertname": 7}},
        {"annotations": {"a b": "x"}},
        {"annotations": {"a": ""}},
        {"endsAt": "2026-03-10T12:00:00.000Z"},
        {"generatorURL": "no url"},
    ],
    ids=[
        "good", "no_labels", "empty_labels", "hyphen", "digit", "number", "annotation", "empty_annotation",
        "end_before_start", "no_url",
    ],
)  # fmt: skip
def test_the_real_one_refuses_what_the_fake_refuses(
    alertmanager: Alertmanager, change: dict[str, Any]
) -> None:
    alert = {
        "labels": {"alertname": "Refused"},
        "annotations": {},
        "startsAt": "2026-03-10T12:02:00.000Z",
        "endsAt": "2026-03-10T12:06:00.000Z",
        "generatorURL": "https://monitor.example.com/alerts/17",
    }
    body = json.dumps([{**alert, **change}]).encode()
    headers = {"content-type": "application/json"}
    real = httpx.post(f"{alertmanager.url}/api/v2/alerts", content=body, headers=headers)
    fake = Fake()(Post("/api/v2/alerts", headers, body))
    assert real.is_success == (fake.status == 200)
