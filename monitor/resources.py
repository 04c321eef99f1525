"""Where the service's own files are: migrations, shipped rules, dashboards.

In a checkout they stand at the repository root, where people read them; in a wheel they are packed below
the package (``force-include`` in ``pyproject.toml``).
"""

from __future__ import annotations

from pathlib import Path

from monitor.errors import Permanent

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder ``name`` (``migrations``, ``alerts``, ``grafana``) of this installation.

    Raises:
        Permanent: this installation does not have it.
    """
    for candidate in (_PACKAGE / "_resources" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise Permanent(f"this installation has no {name}/ folder: install llm-monitor again, from a wheel")
