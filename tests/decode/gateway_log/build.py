"""Lines of gateways' access logs as their documentation shows them; none was recorded.

Kong: https://developer.konghq.com/plugins/kafka-log/ and /ai-gateway/ai-audit-log-reference/. APISIX:
https://apisix.apache.org/docs/apisix/plugins/kafka-logger/ and apisix/utils/log-util.lua of its source.
"""

from __future__ import annotations

import json
from typing import Any

KEY = "sk-live-4f9a"
HEADERS = {"host": "gateway", "authorization": f"Bearer {KEY}", "x-request-id": "r1", "x-team": "billing"}

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
ANSWERED = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3},
}


def kong(ai: Any = None, *, status: int = 200, headers: Any = None, **fields: Any) -> dict[str, Any]:
    """A line of Kong's ``kafka-log`` with this ``ai`` object and these fields."""
    line = {
        "request": {
            "id": "9ec9264afbbbad5fe5c64877d92eeb04",
            "uri": "/llm",
            "url": "http://gateway:8000/llm",
            "method": "POST",
            "size": 323,
            "querystring": {"key": KEY},
            "headers": HEADERS if headers is None else headers,
        },
        "response": {"status": status, "size": 900, "headers": {"date": "Sun, 22 Nov 2026 11:59:00 GMT"}},
        "latencies": {"kong": 3, "proxy": 700, "request": 720, "receive": 17},
        "tries": [{"ip": "162.159.140.245", "port": 443, "balancer_latency": 0}],
        "client_ip": "192.168.65.1",
        "workspace_name": "default",
        "upstream_uri": "/anything",
        "route": {"name": "assistant"},
        "service": {"name": "llm-upstream"},
        "started_at": 1795348740000,
        **fields,
    }
    return line if ai is None else {**line, "ai": ai}


def proxied(request: Any = None, response: Any = None, **meta: Any) -> dict[str, Any]:
    """What AI Proxy says of a call, with these bodies as text, where there are any."""
    bodies = {"request": request, "response": response}
    payload = {name: json.dumps(body) for name, body in bodies.items() if body is not None}
    told = {"provider_name": "azure", "request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}
    section = {
        "meta": {**told, "plugin_id": "546c3856", "llm_latency": 650, **meta},
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "time_per_token": 133},
    }
    return {"proxy": {**section, "payload": payload} if payload else section}


def apisix(
    request: Any = None,
    response: Any = None,
    *,
    path: str = "/v1/chat/completions",
    status: int = 200,
    headers: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """An entry of APISIX's ``kafka-logger`` with these bodies, as text, and these fields."""
    asked = {"body": request if isinstance(request, str) else json.dumps(request)} if request else {}
    came = {"body": response if isinstance(response, str) else json.dumps(response)} if response else {}
    return {
        "request": {
            "url": f"http://gateway:9080{path}?key={KEY}",
            "uri": path,
            "method": "POST",
            "headers": HEADERS if headers is None else headers,
            "querystring": {"key": KEY},
            "size": 189,
            **asked,
        },
        "response": {"status": status, "headers": {"content-type": "application/json"}, "size": 500, **came},
        "server": {"hostname": "gateway", "version": "3.18.0"},
        "upstream": "162.159.140.245:443",
        "service_id": "",
        "route_id": "assistant",
        "client_ip": "127.0.0.1",
        "start_time": 1795348740000.0,
        "latency": 720.5,
        "upstream_latency": 700,
        "apisix_latency": 20.5,
        **fields,
    }
