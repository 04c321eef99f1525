"""What an OpenAI-compatible endpoint answers, for the receiver on loopback."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec

from monitor.judges.openai import OpenAIJudge, make
from tests.judges.fakes import SECRET
from tests.notify.receiver import Answer, Receiver

#: What ``judge`` pays for a million tokens in and out.
PRICES = {"input_price": 1.0, "output_price": 10.0}


def judge(receiver: Receiver, **options: Any) -> OpenAIJudge:
    """The judge ``openai``, with a key that nobody may see."""
    return make({"base_url": receiver.url, "model": "m", "api_key": f"sk-{SECRET}", **PRICES, **options})


def answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer with this body."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def completion(content: str | None, **changes: Any) -> Answer:
    """A completion whose message has this content; 1,000 tokens in, 20 out."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, "refusal": changes.pop("refusal", None)},
        "finish_reason": changes.pop("finish_reason", "stop"),
    }
    usage = {"prompt_tokens": 1_000, "completion_tokens": 20, "total_tokens": 1_020}
    body = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage, **changes}
    return answer(msgspec.json.encode(body))


def opinion(risk: float = 0.9, finding: str = "some_not_given", **changes: Any) -> Answer:
    """A completion that says what was asked for."""
    return completion(msgspec.json.encode({"finding": finding, "risk": risk}).decode(), **changes)


def failure(status: int, code: str | int | None = None, **headers: str) -> Answer:
    """An error as OpenAI words it; its message repeats the key and the prompt, as some do."""
    error = {"message": f"no: sk-{SECRET}", "type": "invalid_request_error", "code": code}
    return answer(msgspec.json.encode({"error": error}), status, **headers)
