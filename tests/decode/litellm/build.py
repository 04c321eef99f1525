"""LiteLLM's logs as its tests need them, in few words."""

from __future__ import annotations

import json
from typing import Any


def payload(**fields: Any) -> dict[str, Any]:
    """The smallest payload of a call that was answered, and these fields."""
    return {
        "id": "chatcmpl-1",
        "litellm_call_id": "4f5e",
        "trace_id": "t1",
        "call_type": "acompletion",
        "stream": None,
        "status": "success",
        "custom_llm_provider": "openai",
        "startTime": 1795338813.0,
        "endTime": 1795338815.0,
        "completionStartTime": 1795338815.0,
        "model": "openai/gpt-4o",
        "model_group": "chat",
        "messages": [{"role": "user", "content": "hello"}],
        "model_parameters": {},
        "response": answer("hi"),
        "metadata": {},
        "request_tags": [],
        **fields,
    }


def answer(content: str | None, **message: Any) -> dict[str, Any]:
    """A response with this text, and these fields of its message."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": "stop", "message": said}
    return {"object": "chat.completion", "model": "gpt-4o-2024-08-06", "choices": [choice]}


def failed(**information: Any) -> dict[str, Any]:
    """The payload of an attempt that failed, with this ``error_information``."""
    return payload(id="4f5e", status="failure", response={}, error_information=information)


def row(metadata: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The smallest row of SpendLogs, with this metadata and these fields."""
    return {
        "request_id": "chatcmpl-1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0021,
        "total_tokens": 12,
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "startTime": "2026-11-22T09:13:33.000Z",
        "endTime": "2026-11-22T09:13:35.000Z",
        "completionStartTime": "2026-11-22T09:13:34.000Z",
        "model": "openai/gpt-4o",
        "model_group": "chat-backup",
        "custom_llm_provider": "openai",
        "session_id": "t1",
        "status": "success",
        "cache_hit": "False",
        "request_tags": "[]",
        "messages": "{}",
        "response": "{}",
        "proxy_server_request": "{}",
        "metadata": json.dumps(metadata or {}),
        **fields,
    }
