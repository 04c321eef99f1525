"""Series: one id for one combination of dimensions, everywhere and for good, and no more than the cap."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.decode import clean
from monitor.errors import Fenced
from monitor.records import DIMENSIONS, dimensions
from monitor.store import PostgresStore
from monitor.store import series as series_module
from monitor.store.series import FORGOTTEN_S, OTHER, SeriesIds, free_values, series_key
from tests.examples import batch, call, scored
from tests.store.helpers import rows, run_at_once

Key = tuple[str, ...]


def key(**named: str) -> Key:
    """A combination with these dimensions, and the others empty."""
    return tuple(named.get(name, "") for name in DIMENSIONS)


def stored(engine: sa.Engine) -> dict[Key, int]:
    """What the table holds."""
    found = rows(engine, f"SELECT series_id, {', '.join(DIMENSIONS)} FROM series")
    return {tuple(row[1:]): row.series_id for row in found}


def test_the_dimensions_of_a_call_are_the_columns_of_its_series(engine: sa.Engine) -> None:
    fields: dict[str, Any] = {name: f"the {name}" for name in DIMENSIONS}
    PostgresStore(engine).save(batch([scored(**fields)]))
    (found,) = rows(engine, "SELECT * FROM series")
    assert {name: getattr(found, name) for name in DIMENSIONS} == fields
    assert bytes(found.key) == series_key(dimensions(call(**fields)))
    assert rows(engine, "SELECT series_id FROM calls") == [(found.series_id,)]


def test_every_store_finds_the_same_ids(engine: sa.Engine) -> None:
    wanted = {key(service=f"s{n}", route=f"r{n % 3}") for n in range(20)}
    first = SeriesIds().resolve(engine, wanted)
    assert SeriesIds().resolve(engine, wanted) == first == stored(engine)


def test_another_process_finds_the_same_ids(engine: sa.Engine) -> None:
    wanted = sorted(key(service=f"s{n}", agent="čáp") for n in range(5))
    program = f"""
import json, sys
from monitor.store import connect
from monitor.store.series import SeriesIds
engine = connect({engine.url.render_as_string(hide_password=False)!r})
wanted = [tuple(key) for key in json.loads(sys.argv[1])]
ids = SeriesIds().resolve(engine, wanted)
print(json.dumps([ids[key] for key in wanted]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(wanted)], capture_output=True, text=True, check=True
    )
    ids = SeriesIds().resolve(engine, wanted)
    assert json.loads(done.stdout) == [ids[one] for one in wanted]


def versions(*names: str) -> list[Key]:
    return [key(service="shop", prompt_version=name) for name in names]


def test_values_that_no_kept_call_has_are_freed_and_a_worker_learns_of_it(engine: sa.Engine) -> None:
    """A deploy a day uses up any number of versions; ids that a worker remembers stay good."""
    now = 0.0
    ids = SeriesIds(2, monotonic=lambda: now)
    store = PostgresStore(engine)
    store.save(batch([scored("a", service="shop", prompt_version="kept")]))
    before = ids.resolve(engine, versions("kept", "old"))
    assert free_values(engine) == 0, "calls of what is new may be on their way"
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE series SET first_seen = now() - interval '2 days'"))
    (folded,) = ids.resolve(engine, versions("today")).values()
    assert stored(engine)[key(service="shop", prompt_version=OTHER)] == folded
    assert free_values(engine) == 1
    assert ids.resolve(engine, versions("kept", "old", "today")) == {
        **before,
        key(service="shop", prompt_version="today"): folded,
    }
    now = FORGOTTEN_S
    after = ids.resolve(engine, versions("kept", "old", "today"))
    assert {one: after[one] for one in before} == before
    assert stored(engine)[key(service="shop", prompt_version="today")] != folded


def test_the_key_of_a_series_never_changes() -> None:
    """It is stored: another key for the same dimensions would make every series anew."""
    dimensions = ("a", "", 'with "quotes", commas', "žluťoučký")
    text = json.dumps(dimensions, separators=(",", ":"), ensure_ascii=False)
    assert series_key(dimensions) == hashlib.sha256(text.encode()).digest()
    assert series_key(("1", "2")).hex() == "cc3f2a1ffd63c4db19e0114b93a94b774e4a2d07a2a5ec5b193303ac1387d633"


