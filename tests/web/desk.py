"""A desk that answers from memory, and writes down what it was told to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.clock import Clock
from monitor.errors import Transient
from monitor.web import values
from monitor.web.values import Acknowledgement, AlertDetail, Alerts, Course, Filter, NewSilence, Point, Proof

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ALERT = AlertDetail(
    alert_id=17,
    alert="JsonBroken",
    severity="page",
    state="firing",
    standing="firing",
    labels={"service": "checkout", "environment": "production"},
    title="json failed up ×21 (2.0 % → 42.0 %) on checkout / production",
    started_at=NOW - 8 * MINUTE,
    fired_at=NOW - 8 * MINUTE,
    onset_at=NOW - 20 * MINUTE,
    episode="JsonBroken/page/service=checkout/1",
    reason="the condition holds",
    proof=Proof(
        metric="json.failed",
        title="json failed up",
        summary="Answers break their promise.",
        window=values.Side(calls=100, failures=42, rate=0.42, interval_95=(0.328, 0.518)),
        baseline=values.Side(calls=14_000, failures=280, rate=0.02, interval_95=(0.018, 0.022)),
        contributors=(
            values.Contributor(
                dimension="prompt_version", value="v8", calls=55, failures=41, excess=39.9, share=0.5,
                usual_share=0.25, by_rate=0.31, by_mix=-0.02,
            ),
        ),
        failure_classes=(values.FailureClass(outcome="schema_violation", calls=40),),
        deploys=(values.Marker(at=NOW - 23 * MINUTE, service="checkout", version="v8"),),
        examples=(
            values.Example(
                call_id="c-81", started_at=NOW, outcome="truncated", detail="ended inside a value"
            ),
        ),
        statistic=values.Statistic(name="rate", meaning="Calls that fail."),
        concurrency=values.Concurrency(now=3.2, usual=1.1),
        links=values.Links(runbook="https://wiki.example.com/runbook", dashboard="https://g.example.com/d"),
    ),
    course=Course(
        unit="", start=NOW - 30 * MINUTE, end=NOW, step_s=60,
        points=tuple(
            Point(
                at=NOW - (30 - n) * MINUTE, calls=100, value=None if n == 5 else 0.02 * (1 + 20 * (n >= 10)),
                usual=0.02, low=0.0, high=0.05,
            )
            for n in range(30)
        ),
    ),
    gathered=values.Gathered(
        start=NOW - 22 * MINUTE,
        lanes=(values.LaneCourse(lane="steep", threshold=10.0, scores=tuple(float(n) for n in range(20))),),
    ),
    events=(values.Event(at=NOW - 8 * MINUTE, from_state="pending", to_state="firing", reason="it holds"),),
    deliveries=(
        values.Delivery(
            channel="oncall", kind="trigger", state="failed", at=NOW, created_at=NOW, attempts=3,
            last_error="answered 500",
        ),
    ),
    matchers=('alertname="JsonBroken"', 'service="checkout"'),
)  # fmt: skip

STATUS = values.Status(
    at=NOW, firing=(ALERT,), more_firing=False, lag=3, watermark=NOW, stalled=False, dead_letters=2,
    waiting=1,
    services=(
        values.Service(
            service="checkout", calls=1_000, calls_by_hour=(500, 500),
            scores=(
                values.Score(name="json", rate=0.02, hours=(0.02, None)),
                values.Score(name="tools", rate=None, hours=(None, None)),
            ),
        ),
    ),
    channels=(values.Channel(channel="oncall", failing_since=NOW, error="answered 500"),),
)  # fmt: skip


class AtNow(Clock):
    """It is always then."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class FakeDesk:
    """Answers with one alert; see ``monitor.web.desk.Desk``."""

    def __init__(self, alert: AlertDetail = ALERT) -> None:
        self.shown, self.said = alert, STATUS
        self.wanted: list[Filter] = []
        self.taken: list[tuple[int, str]] = []
        self.silenced: list[tuple[NewSilence, str]] = []
        self.ended: list[int] = []
        self.away = self.over = False

    def status(self) -> values.Status:
        self._answer()
        return self.said

    def alerts(self, wanted: Filter) -> Alerts:
        self._answer()
        self.wanted.append(wanted)
        return Alerts(alerts=(self.shown,), page=wanted.page, more=True, services=("checkout",))

    def alert(self, alert_id: int) -> AlertDetail | None:
        self._answer()
        return self.shown if alert_id == self.shown.alert_id else None

    def acknowledge(self, alert_id: int, by: str) -> Acknowledgement | None:
        self._answer()
        self.taken.append((alert_id, by))
        return None if self.over else Acknowledgement(by=by, at=NOW, source="page")

    def silences(self) -> list[values.Silence]:
        self._answer()
        return [self._silence(3, ('service="checkout"',), "ann", "deploying")]

    def silence(self, wanted: NewSilence, by: str) -> values.Silence:
        self._answer()
        if "{" in wanted.matchers[0]:
            raise ValueError("that is no matcher")
        self.silenced.append((wanted, by))
        return self._silence(4, wanted.matchers, by, wanted.comment)

    def expire(self, silence_id: int) -> bool:
        self._answer()
        self.ended.append(silence_id)
        return silence_id == 3

    def _answer(self) -> None:
        if self.away:
            raise Transient("Postgres can't be reached")

    def _silence(self, id_: int, matchers: tuple[str, ...], by: str, comment: str) -> values.Silence:
        return values.Silence(
            silence_id=id_, state="active", matchers=matchers, starts_at=NOW, ends_at=NOW + 60 * MINUTE,
            created_by=by, comment=comment,
        )  # fmt: skip
