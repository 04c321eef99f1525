"""Deploy markers of the running service: from a pipeline over HTTP, and from the calls themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from monitor.store import PostgresStore, connect
from monitor.store.rollups import recompute_dirty
from tests.examples import NOON, batch, scored
from tests.integration.running import Running
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

TOKEN = "correct-horse-battery-staple"


def test_the_service_takes_deploys_and_sees_them_in_the_calls(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    stored = connect(database)
    calls = [
        scored(version, NOON + hours * timedelta(hours=1), service="checkout", prompt_version=version)
        for version, hours in (("v7", 0), ("v8", 2))
    ]
    PostgresStore(stored).save(batch(calls))
    while recompute_dirty(stored):
        pass
    stored.dispose()
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    environment = {"LLM_MONITOR_WEB__TOKEN_FILE": str(token)}
    marker = {"service": "checkout", "version": "release-8", "at": (NOON + timedelta(hours=1)).isoformat()}
    topic = kafka.create_topic(1)
    with Running(tmp_path, kafka.bootstrap_servers, database, topic, environment=environment) as running:
        running.wait_until_ready()
        answer = httpx.post(
            f"http://127.0.0.1:{running.port}/api/deploys",
            json=marker,
            headers={"authorization": f"Bearer {TOKEN}"},
            trust_env=False,
        )
        assert answer.status_code == 201
        wanted = [("release-8", "http"), ("v8", "calls")]
        found = "SELECT version, source FROM deploys ORDER BY at"
        running.wait_for("the deploys", lambda: running.query(found) == wanted)
        assert TOKEN not in running.log.read_text()
