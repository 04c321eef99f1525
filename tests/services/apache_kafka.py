"""A real Apache Kafka for the tests: brokers in KRaft mode, from the jars in ``.services/kafka``.

Each listens on two free ports of 127.0.0.1 and keeps its log in a temporary folder. It can be killed and
started again on the same ports with the same data, which is what the fault tests need. One broker is the
usual thing; a cluster of them is for what happens when a broker goes.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.demo.child import Child, free_port
from monitor.demo.embedded import answers_kafka
from tests.services.paths import KAFKA_JARS

_HERE = Path(__file__).parent / "kafka"
_CLUSTER_ID = "bGxtLW1vbml0b3ItdGVzdA"  # 16 bytes in unpadded base64: "llm-monitor-test"
_START_SECONDS = 90.0
_STOP_SECONDS = 20.0

#: Small and quick to start; the compiler's second tier costs more than it gains in a test's minute.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class ApacheKafka:
    """One Apache Kafka broker; a context manager that starts and stops it.

    Args:
        node: its number in its cluster.
        controllers: the ports of the cluster's controllers, that of node 1 first; it is alone by default.

    Raises:
        Permanent: on entering: it does not come up.
    """

    def __init__(self, node: int = 1, controllers: Sequence[int] = ()) -> None:
        self._stack = ExitStack()
        self._folder = Path()
        self._broker: Child | None = None
        self._node = node
        self._controllers = controllers or (free_port(),)
        self.port = free_port()

    @property
    def bootstrap_servers(self) -> str:
        """Its address, as Kafka clients take it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.launched())
            self.wait()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def launched(self) -> ExitStack:
        """Make its folder and launch it without waiting; gives what stops it and removes the folder."""
        with ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="llm-monitor-kafka-", ignore_cleanup_errors=True)
            self._folder = Path(stack.enter_context(folder))
            (self._folder / "server.properties").write_text(self._properties())
            self._java(
                "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", "server.properties"
            ).wait(within=_START_SECONDS)
            stack.callback(self.stop)
            self.launch()
            return stack.pop_all()

    def start(self) -> None:
        """Start the broker, again after ``stop`` or ``kill``; returns when it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the broker, which answers only when most controllers of its cluster are there."""
        self._broker = self._java("kafka.Kafka", "server.properties")

    def wait(self) -> None:
        """Wait until the broker answers.

        Raises:
            Permanent: it does not, or was never launched.
        """
        assert self._broker is not None
        self._broker.wait_until(lambda: answers_kafka("127.0.0.1", self.port), within=_START_SECONDS)

    def stop(self) -> None:
        """Stop the broker as an operator does."""
        if self._broker:
            self._broker.stop(signal.SIGTERM, within=_STOP_SECONDS)

    def kill(self) -> None:
        """Kill the broker as a crash does: its clients are told nothing, its log stays."""
        if self._broker:
            self._broker.kill()

    def _java(self, *command: str) -> Child:
        java = shutil.which("java") or "java"
        options = (*_JVM, f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}")
        return Child(
            "Apache Kafka",
            [java, *options, "-cp", f"{KAFKA_JARS}/*", *command],
            log=self._folder / "log",
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )

    def _properties(self) -> str:
        controllers = [f"127.0.0.1:{port}" for port in self._controllers]
        copies = len(controllers)
        settings = {
            "process.roles": "broker,controller",
            "node.id": self._node,
            "controller.quorum.voters": ",".join(f"{n}@{at}" for n, at in enumerate(controllers, 1)),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{controllers[self._node - 1]}",
            "log.dirs": self._folder / "data",
            "auto.create.topics.enable": "false",
            # After a kill, the controller lets the broker come back only when its old session has expired.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            # Replayed calls are old, and so may their messages be.
            "log.retention.ms": -1,
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 32 * 1024 * 1024,
            "min.insync.replicas": (copies + 1) // 2,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": (copies + 1) // 2,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


class KafkaCluster:
    """Some brokers that copy each other's logs; a context manager that starts and stops them.

    Args:
        brokers: how many. Most of them must have a record before it counts as produced.

    Raises:
        Permanent: on entering: one of them does not come up.
    """

    def __init__(self, brokers: int = 3) -> None:
        controllers = [free_port() for _ in range(brokers)]
        self.brokers = [ApacheKafka(node, controllers) for node in range(1, brokers + 1)]
        self._stack = ExitStack()

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all, as Kafka clients take them."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for broker in self.brokers:
                stack.enter_context(broker.launched())
            for broker in self.brokers:
                broker.wait()
            # The last ones would wait for a majority that is gone, to hand over what they lead.
            stack.callback(self.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def kill(self) -> None:
        """Kill all of them as a power cut does."""
        for broker in self.brokers:
            broker.kill()

    def start(self) -> None:
        """Start all of them again; returns when they answer."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait()
