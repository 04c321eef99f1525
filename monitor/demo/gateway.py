"""The application that nobody maintains: raw request/response pairs, some sent twice, some cut off.

A gateway that logs what it sees, without the shipper. It is why the report's ``duplicates`` and
``dead_letters`` are not zero, and still every call is accounted for.
"""

from __future__ import annotations

import json
from datetime import datetime
from random import Random

from monitor.demo.apps import GOODS

#: Calls a second in live traffic.
PER_SECOND = 2.0

#: The service name in its records.
SERVICE = "legacy-gateway"


def messages(rng: Random, at: datetime) -> list[bytes]:
    """The Kafka messages of one call: mostly one, sometimes the same one twice, sometimes half of one."""
    number = f"{rng.getrandbits(64):016x}"
    pair = {
        "id": f"gw-{number}",
        "service": SERVICE,
        "environment": "production",
        "started_at": at.isoformat(),
        "duration_ms": round(700 * rng.lognormvariate(0, 0.3), 1),
        "request": {
            "url": "https://api.openai.com/v1/chat/completions",
            "body": {
                "model": "gpt-4.1-mini",
                "messages": [{"role": "user", "content": f"Describe a {rng.choice(GOODS)} in one sentence."}],
            },
        },
        "response": {
            "status": 200,
            "body": {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion",
                "created": int(at.timestamp()),
                "model": "gpt-4.1-mini-2025-04-14",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Plain, sturdy and pleasant to use."},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 16, "completion_tokens": 9, "total_tokens": 25},
            },
        },
    }
    value = json.dumps(pair).encode()
    chance = rng.random()
    if chance < 0.02:
        return [value, value]
    if chance < 0.03:
        return [value[: len(value) // 2]]
    return [value]
