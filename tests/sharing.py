"""The pytest plugin that says how pytest-xdist shares the tests out: among how many processes, what first.

Each process takes the next file from one queue. The files whose tests wait for servers go first, so that
none of them is left at the end, with all processes but one out of work; then those with most tests.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

_HERE = Path(__file__).parent

#: Folders whose tests start servers and wait for them, those that wait longest first.
_WAITING = ("faults", "integration", "demo")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: while the tests of one wait, those of another compute."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, for ``--no-loadscope-reorder``; the tests of each stay as they are."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (_waiting(item.path), -tests[item.path], item.path))


def _waiting(path: Path) -> int:
    """The place of a file's folder in the order."""
    folder = path.relative_to(_HERE).parts[0] if path.is_relative_to(_HERE) else ""
    return _WAITING.index(folder) if folder in _WAITING else len(_WAITING)
