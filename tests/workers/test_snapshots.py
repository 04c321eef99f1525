"""Metrics of workers that come and go."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitor.workers.snapshots import Totals, snapshot


class Life:
    """One process of a worker, and what it measures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("calls", "Calls.", ["model"], registry=self.registry)
        self.seconds = Histogram("seconds", "Time.", buckets=(0.5, 1), registry=self.registry)
        self.lag = Gauge("lag", "Records behind.", registry=self.registry)

    def work(self, model: str, seconds: float) -> None:
        self.calls.labels(model).inc()
        self.seconds.observe(seconds)
        self.lag.set(seconds)


def shown(totals: Totals) -> dict[tuple[str, str], float]:
    """Values by name and by all labels, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(totals)
    text = generate_latest(registry).decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families), "every name is declared once"
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_two_workers_say_stands_beside_each_other() -> None:
    totals = Totals()
    for worker, count in (("0", 2), ("1", 3)):
        life = Life()
        for _ in range(count):
            life.work("gpt", 0.2)
        totals.update(worker, snapshot(life.registry))
    found = shown(totals)
    assert (found["calls_total", "gpt,0"], found["calls_total", "gpt,1"]) == (2, 3)
    assert (found["seconds_count", "0"], found["seconds_bucket", "0.5,1"]) == (2, 3)


def test_a_new_process_goes_on_where_the_last_one_ended() -> None:
    totals, before, after = Totals(), Life(), Life()
    before.work("gpt", 0.2)
    before.work("old", 0.7)
    totals.update("0", snapshot(before.registry))
    totals.end("0")
    ended = shown(totals)
    assert (ended["calls_total", "gpt,0"], ended["seconds_count", "0"]) == (1, 2)
    after.work("gpt", 0.2)
    totals.update("0", snapshot(after.registry))
    found = shown(totals)
    assert (found["calls_total", "gpt,0"], found["calls_total", "old,0"]) == (2, 1)
    assert (found["seconds_bucket", "0.5,0"], found["seconds_bucket", "1.0,0"]) == (2, 3)
    assert found["seconds_sum", "0"] == 0.2 + 0.7 + 0.2


def test_a_process_that_has_ended_measures_nothing() -> None:
    totals, life = Totals(), Life()
    life.work("gpt", 0.2)
    totals.update("0", snapshot(life.registry))
    assert ("lag", "0") in shown(totals)
    totals.end("0")
    assert ("lag", "0") not in shown(totals)
    totals.end("0")
    assert shown(totals)["calls_total", "gpt,0"] == 1


def test_times_at_which_counters_were_made_are_left_out() -> None:
    life = Life()
    life.work("gpt", 0.2)
    names = {sample.name for family in snapshot(life.registry) for sample in family.samples}
    assert not [name for name in names if name.endswith("_created")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("01"), st.lists(st.tuples(st.sampled_from(["a", 'b"\\\n']), st.floats(0, 2)))
        ),
        max_size=6,
    )
)
def test_no_counter_ever_goes_back_and_every_reported_one_is_counted(
    lives: Sequence[tuple[str, Sequence[tuple[str, float]]]],
) -> None:
    totals = Totals()
    seen: dict[tuple[str, str], float] = {}
    for worker, works in lives:
        life = Life()
        for model, seconds in works:
            life.work(model, seconds)
            totals.update(worker, snapshot(life.registry))
            found = shown(totals)
            assert all(found[key] >= value for key, value in seen.items() if key[0] != "lag")
            seen = found
        totals.end(worker)
    for worker in "01":
        expected = sum(len(works) for number, works in lives if number == worker)
        assert shown(totals).get(("seconds_count", worker), 0) == expected
