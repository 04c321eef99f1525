"""A real Apache Kafka for the tests: one broker in KRaft mode, from the jars in ``.services/kafka``.

It listens on two free ports of 127.0.0.1 and keeps its log in a temporary folder. It can be killed and
started again on the same ports with the same data, which is what the fault tests need.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.demo.child import Child, free_port
from monitor.demo.embedded import answers_kafka
from tests.services.paths import KAFKA_JARS

_HERE = Path(__file__).parent / "kafka"
_CLUSTER_ID = "bGxtLW1vbml0b3ItdGVzdA"  # 16 bytes in unpadded base64: "llm-monitor-test"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0

#: Small and quick to start; the compiler's second tier costs more than it gains in a test's minute.
_JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class ApacheKafka:
    """One Apache Kafka broker; a context manager that starts and stops it.

    Raises:
        Permanent: on entering: it does not come up.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path()
        self._broker: Child | None = None
        self.port = free_port()
        self._controller_port = free_port()

    @property
    def bootstrap_servers(self) -> str:
        """Its address, as Kafka clients take it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-monitor-kafka-")))
            (self._folder / "server.properties").write_text(self._properties())
            self._java(
                "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", "server.properties"
            ).wait(within=_START_SECONDS)
            stack.callback(self.stop)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the broker, again after ``stop`` or ``kill``; returns when it answers."""
        self._broker = self._java("kafka.Kafka", "server.properties")
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
        controller = f"127.0.0.1:{self._controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "log.dirs": self._folder / "data",
            "auto.create.topics.enable": "false",
            # After a kill, the controller lets the broker come back only when its old session has expired.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            # Replayed calls are old, and so may their messages be.
            "log.retention.ms": -1,
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 32 * 1024 * 1024,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())
