"""Metrics of processes that come and go: in come snapshots of their registries, out go totals that only grow.

A worker's counters start from 0 in every new process. ``Totals`` adds what the processes before it counted,
so that a counter or a histogram of a worker never goes back; a gauge is only what a living process says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

#: The name of a sample and its labels, which together are counted once.
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One line of Prometheus' text."""

    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric and its samples.

    ``kind`` is Prometheus' type: ``counter``, ``gauge``, ``histogram``.
    """

    name: str
    text: str
    kind: str
    samples: tuple[Sample, ...]

    @property
    def grows(self) -> bool:
        """Whether what a process before counted belongs to it."""
        return self.kind in ("counter", "histogram")


def snapshot(registry: CollectorRegistry) -> tuple[Family, ...]:
    """What a registry says now, without the times at which its counters were made."""
    return tuple(
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            tuple(
                Sample(sample.name, sample.labels, sample.value)
                for sample in metric.samples
                if sample.name != f"{metric.name}_created"
            ),
        )
        for metric in registry.collect()
    )


class Totals(Collector):
    """Every worker's metrics, with the label ``worker``. May be collected from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._past: dict[str, dict[str, Family]] = {}
        self._now: dict[str, dict[str, Family]] = {}

    def update(self, worker: str, families: Sequence[Family]) -> None:
        """The process that is this worker now says this of itself."""
        with self._lock:
            self._now[worker] = {family.name: family for family in families}

    def end(self, worker: str) -> None:
        """The process has ended: what it counted is kept, what it measured is not."""
        with self._lock:
            grown = {f.name: f for f in self._now.pop(worker, {}).values() if f.grows}
            self._past[worker] = _merged(self._past.get(worker, {}), grown)

    def collect(self) -> Iterator[Metric]:
        """One metric for each name, with the samples of every worker."""
        with self._lock:
            workers = sorted({*self._past, *self._now})
            totals = {
                worker: _merged(self._past.get(worker, {}), self._now.get(worker, {})) for worker in workers
            }
        metrics: dict[str, Metric] = {}
        for worker, families in totals.items():
            for family in families.values():
                metric = metrics.setdefault(family.name, Metric(family.name, family.text, family.kind))
                for sample in family.samples:
                    metric.add_sample(sample.name, {**sample.labels, "worker": worker}, sample.value)
        yield from metrics.values()


def _merged(past: dict[str, Family], now: dict[str, Family]) -> dict[str, Family]:
    """Both together; where both have a sample, its values are added."""
    merged = dict(past)
    for name, family in now.items():
        before = past.get(name)
        merged[name] = family if before is None else _added(before, family)
    return merged


def _added(past: Family, now: Family) -> Family:
    # A process makes its samples in their order (a histogram's buckets rise), so the order is kept.
    samples: dict[_Key, Sample] = {_key(sample): sample for sample in past.samples}
    for sample in now.samples:
        before = samples.get(_key(sample))
        value = sample.value + (before.value if before else 0.0)
        samples[_key(sample)] = Sample(sample.name, sample.labels, value)
    return Family(now.name, now.text, now.kind, tuple(samples.values()))


def _key(sample: Sample) -> _Key:
    return sample.name, tuple(sorted(sample.labels.items()))