def test_a_series_that_is_known_is_not_asked_for_again(engine: sa.Engine) -> None:
    ids = SeriesIds()
    first = dict(ids.resolve(engine, [key(service="a")]))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE series RENAME TO away"))
    assert ids.resolve(engine, [key(service="a")]) == first
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO series"))


def test_a_series_that_is_there_uses_up_no_id(engine: sa.Engine) -> None:
    """Ids end at two thousand million: workers that start again must not use them up."""
    wanted = [key(service=f"s{n}") for n in range(50)]
    for _ in range(5):
        SeriesIds().resolve(engine, wanted)
    last = max(stored(engine).values())
    assert SeriesIds().resolve(engine, [key(service="new")])[key(service="new")] == last + 1


def test_two_workers_with_the_same_news_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    wanted = [key(service=f"s{n % 10}", route=f"r{n}") for n in range(300)]
    found: list[dict[Key, int]] = []
    run_at_once(
        *(
            lambda mine=mine: found.append(dict(SeriesIds().resolve(engine, mine)))
            for mine in (wanted, wanted[::-1], wanted[150:] + wanted[:150])
        )
    )
    assert found[0] == found[1] == found[2] == stored(engine)


def test_thousands_of_new_combinations_in_one_batch(engine: sa.Engine) -> None:
    wanted = {key(service=f"s{a}", route=f"r{b}") for a in range(80) for b in range(80)}
    ids = SeriesIds().resolve(engine, wanted)
    assert len(set(ids.values())) == len(wanted) == 6_400


