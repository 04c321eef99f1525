"""Silences in Postgres: when they mute, and how they end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.store.silences import Silences
from tests.examples import NOON

HOUR = timedelta(hours=1)


def add(silences: Silences, starts_at: datetime, ends_at: datetime, *matchers: str) -> int:
    return silences.add(
        matchers or ('service="checkout"',),
        starts_at=starts_at,
        ends_at=ends_at,
        created_by="ann",
        comment="deploy",
    )


@pytest.fixture
def silences(engine: sa.Engine) -> Silences:
    return Silences(engine)


def test_a_silence_comes_back_as_it_was_given(silences: Silences) -> None:
    id_ = add(silences, NOON, NOON + HOUR, 'service="check\\"out"', 'route=~"/v1/.*"')
    (found,) = silences.all()
    assert found.silence_id == id_
    assert found.matchers == ('service="check\\"out"', 'route=~"/v1/.*"')
    assert (found.starts_at, found.ends_at) == (NOON, NOON + HOUR)
    assert (found.created_by, found.comment) == ("ann", "deploy")


@pytest.mark.parametrize(
    ("after", "state"),
    [(-1, "pending"), (0, "active"), (3_599, "active"), (3_600, "expired")],
    ids=["before", "at-its-start", "just-before-its-end", "at-its-end"],
)
def test_a_silence_mutes_from_its_start_until_before_its_end(
    silences: Silences, after: int, state: str
) -> None:
    add(silences, NOON, NOON + HOUR)
    at = NOON + timedelta(seconds=after)
    assert silences.all()[0].state(at) == state
    assert bool(silences.muting(at)) is (state == "active")
    assert bool(silences.unexpired(at)) is (state != "expired")


def test_the_one_that_ends_last_comes_first(silences: Silences) -> None:
    first, last, middle = (add(silences, NOON, NOON + n * HOUR) for n in (1, 3, 2))
    assert [silence.silence_id for silence in silences.muting(NOON)] == [last, middle, first]


def test_an_expired_silence_ends_at_once_and_stays_to_be_read(silences: Silences) -> None:
    id_ = add(silences, NOON, NOON + 2 * HOUR)
    assert silences.expire([id_], NOON + HOUR) == [id_]
    (found,) = silences.all()
    assert (found.starts_at, found.ends_at) == (NOON, NOON + HOUR)
    assert silences.muting(NOON + HOUR) == []


def test_a_silence_that_has_not_begun_never_does_once_it_is_expired(silences: Silences) -> None:
    id_ = add(silences, NOON + HOUR, NOON + 2 * HOUR)
    silences.expire([id_], NOON)
    assert [silences.muting(NOON + n * HOUR) for n in (0, 1, 2)] == [[], [], []]


def test_only_what_had_not_ended_is_expired(silences: Silences) -> None:
    over, running = add(silences, NOON, NOON + HOUR), add(silences, NOON, NOON + 3 * HOUR)
    at = NOON + 2 * HOUR
    assert silences.expire([over, running, running + 1_000], at) == [running]
    assert silences.expire([running], at) == []
    assert silences.expire([], at) == []


def stored(engine: sa.Engine, matchers: str, starts_at: str, ends_at: str) -> int:
    """A silence as anybody could write it."""
    adding = sa.text(
        "INSERT INTO silences (matchers, starts_at, ends_at, created_by, comment)"
        " VALUES (CAST(:matchers AS jsonb), CAST(:starts_at AS timestamptz), CAST(:ends_at AS timestamptz),"
        " 'ann', 'x') RETURNING silence_id"
    )
    with engine.begin() as connection:
        values = {"matchers": matchers, "starts_at": starts_at, "ends_at": ends_at}
        return int(connection.execute(adding, values).scalar_one())


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [("2026-01-01", "10000-01-01 13:59:59+00"), ("2026-01-01", "infinity"), ("-infinity", "infinity")],
    ids=["year-10000", "never", "ever"],
)
def test_a_silence_of_times_that_python_does_not_know_mutes_and_can_be_ended(
    engine: sa.Engine, silences: Silences, starts_at: str, ends_at: str
) -> None:
    id_ = stored(engine, '["service=checkout"]', starts_at, ends_at)
    assert [one.silence_id for one in silences.muting(NOON)] == [id_]
    assert silences.expire([id_], NOON) == [id_]
    assert silences.muting(NOON) == []
    assert len(silences.all()) == 1


@pytest.mark.parametrize("matchers", ["[1]", "{}", "null", '"service=checkout"'])
def test_a_row_that_is_no_silence_does_not_hide_the_others(
    engine: sa.Engine, silences: Silences, matchers: str
) -> None:
    stored(engine, matchers, "2026-01-01", "2099-01-01")
    id_ = add(silences, NOON, NOON + HOUR)
    assert [one.silence_id for one in silences.muting(NOON)] == [id_]


@pytest.mark.parametrize("length", [timedelta(), -HOUR], ids=["no-time", "backwards"])
def test_a_silence_that_ends_before_it_starts_is_refused(silences: Silences, length: timedelta) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        add(silences, NOON, NOON + length)
