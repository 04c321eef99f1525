"""A real OpenTelemetry Collector for the tests: it takes OTLP over HTTP and writes it to Kafka.

It runs with the configuration that people are told to use, ``docs/collector.yaml``; only addresses, topics
and the encoding are the test's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from monitor.demo.child import Child, free_port
from tests.services.paths import COLLECTOR, ROOT

#: The configuration that the documentation gives.
CONFIG = ROOT / "docs" / "collector.yaml"

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


class Collector:
    """One Collector; a context manager that starts and stops it.

    Args:
        bootstrap_servers: Kafka's address.
        encoding: of the messages it writes: ``otlp_proto`` or ``otlp_json``.
        traces_topic: where spans go.
        logs_topic: where log records go.

    Raises:
        Permanent: on entering: it does not come up.
    """

    def __init__(self, bootstrap_servers: str, encoding: str, traces_topic: str, logs_topic: str) -> None:
        self.encoding = encoding
        self.traces_topic = traces_topic
        self.logs_topic = logs_topic
        self._bootstrap_servers = bootstrap_servers
        self._stack = ExitStack()
        self._http_port = free_port()
        self._grpc_port = free_port()

    @property
    def endpoint(self) -> str:
        """The URL that applications send OTLP to."""
        return f"http://127.0.0.1:{self._http_port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-monitor-collector-"))
            child = Child(
                "OpenTelemetry Collector",
                [COLLECTOR, f"--config={CONFIG}", *self._settings()],
                log=Path(folder) / "log",
                env={"PATH": os.defpath},
            )
            stack.callback(child.stop, signal.SIGTERM, within=_STOP_SECONDS)
            child.wait_until(self._answers, within=_START_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _answers(self) -> bool:
        try:
            return httpx.post(f"{self.endpoint}/v1/traces", json={}).is_success
        except httpx.TransportError:
            return False

    def _settings(self) -> Sequence[str]:
        settings = {
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{self._http_port}",
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{self._grpc_port}",
            "exporters.kafka.brokers": f"[{self._bootstrap_servers}]",
            "exporters.kafka.traces.topic": self.traces_topic,
            "exporters.kafka.traces.encoding": self.encoding,
            "exporters.kafka.logs.topic": self.logs_topic,
            "exporters.kafka.logs.encoding": self.encoding,
            # Its own metrics would listen on a port that every Collector on the machine wants.
            "service.telemetry.metrics.level": "none",
        }
        return [f"--set={name}={value}" for name, value in settings.items()]


def validate(config: Path) -> str:
    """What the Collector has against a configuration; empty when it is content."""
    done = subprocess.run(
        [COLLECTOR, "validate", f"--config={config}"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr if done.returncode else ""
