"""Writes the dashboards: ``python -m grafana.build`` turns ``overview`` into ``dashboards/overview.json``."""

from __future__ import annotations

import json
from pathlib import Path

from grafana.overview import dashboard

PATH = Path(__file__).parent / "dashboards" / "overview.json"


def render() -> str:
    """The dashboard as the text of its file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
