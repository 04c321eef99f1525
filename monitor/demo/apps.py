"""Made-up applications: a random generator and a time go in, native records of LLM calls come out.

Four services as teams really have them: JSON answers, tool calls, answers from documents, and a small
classifier with retries and a fallback. Each fails a little all the time, and much more once it is broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

Record = dict[str, Any]


class Faults(NamedTuple):
    """What is broken at the moment."""

    new_prompt: bool = False
    """The order summaries' prompt v8 is out, and breaks their JSON."""
    bad_tools: bool = False
    """One model calls tools wrongly."""


class App(NamedTuple):
    """One application: its calls a second in live traffic, and how it makes the calls of one request."""

    service: str
    per_second: float
    request: Callable[[Random, datetime, Faults], list[Record]]


ORDER_SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "pattern": "^A-[0-9]{6}$"},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "items": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["order_id", "total", "currency", "items"],
    "additionalProperties": False,
}

FLIGHT_TOOLS = [
    {
        "name": "search_flights",
        "description": "Find flights between two airports on a day.",
        "schema": {
            "type": "object",
            "properties": {
                "origin": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "destination": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "passengers": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["origin", "destination", "passengers"],
            "additionalProperties": False,
        },
    },
    {
        "name": "cancel_booking",
        "description": "Cancel a booking.",
        "schema": {
            "type": "object",
            "properties": {"booking": {"type": "string"}},
            "required": ["booking"],
            "additionalProperties": False,
        },
    },
]

PASSAGES = (
    (
        "How long does a refund take?",
        "Refunds are paid to the original payment method within five working days after the parcel has"
        " arrived in our warehouse. Shipping costs are refunded only for faulty items.",
        "A refund is paid to your original payment method within five working days after the parcel has"
        " arrived in our warehouse.",
    ),
    (
        "Can I change the delivery address?",
        "The delivery address can be changed until the parcel has been handed to the carrier. Open the order"
        " in your account and choose Change address.",
        "You can change the delivery address until the parcel has been handed to the carrier: open the order"
        " in your account and choose Change address.",
    ),
    (
        "What does the warranty cover?",
        "The warranty covers faults in material and workmanship for two years. It does not cover batteries,"
        " nor damage by water or by a fall.",
        "The warranty covers faults in material and workmanship for two years, but neither batteries nor"
        " damage by water or by a fall.",
    ),
)
INVENTED = (
    " Call our hotline at +44 20 7946 0123 and mention voucher SPRING25 for Premium Express handling,"
    " which Rebecca Lindqvist approves within ninety minutes at https://refunds.example.net/vip."
)

AIRPORTS = ("BER", "LIS", "OSL", "ATH", "DUB", "VIE", "ZRH", "HEL")
GOODS = ("lamp", "kettle", "desk", "chair", "clock", "shelf", "vase", "rug")
INTENTS = ("refund", "delivery", "warranty", "other")


def order_summary(rng: Random, at: datetime, faults: Faults) -> list[Record]:
    """A JSON answer with a schema. The new prompt makes the model chat around its JSON, or drop a field."""
    order = {
        "order_id": f"A-{rng.randrange(10**6):06d}",
        "total": round(rng.uniform(5, 400), 2),
        "currency": rng.choice(("EUR", "USD", "GBP")),
        "items": rng.sample(GOODS, rng.randint(1, 3)),
    }
    failing = rng.random() < (0.45 if faults.new_prompt else 0.008)
    text = json.dumps(order)
    if failing:
        text = rng.choice(
            (
                f"Sure! Here is the summary of your order:\n\n{text}\n\nAnything else?",
                text[: rng.randint(20, len(text) - 5)],
                json.dumps({**order, "total": f"{order['total']} {order['currency']}"}),
            )
        )
    return [
        _record(
            rng,
            at,
            model="gpt-5-mini",
            served="gpt-5-mini-2025-08-07",
            provider="openai",
            prompt=("order-summary", "v8" if faults.new_prompt else "v7"),
            milliseconds=900,
            contract={"kind": "json_schema", "schema": ORDER_SCHEMA, "strict": False, "name": "order"},
            input=[_message("user", f"Summarise this order: {json.dumps(order)}")],
            outputs=[{"text": text, "finish_reason": "stop"}],
        )
    ]


def flight_search(rng: Random, at: datetime, faults: Faults) -> list[Record]:
    """A tool call. Two models share the traffic; the broken one writes arguments that the schema forbids."""
    mistral = rng.random() < 0.5
    origin, destination = rng.sample(AIRPORTS, 2)
    arguments: Record = {"origin": origin, "destination": destination, "passengers": rng.randint(1, 4)}
    name = "search_flights"
    if rng.random() < (0.5 if faults.bad_tools and mistral else 0.006):
        kind = rng.randrange(3)
        if kind == 0:
            arguments["passengers"] = str(arguments["passengers"])
        elif kind == 1:
            del arguments["destination"]
        else:
            name = "find_flights"
    return [
        _record(
            rng,
            at,
            model="mistral-large-latest" if mistral else "claude-sonnet-4-5",
            served="mistral-large-2512" if mistral else "claude-sonnet-4-5-20250929",
            provider="mistral" if mistral else "anthropic",
            prompt=("flight-search", "v3"),
            milliseconds=1400,
            contract={"kind": "none"},
            tools=FLIGHT_TOOLS,
            input=[
                _message("user", f"{arguments['passengers']} people from {origin} to {destination}, please")
            ],
            outputs=[
                {
                    "tool_calls": [{"id": _id(rng), "name": name, "arguments": json.dumps(arguments)}],
                    "finish_reason": "tool_call",
                }
            ],
        )
    ]


def support_answer(rng: Random, at: datetime, _faults: Faults) -> list[Record]:
    """An answer from a document; now and then the model invents."""
    question, passage, answer = rng.choice(PASSAGES)
    if rng.random() < 0.015:
        answer += INVENTED
    return [
        _record(
            rng,
            at,
            model="claude-sonnet-4-5",
            served="claude-sonnet-4-5-20250929",
            provider="anthropic",
            prompt=("support-answer", "v12"),
            milliseconds=2100,
            contract={"kind": "none"},
            documents=[{"content": passage, "origin": "retrieval"}],
            input=[_message("user", question)],
            outputs=[{"text": answer, "finish_reason": "stop"}],
        )
    ]


def classify_intent(rng: Random, at: datetime, _faults: Faults) -> list[Record]:
    """A JSON object from a small model. A rate limit makes a retry, or a fallback to another provider."""
    answer = [{"text": json.dumps({"intent": rng.choice(INTENTS)}), "finish_reason": "stop"}]
    common: dict[str, Any] = {
        "prompt": ("classify-intent", "v2"),
        "milliseconds": 350,
        "contract": {"kind": "json_object"},
        "input": [_message("user", f"Classify: {rng.choice(PASSAGES)[0]}")],
    }
    first: dict[str, Any] = {"model": "gpt-5-nano", "served": "gpt-5-nano-2025-08-07", "provider": "openai"}
    if rng.random() >= 0.02:
        return [_record(rng, at, **first, **common, outputs=answer)]
    limited: dict[str, Any] = {
        "status": "error",
        "error": {"type": "RateLimitError", "category": "rate_limit", "http_status": 429},
    }
    failed = _record(rng, at, **{**first, "served": ""}, **common, **limited)
    if rng.random() < 0.5:
        again = _record(rng, at, **first, **common, outputs=answer, attempt=2)
    else:
        other: dict[str, Any] = {"model": "gemini-3-flash", "served": "gemini-3-flash", "provider": "google"}
        hint = {"declared": "fallback", "from_model": "gpt-5-nano", "cause": "rate_limit"}
        again = _record(rng, at, **other, **common, outputs=answer, attempt=2, fallback=hint)
    again["request_id"] = failed["request_id"]
    return [failed, again]


#: Every made-up application.
APPS = (
    App("shop-orders", 14.0, order_summary),
    App("travel-agent", 10.0, flight_search),
    App("support-bot", 8.0, support_answer),
    App("intent-router", 6.0, classify_intent),
)


def _record(
    rng: Random,
    at: datetime,
    *,
    model: str,
    served: str,
    provider: str,
    prompt: tuple[str, str],
    milliseconds: int,
    **fields: Any,
) -> Record:
    """A native record with what every call has; durations are log-normal around ``milliseconds``."""
    duration = milliseconds * rng.lognormvariate(0, 0.35)
    output_tokens = sum(len(str(output)) for output in fields.get("outputs", ())) // 4
    return {
        "version": 1,
        "call_id": _id(rng),
        "request_id": _id(rng),
        "started_at": at.isoformat(),
        "environment": "production",
        "provider": provider,
        "model_requested": model,
        "model_served": served,
        "prompt_name": prompt[0],
        "prompt_version": prompt[1],
        "duration_ms": round(duration, 1),
        "ttft_ms": round(duration * rng.uniform(0.2, 0.4), 1),
        "usage": {"input_tokens": rng.randint(200, 900), "output_tokens": output_tokens},
        **fields,
    }


def _message(role: str, content: str) -> Record:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _id(rng: Random) -> str:
    return f"{rng.getrandbits(96):024x}"
