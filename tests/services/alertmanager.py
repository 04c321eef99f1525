"""A real Alertmanager for the tests: alerts come in by its API, what it tells goes to a webhook of ours."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from monitor.demo.child import Child, free_port
from tests.notify.receiver import Receiver
from tests.services.paths import ALERTMANAGER

_START_SECONDS = 30.0

_ROUTE = {
    "receiver": "us",
    "group_by": ["alertname"],
    # As short as it takes them: a notification for each alert by itself would be none that is grouped.
    "group_wait": "500ms",
    "group_interval": "1s",
    "repeat_interval": "4h",
}


class Alertmanager:
    """One Alertmanager; a context manager that starts and stops it.

    It groups by the alert's name.

    Raises:
        Permanent: on entering: it does not come up.
    """

    def __init__(self) -> None:
        self._receiver = Receiver()
        self._stack = ExitStack()
        self._port = free_port()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-monitor-am-")))
            stack.enter_context(self._receiver)
            hook = {"url": self._receiver.url, "send_resolved": True}
            config = {"route": _ROUTE, "receivers": [{"name": "us", "webhook_configs": [hook]}]}
            (folder / "config.yml").write_text(yaml.safe_dump(config))
            child = Child(
                "Alertmanager",
                [
                    ALERTMANAGER,
                    f"--config.file={folder / 'config.yml'}",
                    f"--storage.path={folder}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--cluster.listen-address=",
                ],
                log=folder / "log",
                env={"PATH": os.defpath},
            )
            stack.callback(child.stop)
            child.wait_until(self._answers, within=_START_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The alerts of a name that it has and that have not ended."""
        found: list[dict[str, Any]] = self.ask("GET", "/alerts", params={"filter": f'alertname="{name}"'})
        return found

    def told(self, name: str) -> list[dict[str, Any]]:
        """What it told our webhook of alerts of a name, in order."""
        bodies = [json.loads(post.body) for post in list(self._receiver.posts)]
        return [body for body in bodies if body["groupLabels"] == {"alertname": name}]

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """What its API answers."""
        answer = httpx.request(method, f"{self.url}/api/v2{path}", **content).raise_for_status()
        return answer.json() if answer.content else None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False
