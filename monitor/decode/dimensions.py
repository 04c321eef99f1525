"""Which attributes of a source become which dimensions of a series, by default and as configured.

Attributes are flat and named as their source names them: OpenTelemetry's resource and span attributes,
LiteLLM's ``metadata.user_api_key_team_alias``, Langfuse's ``metadata.tenant``, a gateway's
``request.headers.x-team``. In come attributes, out go values for the dimensions that they name: never a
credential, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping as Attributes
from typing import Any

import msgspec

from monitor.decode import credentials
from monitor.decode.withheld import is_withheld

#: Where each dimension is looked for, first found first. What a format knows better it says itself.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "service": ("service.name",),
    "environment": (
        "deployment.environment.name",
        "deployment.environment",
        "langfuse.environment",
    ),
    "route": (
        "llm_monitor.route",
        "http.route",
        "ai.telemetry.functionId",
        "traceloop.workflow.name",
        "langfuse.trace.name",
    ),
    "prompt_name": ("gen_ai.prompt.name", "langfuse.observation.prompt.name", "traceloop.prompt.key"),
    "prompt_version": (
        "gen_ai.prompt.version",
        "langfuse.observation.prompt.version",
        "traceloop.prompt.version",
    ),
    "agent": ("gen_ai.agent.name",),
}

#: The dimensions that can be mapped; the others are what the call itself is.
MAPPABLE = tuple(DEFAULTS)


class Mapping(msgspec.Struct, frozen=True):
    """The attributes that a configuration adds, looked at before the defaults.

    ``attributes`` is by dimension: ``{"route": ("team",)}`` makes a customer's ``team`` the route.
    """

    attributes: dict[str, tuple[str, ...]] = {}

    def read(self, *sources: Attributes[str, Any]) -> dict[str, str]:
        """The value of each dimension that the attributes name, for ``Call(**…)``.

        Earlier sources win: a span's attributes before its resource's. Numbers and flags become text;
        other values don't count, nor do credentials, and a URL is one without its query.
        """
        found: dict[str, str] = {}
        for dimension, defaults in DEFAULTS.items():
            configured = (
                name for name in self.attributes.get(dimension, ()) if not credentials.is_named(name)
            )
            for name in (*configured, *defaults):
                value = next((text for source in sources if (text := _text(source.get(name)))), "")
                if value:
                    found[dimension] = value
                    break
        return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float) or is_withheld(value) or credentials.is_secret(value):
        return ""
    return credentials.without_secrets(str(value))
