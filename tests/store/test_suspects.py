"""What is known of records that workers have ended at."""

from __future__ import annotations

import sqlalchemy as sa

from monitor.records import Place
from monitor.store.suspects import acquit, deaths, read_suspects, suspect

PLACE, NEXT = Place("calls", 0, 7), Place("calls", 0, 8)


def test_every_worker_that_ended_at_a_record_counts_until_the_record_is_dealt_with(engine: sa.Engine) -> None:
    assert deaths(engine, PLACE) == 0
    for number in (1, 2):
        suspect(engine, PLACE, f"killed {number}")
        assert deaths(engine, PLACE) == number
    suspect(engine, NEXT, "killed")
    with engine.begin() as connection:
        assert read_suspects(connection) == {PLACE, NEXT}
        acquit(connection, [PLACE])
    assert (deaths(engine, PLACE), deaths(engine, NEXT)) == (0, 1)
