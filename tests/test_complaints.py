"""What users of other systems complain about (alerting reference, §5), each as a test by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.rules.baseline import seasonal
from monitor.rules.judge import Compared, Counted, Reading, judge, lanes_for
from monitor.rules.memory import Memory
from monitor.rules.model import AbsenceRule, RegressionRule
from monitor.rules.states import CODE, Verdict
from monitor.store import connect
from monitor.store.tables import alert_events, outbox
from tests.examples import NOON
from tests.town import BEFORE, CHANNELS, MINUTE, Town, regression, threshold

pytestmark = pytest.mark.one_postgres

HOUR = timedelta(hours=1)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=4)
    yield made
    made.dispose()


def by_the_minute(**settings: Any) -> Any:
    return threshold(**{"by": ("service",), "window": "1m", "channels": ("oncall",), **settings})


def states_of(town: Town) -> list[str]:
    """Every state that was gone to, in order."""
    return [row.to_state for row in town.rows(alert_events)]


def episodes_of(town: Town) -> set[str]:
    return {row.episode for row in town.rows(outbox)}


def test_flapping(engine: sa.Engine) -> None:
    """Alertmanager 204, 3048: bad and good by turns is one page, whatever it does."""
    town = Town(engine, by_the_minute(keep_firing_for="3m", clear=0.02))
    for n in range(24):
        bad = 20 if n % 3 == 0 else (3, 0)[n % 2]
        town.calls(100 - bad, bad)
        town.evaluate()
    assert town.told() == [("oncall", "firing")]


def test_flapping_that_ends_and_begins_again_is_one_episode(engine: sa.Engine) -> None:
    """Prometheus 6816: where it does end each time, the next is an update of the same page."""
    town = Town(engine, by_the_minute())
    for n in range(8):
        town.calls(70, 30 * (n % 2))
        town.evaluate()
    assert [row.kind for row in town.rows(outbox)] == ["trigger", *["resolve", "update"] * 3]
    assert len(episodes_of(town)) == 1


def test_one_missing_sample_does_not_reset_for(engine: sa.Engine) -> None:
    """Prometheus 14085."""
    town = Town(engine, by_the_minute(for_="3m"))
    for n in range(4):
        if n != 2:
            town.calls(50, 50)
        town.evaluate()
    assert town.states() == {"shop": "firing"}
    assert town.rows(alert_events)[-1].at == NOON + 4 * MINUTE


def test_a_false_recovery_when_calls_stop(engine: sa.Engine) -> None:
    """Grafana 57115, 82578: no data is no recovery, however long, and its own state with a reason."""
    town = Town(engine, by_the_minute())
    town.calls(50, 50)
    town.evaluate()
    for _ in range(40):
        town.evaluate()
    assert town.states() == {"shop": "firing"}
    assert town.told() == [("oncall", "firing")]
    assert states_of(town) == ["firing", "no_data"]
    assert town.rows(alert_events)[-1].reason.startswith("no calls")


def test_noise_of_no_data(engine: sa.Engine) -> None:
    """Grafana 36928, 101290: nothing to judge alerts nobody, and is written down once it lasts."""
    town = Town(engine, by_the_minute())
    for n in range(50):
        if n in (0, 1, 10):
            town.calls(100)
        town.evaluate()
    assert (town.states(), town.told()) == ({}, [])
    assert states_of(town) == ["no_data"]


def test_no_data_missing_series_and_too_little_are_told_apart(engine: sa.Engine) -> None:
    """SigNoz 11980: of four services all fire; then one is well, one thin, one gone, and then all are."""
    town = Town(engine, by_the_minute(), by_the_minute(alert="Alone", where={"service": "gone"}))
    for service in ("well", "thin", "gone"):
        town.calls(50, 50, service=service)
    town.evaluate()
    town.calls(100, service="well")
    town.calls(5, service="thin")
    town.evaluate()
    standing = {(row.rule, row.labels["service"]): row.to_state for row in town.rows(alert_events)}
    assert standing == {
        ("High", "well"): "normal",
        ("High", "thin"): "insufficient_data",
        ("High", "gone"): "missing_series",
        ("Alone", "gone"): "no_data",
    }


def test_low_traffic(engine: sa.Engine) -> None:
    """Sentry 37248, 45489: one failure of one, or of three, is 100 % and 33 %, and nothing."""
    town = Town(engine, regression(minimum_calls=1), regression(alert="Gathered", evidence="cusum"))
    town.calls(300, ago=BEFORE)
    for _ in range(10):
        town.calls(2, 1)
        town.evaluate(9 * MINUTE)
    assert (town.states(), town.told()) == ({}, [])


def test_nothing_of_nothing(engine: sa.Engine) -> None:
    """Mimir 10831, Sloth 231: 0 of 0 is neither 0 % nor 100 %."""
    town = Town(engine, by_the_minute(minimum_calls=1), by_the_minute(alert="Low", above=None, below=0.5))
    town.calls(0, ago=HOUR)
    town.calls(100, 1, ago=HOUR, service="shop")
    for _ in range(3):
        town.evaluate()
    assert (town.states(), town.told()) == ({}, [])


def test_a_partial_bucket(engine: sa.Engine) -> None:
    """PostHog 91700: a minute is not judged before it is closed, and then with all its calls."""
    town = Town(engine, by_the_minute())
    town.calls(100, ago=MINUTE)
    town.calls(0, 30)
    assert town.evaluator.evaluate(NOON - MINUTE, NOON + timedelta(seconds=30)) == 0
    town.calls(970)
    assert town.evaluate() == 0, "30 of 1,000"
    assert town.states() == {}


def test_a_late_run_finds_what_one_in_time_would_have(engine: sa.Engine) -> None:
    """SigNoz 9279: what is found of a minute does not depend on when it is evaluated."""
    rules = (by_the_minute(for_="1m", keep_firing_for="2m"), by_the_minute(alert="Late", above=0.2))
    town = Town(engine, *rules)
    for n in range(20):
        town.calls(70, 30 * (n // 4 % 2))
        town.at += MINUTE
    town.at = NOON
    in_time, late = town.evaluator, town.replica(*rules)
    for n in range(10):
        in_time.evaluate(NOON + n * MINUTE, NOON + (n + 1) * MINUTE)
    late.evaluate(NOON + 19 * MINUTE, NOON + HOUR)
    moments = [(row.rule, row.to_state, (row.at - NOON) // MINUTE) for row in town.rows(alert_events)]
    assert moments == [
        ("High", "pending", 5),
        ("Late", "firing", 5),
        ("High", "firing", 6),
        ("High", "recovering", 9),
        ("Late", "normal", 9),
        ("High", "normal", 11),
        ("High", "pending", 13),
        ("Late", "firing", 13),
        ("High", "firing", 14),
        ("High", "recovering", 17),
        ("Late", "normal", 17),
        ("High", "normal", 19),
    ]


def test_duplicate_pages_from_two_evaluators(engine: sa.Engine) -> None:
    """Alertmanager 2222, Grafana 64805: two replicas that both evaluate every minute tell it once."""
    town = Town(engine, by_the_minute())
    other = town.replica(by_the_minute())
    for bad in (50, 50, 0, 0, 50):
        town.calls(100 - bad, bad)
        minute = town.at
        town.evaluate()
        other.evaluate(minute, town.at)
    assert [status for _, status in town.told()] == ["firing", "resolved", "firing"]
    assert states_of(town) == ["firing", "normal", "firing"]


def test_the_same_alert_a_hundred_times(engine: sa.Engine) -> None:
    """LiteLLM 3208: as long as it fires, it was told once."""
    town = Town(engine, by_the_minute())
    town.calls(50, 50)
    town.evaluate()
    for _ in range(100):
        town.calls(0, 20)
        town.evaluate()
    assert town.told() == [("oncall", "firing")]


def test_a_storm(engine: sa.Engine) -> None:
    """Alertmanager 2274: many at once are one page with a table; one more updates it; none is dropped."""
    town = Town(engine, by_the_minute(by=("service", "route")))
    for n in range(60):
        town.calls(0, 20, route=f"r{n}")
    town.evaluate()
    [page] = town.rows(outbox)
    assert (len(page.payload["alerts"]), page.payload["more"]) == (20, 40)
    assert len(town.states()) == 60
    town.calls(0, 20, route="one more")
    town.evaluate()
    [_, update] = town.rows(outbox)
    assert (update.kind, update.episode) == ("update", page.episode)
    assert update.payload["alerts"][0]["labels"]["route"] == "one more"
    assert len(town.states()) == 61


def test_a_stalled_log_is_one_alert_and_holds_the_others(engine: sa.Engine) -> None:
    """Mimir and SigNoz: a log that is not read looks like traffic that stopped, and like a recovery."""
    unread = AbsenceRule(alert="Unread", absent="watermark", keep_firing_for="0s", runbook_url="x")
    town = Town(engine, by_the_minute(), unread)
    town.calls(50, 50)
    town.evaluate()
    for _ in range(10):
        town.at += MINUTE
        town.evaluator.evaluate(NOON, town.at, stalled=True)
    told = [(row.payload["alert"], row.payload["status"]) for row in town.rows(outbox)]
    assert sorted(set(told)) == [("High", "firing"), ("Unread", "firing")]
    assert len(told) == 1 + len(CHANNELS)
    assert states_of(town).count("stale") == 1
    assert town.states()["shop"] == "firing"


# -------------------------------------------------------------------------------------------- seasonality


def fires_on(rates: np.ndarray, today: float, *, minutes: int = 240) -> bool:
    """Whether a rule with a seasonal baseline fires in some hours at this rate, after days at those."""
    calls = np.full((1, 28, 3), 200.0 * 60)
    found = seasonal(calls, calls * rates[np.newaxis, :, np.newaxis], 0.5)
    compared = Compared(found, found.rate, np.zeros(1))
    rule = RegressionRule(alert="A", metric="errors", runbook_url="x")
    memory = Memory(lanes_for(rule))
    memory.grow([()])
    for _ in range(minutes):
        minute, short, window = (
            Counted(np.array([200.0 * length]), np.array([200.0 * length * today])) for length in (1, 5, 60)
        )
        reading = Reading(minute=minute, short=short, window=window, compared=compared)
        if judge(rule, memory, reading)[0] == CODE[Verdict.BREACH]:
            return True
    return False


#: 0 is yesterday; today is a Saturday.
WEEKEND = np.isin(np.arange(28) % 7, (6, 5))


def test_seasonality_of_the_day() -> None:
    """Sentry 53577: what fails every night at this time is no regression tonight."""
    assert not fires_on(np.full(28, 0.08), 0.08)
    assert fires_on(np.full(28, 0.08), 0.16)


def test_seasonality_of_the_week() -> None:
    """Sentry 70310: what is half as high again each weekend is no regression this Saturday."""
    rates = np.where(WEEKEND, 0.03, 0.02)
    assert not fires_on(rates, 0.03)
    assert fires_on(rates, 0.06)


def test_an_incident_of_last_week_hides_none_of_today() -> None:
    rates = np.where(np.arange(28) == 6, 0.5, 0.02)
    assert fires_on(rates, 0.05)
