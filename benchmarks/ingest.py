"""How fast calls become durable, and what that costs: the real service on the mixed workload, and the limit.

``python -m benchmarks.ingest`` starts an Apache Kafka and a PostgreSQL that waits for the disk, and measures
on them, in one run: the limit of the job (consume, parse, COPY of the same columns), every stage by itself,
the service with everything on that drains a backlog with one worker and with two and that keeps up with a
steady load, how long it takes after a kill, and its memory with PostgreSQL there and gone. Figures of
processor time hold on a machine that does other things as well; those of time that goes by do not, and the
servers share its cores with the service.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median

from benchmarks import _processes as processes
from benchmarks._service import PARTITIONS, Places, Servers, Service, servers
from benchmarks._stages import limit, stages
from benchmarks._watch import Costs, Watch
from benchmarks._workload import Message, messages

#: What we hold ourselves to: µs of processor time a call, share of the limit, the second worker, seconds.
CPU_US, LIMIT_SHARE, SECOND_WORKER, AGAIN_S, DURABLE_S = 120, 0.35, 1.7, 10, 2

#: Calls that warm a new service up before anything is measured.
WARM = 1_000

#: Seconds for which the service is watched while it has nothing to do.
IDLE_S = 5.0

#: Seconds that all workers have to share the partitions out.
JOIN_S = 5.0

#: How often each process is killed, and calls a second meanwhile.
KILLS = 3
KILL_RATE = 200.0

#: Seconds that PostgreSQL is gone.
GONE_S = 15.0

#: What a user would install instead, as ``reference/performance.md`` of this project measured it on a machine
#: of this kind: name, durable calls a second, processor time of a call.
PEERS = (
    ("Arize Phoenix 20.26 on PostgreSQL", 104, "9,500 µs"),
    ("MLflow 3.17 tracing server on PostgreSQL, 2 workers", 227, "8,600 µs"),
)


def line(what: str, figure: str, target: str = "") -> None:
    """Print one line of the report."""
    print(f"{what:58}{figure:>34}{f'   target {target}' if target else ''}", flush=True)


def made(calls: int, seed: int, per_second: float, ahead: timedelta = timedelta(0)) -> list[Message]:
    """So many messages of the workload, the last of now or the first of ``ahead`` of now."""
    start = datetime.now(UTC) + (ahead or timedelta(seconds=-calls / per_second))
    return list(islice(messages(seed, start, per_second), calls))


# -------------------------------------------------------------------------------------- one after the other


def report_stages(where: Servers, backlog: list[Message]) -> float:
    """The limit and the stages; gives the limit's calls a second."""
    topic = where.topic()
    where.send(topic, backlog)
    spent = [limit(where, topic, len(backlog)) for _ in range(3)]
    cpu, wall = median(one.cpu for one in spent), median(one.wall for one in spent)
    line("limit: consume, msgspec, COPY", f"{1e6 / wall:,.0f} calls/s {cpu:8.1f} µs")
    for name, cost in stages(where, topic, len(backlog)):
        line(f"  stage: {name}", f"{cost.cpu:8.1f} µs")
    return 1e6 / cpu


def report_drain(where: Servers, workers: int, backlog: list[Message]) -> tuple[float, Costs]:
    """A backlog that waits is drained; gives calls a second and what a call cost."""
    with Service(where, workers) as service, Watch(service, where.postgres_pid()) as watch:
        _warm(where, service, watch)
        idle = watch.costs()
        time.sleep(IDLE_S)
        idle = watch.costs().since(idle)
        with service.frozen():
            where.send(service.topic, backlog)
            before, already, started = watch.costs(), watch.records(), time.monotonic()
        calls = already + len(backlog)
        service.wait_until("a drained backlog", lambda: watch.records() >= calls)
        wall = time.monotonic() - started
        costs = _all_costs(service, watch).since(before).per_call(len(backlog))
        memory = max(watch.peak_mb.values())
    rate = len(backlog) / wall
    line(f"drain, {workers} worker{'s' * (workers > 1)}", f"{rate:,.0f} calls/s")
    _costs(costs, watch)
    line("  the idle service, with PostgreSQL, in a second", f"{sum(idle) / IDLE_S * 1_000:8.1f} ms")
    line("  memory of a worker, at most", f"{memory:,} MB")
    return rate, costs


def report_steady(where: Servers, rate: float, seconds: float) -> None:
    """A load that comes evenly: what a call costs, and how long until it is durable."""
    with Service(where, 1) as service, Watch(service, where.postgres_pid()) as watch:
        _warm(where, service, watch)
        calls = int(rate * seconds)
        load = made(calls, 3, rate, timedelta(seconds=calls * 0.0006))
        before = watch.costs()
        places, sent = _send_paced(where, service.topic, load, rate)
        service.wait_until("a steady load", lambda: watch.records() >= WARM + calls)
        waits = watch.durable_after(places, sent)
        costs = _all_costs(service, watch).since(before).per_call(calls)
    line(f"steady, {rate:,.0f} calls/s for {seconds:.0f} s, one worker", "")
    _costs(costs, watch)
    line("  produced to durable, median", f"{waits[len(waits) // 2]:.2f} s")
    line("  produced to durable, p99", f"{waits[len(waits) * 99 // 100]:.2f} s", f"≤ {DURABLE_S} s")