def test_more_combinations_than_a_statement_has_parameters(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO series (key, {', '.join(DIMENSIONS)}) SELECT sha256(convert_to("
                """ '["' || n % 300 || '","' || n || '","","","","","","","",""]', 'UTF8')),"""
                " n % 300, n, '', '', '', '', '', '', '', '' FROM generate_series(1, 66000) AS n"
            )
        )
    wanted = [key(service=str(n % 300), environment=str(n)) for n in range(1, 66_001)]
    ids = SeriesIds(max_values=100_000).resolve(engine, wanted)
    assert len(set(ids.values())) == 66_000


def test_a_model_name_of_ten_kilobytes_is_a_series(engine: sa.Engine) -> None:
    long = key(model_served="".join(chr(0x4E00 + 37 * n % 20_000) for n in range(3_500)))
    assert stored(engine) == {}
    assert SeriesIds().resolve(engine, [long]) == stored(engine)
    assert list(stored(engine)) == [long]


def test_a_model_name_of_ten_kilobytes_is_cut_long_before_it_is_a_series(engine: sa.Engine) -> None:
    cleaned = clean.clean(call(service="shop", model_served="x" * 10_000))
    (found,) = SeriesIds().resolve(engine, [dimensions(cleaned)])
    assert found == key(service="shop", operation="chat", model_served="x" * clean.MAX_NAME)


def test_a_value_over_the_cap_becomes_other_and_is_counted(engine: sa.Engine) -> None:
    ids = SeriesIds(max_values=3)
    found = ids.resolve(engine, [key(service="shop", prompt_name=f"p{n}") for n in range(10)])
    assert len(stored(engine)) == 4
    assert set(stored(engine)) == {
        *(key(service="shop", prompt_name=f"p{n}") for n in range(3)),
        key(service="shop", prompt_name=OTHER),
    }
    assert len(found) == 10
    assert len({found[key(service="shop", prompt_name=f"p{n}")] for n in range(3, 10)}) == 1
    assert ids.folded == {"prompt_name": 7}


def test_the_cap_is_on_what_all_workers_stored(engine: sa.Engine) -> None:
    SeriesIds(max_values=3).resolve(engine, [key(prompt_name=f"p{n}") for n in range(3)])
    late = SeriesIds(max_values=3)
    found = late.resolve(engine, [key(prompt_name="new"), key(prompt_name="p1")])
    assert found[key(prompt_name="p1")] == stored(engine)[key(prompt_name="p1")]
    assert found[key(prompt_name="new")] == stored(engine)[key(prompt_name=OTHER)]


def test_workers_at_once_do_not_pass_the_cap_together(engine: sa.Engine) -> None:
    """Each of them brings values that the others don't know, again and again."""

    def work(worker: int) -> None:
        ids = SeriesIds(max_values=20)
        for n in range(10):
            ids.resolve(engine, [key(prompt_name=f"w{worker}-{n}-{m}") for m in range(3)])

    run_at_once(*(lambda worker=worker: work(worker) for worker in range(3)))
    assert len({one[DIMENSIONS.index("prompt_name")] for one in stored(engine)}) == 20 + len([OTHER])


def test_a_value_that_was_not_committed_takes_no_room(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = SeriesIds(max_values=2)

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(series_module, "_ids", fail)
        with pytest.raises(ZeroDivisionError):
            ids.resolve(engine, [key(route="a"), key(route="b"), key(route="c")])
    ids.resolve(engine, [key(route="d"), key(route="e"), key(route="f")])
    assert set(stored(engine)) == {key(route=name) for name in ("d", "e", OTHER)}
    assert ids.folded == {"route": 1}


def test_too_many_combinations_lose_first_what_an_application_names_then_everything(
    engine: sa.Engine,
) -> None:
    ids = SeriesIds(max_series=2)
    for n in range(6):
        ids.resolve(engine, [key(service=f"s{n}", route=f"r{n}")])
    named = dict.fromkeys(("route", "prompt_name", "prompt_version", "operation", "agent"), OTHER)
    assert set(stored(engine)) == {
        key(service="s0", route="r0"),
        key(service="s1", route="r1"),
        key(**{**named, "service": "s2"}),
        key(**{**named, "service": "s3"}),
        key(**dict.fromkeys(DIMENSIONS, OTHER)),
    }
    assert (ids.folded["route"], ids.folded["service"]) == (4, 2)
    again = SeriesIds(max_series=2).resolve(engine, [key(service="s1", route="r1")])
    assert again == {key(service="s1", route="r1"): stored(engine)[key(service="s1", route="r1")]}


def test_threads_may_share_the_ids(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the memory starts afresh: each gets the ids that it asked for."""
    monkeypatch.setattr(series_module, "REMEMBERED", 5)
    ids = SeriesIds()

    def work(offset: int) -> None:
        for n in range(30):
            wanted = {key(route=f"r{(n + offset) % 12}"), key(route=f"r{(n * 7 + offset) % 12}")}
            assert ids.resolve(engine, wanted).keys() == wanted

    run_at_once(*(lambda offset=offset: work(offset) for offset in (0, 4, 8)))
    assert ids.resolve(engine, stored(engine)) == stored(engine)


def test_a_value_that_is_stored_stays_itself_when_the_cap_is_lowered(engine: sa.Engine) -> None:
    wanted = [key(prompt_name=f"p{n}") for n in range(5)]
    before = SeriesIds().resolve(engine, wanted)
    lowered = SeriesIds(max_values=2)
    assert lowered.resolve(engine, wanted) == before
    assert lowered.folded == {}


def test_which_value_is_folded_does_not_depend_on_the_order_in_a_batch(engine: sa.Engine) -> None:
    wanted = [key(prompt_name=f"p{n}") for n in range(6)]
    SeriesIds(max_values=2).resolve(engine, wanted[::-1])
    assert set(stored(engine)) == {key(prompt_name=name) for name in ("p0", "p1", OTHER)}


def test_the_memory_of_ids_is_bounded(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_module, "REMEMBERED", 10)
    ids = SeriesIds()
    seen: dict[Key, int] = {}
    for n in range(30):
        wanted = [key(route=f"r{n}"), key(route=f"r{n // 2}")]
        found = ids.resolve(engine, wanted)
        assert len(found) <= 10 + 2
        for one in wanted:
            assert seen.setdefault(one, found[one]) == found[one]


def test_a_fenced_batch_leaves_only_a_series_without_calls(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    with pytest.raises(Fenced):
        store.save(batch([scored(service="new")], expected=7))
    assert len(stored(engine)) == 1
    assert store.save(batch([scored(service="new")])).stored == 1
    assert len(stored(engine)) == 1
