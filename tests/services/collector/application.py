"""An application that asks OpenAI's models, and knows nothing of telemetry.

Every line of its standard input is one call to make: ``{"base_url": …, "api": …, "body": …}``, where the
body has the arguments of ``create``. A call that the provider refuses is over, as in any application.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai import APIStatusError, OpenAI


def main() -> None:
    """Make the calls, one after the other."""
    with OpenAI(api_key="an application's secret", base_url="", max_retries=0) as client:
        for line in sys.stdin:
            call = json.loads(line)
            try:
                ask(client.with_options(base_url=call["base_url"]), call["api"], call["body"])
            except APIStatusError as error:
                print(f"the provider answered {error.status_code}", file=sys.stderr)


def ask(client: OpenAI, api: str, body: dict[str, Any]) -> None:
    """Make one call and read its answer to the end."""
    create: Any = client.chat.completions.create if api == "chat.completions" else client.responses.create
    answer = create(**body)
    if body.get("stream"):
        for _ in answer:
            pass


if __name__ == "__main__":
    main()