def report_kills(where: Servers) -> None:
    """SIGKILL of a worker, and of the supervisor, under load: how long until every partition goes on."""
    with Service(where, 2) as service, Watch(service, where.postgres_pid()) as watch:
        _warm(where, service, watch)
        with _load(where, service.topic, KILL_RATE):
            service.wait_until("every partition", lambda: len(watch.moves) == PARTITIONS)
            for victim in ("worker", "supervisor"):
                took = [_killed(service, watch, victim) for _ in range(KILLS)]
                figure = f"{median(took):.1f} s, at most {max(took):.1f} s"
                line(f"SIGKILL of a {victim} until every partition goes on", figure, f"≤ {AGAIN_S} s")


def _killed(service: Service, watch: Watch, victim: str) -> float:
    """Kill it, and start the supervisor again as systemd would; gives seconds until all offsets move."""
    time.sleep(3)
    at = time.monotonic()
    if victim == "worker":
        os.kill(service.workers[0], signal.SIGKILL)
    else:
        service.kill()
        service.start()
    service.wait_until("all partitions", lambda: watch.moved_since(at + 0.2) == PARTITIONS)
    return time.monotonic() - at


def report_memory(where: Servers, rate: float) -> None:
    """A worker's memory while PostgreSQL is gone, and how long what waited takes afterwards."""
    load = made(int(rate * GONE_S), 4, rate)
    with Service(where, 1) as service:
        with Watch(service, where.postgres_pid()) as watch:
            _warm(where, service, watch)
        where.postgres.stop()
        ended = time.monotonic() + GONE_S
        where.send(service.topic, load)
        peak = 0.0
        while time.monotonic() < ended:
            peak = max(peak, *map(processes.resident_mb, service.workers))
            time.sleep(0.2)
        where.postgres.start()
        started = time.monotonic()
        with Watch(service, where.postgres_pid()) as watch:
            service.wait_until("the backlog", lambda: watch.records() >= WARM + len(load))
    line(f"memory of a worker, PostgreSQL gone for {GONE_S:.0f} s", f"{peak:,.0f} MB")
    line(f"  until {len(load):,} calls that waited are durable", f"{time.monotonic() - started:.1f} s")


# ------------------------------------------------------------------------------------------------- helpers


def _warm(where: Servers, service: Service, watch: Watch) -> None:
    """Let every worker of a new service join and have seen every prompt, schema and tool."""
    warm = made(WARM, 2, 1_000)
    where.send(service.topic, warm[: WARM // 2])
    service.wait_until("a first call", lambda: watch.records() >= WARM // 2)
    time.sleep(JOIN_S)
    where.send(service.topic, warm[WARM // 2 :])
    service.wait_until("a first call of every worker", lambda: watch.records() >= WARM)


def _all_costs(service: Service, watch: Watch) -> Costs:
    """What is spent when all is durable, with what is still to be spent on the rollups."""
    durable = watch.costs()
    service.wait_until("rollups", lambda: watch.dirty() == 0)
    return watch.costs()._replace(workers=durable.workers, postgres_ingest=durable.postgres_ingest)


def _costs(costs: Costs, watch: Watch) -> None:
    for name, cost in costs._asdict().items():
        line(f"  {name.replace('_', ', ')}", f"{cost:8.1f} µs")
    line("  all together", f"{sum(costs):8.1f} µs", f"≤ {CPU_US} µs")
    line("  a fixed piece of work took meanwhile, median", f"{median(watch.fixed_work_ms):.2f} ms")


def _send_paced(
    where: Servers, topic: str, load: Iterable[Message], rate: float
) -> tuple[Places, list[float]]:
    """Send evenly; gives where each record went, and when it was sent."""
    with where.producer() as producer:
        futures, sent = [], []
        start = time.monotonic() + 1
        for number, message in enumerate(load):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            sent.append(time.monotonic())
            futures.append(producer.send(topic, key=message.key, value=message.value))
        acknowledged = [future.get(timeout=60) for future in futures]
    return [(metadata.partition, metadata.offset) for metadata in acknowledged], sent


@contextmanager
def _load(where: Servers, topic: str, rate: float) -> Iterator[None]:
    """Send calls of now in the background for the time of a block."""
    ended = threading.Event()

    def send() -> None:
        with where.producer() as producer:
            for message in messages(5, datetime.now(UTC), rate):
                producer.send(topic, key=message.key, value=message.value)
                if ended.wait(1 / rate):
                    return

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="of the backlog")
    parser.add_argument("--seconds", type=float, default=15, help="of the steady load")
    parser.add_argument("--rate", type=float, default=1_000, help="of the steady load, calls a second")
    parser.add_argument("--only", nargs="*", default=("stages", "drain", "steady", "kills", "memory"))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, shared with Kafka and PostgreSQL; µs are processor time of one call")
    idle = min(processes.fixed_work_ms() for _ in range(200))
    print(f"a fixed piece of work takes {idle:.2f} ms at best: where it takes longer, so does everything\n")
    backlog = made(options.calls, 1, 1_000)
    with servers() as where:
        fastest = report_stages(where, backlog) if "stages" in options.only else 0.0
        if "drain" in options.only:
            one, costs = report_drain(where, 1, backlog)
            two, _ = report_drain(where, 2, backlog)
            spent = costs.workers
            if fastest:
                share = f"{1e6 / spent / fastest:.2f}"
                line("ours of the limit, by a worker's processor time", share, f"≥ {LIMIT_SHARE}")
            line("two workers of one, in calls/s", f"{two / one:.2f}", f"≥ {SECOND_WORKER}")
        if "steady" in options.only:
            report_steady(where, options.rate, options.seconds)
        if "kills" in options.only:
            report_kills(where)
        if "memory" in options.only:
            report_memory(where, options.rate)
    for name, rate, cpu in PEERS:
        line(f"peer, as quoted: {name}", f"{rate} calls/s {cpu}")


if __name__ == "__main__":
    main()
