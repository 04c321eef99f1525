"""A judge in the whole service: calls through Kafka, questions to a local endpoint, verdicts in Postgres."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.running import Running
from tests.judges.endpoint import opinion
from tests.judges.fakes import SECRET
from tests.notify.receiver import Receiver
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

PASSAGE = (
    "The Golden Gate Bridge is a suspension bridge spanning the strait that connects San Francisco Bay and"
    " the Pacific Ocean. The chief engineer of the project was Joseph Strauss. It opened in 1937."
)
INVENTED = (
    "The viaduct was conceived by Leon Moisseiff, financed through municipal bonds worth 35 million dollars,"
    " inaugurated by President Hoover in 1929 and repainted with vermilion lacquer every seventeen months by"
    " volunteers from Sacramento, according to https://example.com/history."
)


def answer(call_id: str, text: str) -> bytes:
    return json.dumps(
        {
            "version": 1,
            "call_id": call_id,
            "started_at": datetime.now(UTC).isoformat(),
            "service": "guide",
            "documents": [{"content": PASSAGE}],
            "input": [{"role": "user", "parts": [{"content": "Who designed the bridge?"}]}],
            "outputs": [{"text": text, "finish_reason": "stop"}],
        }
    ).encode()


def test_what_grounding_suspects_is_judged_once_and_the_rest_is_not(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    with Receiver() as endpoint:
        endpoint.answer = opinion(0.9, "some_not_given")
        judge: dict[str, Any] = {
            "use": "openai",
            "options": {
                "base_url": endpoint.url,
                "model": "m",
                "api_key": f"sk-{SECRET}",
                "input_price": 0.4,
                "output_price": 1.6,
            },
            "wait": "5s",
        }
        topic = kafka.create_topic(1)
        with Running(tmp_path, kafka.bootstrap_servers, database, topic, judge=judge) as running:
            running.send(
                [
                    answer("invented", INVENTED),
                    answer("carried", "The chief engineer of the project was Joseph Strauss."),
                ]
            )
            running.wait_for_records(2)
            stored = running.query(
                "SELECT call_id, judge, judge_risk, judge_detail, judge_version FROM calls ORDER BY call_id"
            )
            page = f"http://127.0.0.1:{running.port}/metrics"
            asked = 'llm_monitor_judge_seconds_count{worker="0"} 1.0'
            running.wait_for("the judge's metrics", lambda: asked in httpx.get(page, timeout=30).text)
            metrics = httpx.get(page, timeout=30).text
            log = running.log.read_text()
    assert stored == [
        ("carried", "not_applicable", None, None, 0),
        ("invented", "unsupported", 0.9, "openai: some_not_given", 1),
    ]
    assert len(endpoint.posts) == 1
    assert 'llm_monitor_judge_cost_dollars_total{worker="0"} 0.000432' in metrics
    assert SECRET not in log + metrics
