"""The pytest plugin that says how pytest-xdist shares the tests out: what goes together, what comes first.

Each process takes the next file from one queue. The proofs of ``tests/faults`` come first and go together to
one process: two services under such loads would get in each other's way. The other files whose tests wait for
servers stand between files that compute, so that a core has something to do while a test waits; and none of
them is left for the end, where one process would wait and the others have no work.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

_HERE = Path(__file__).parent
_FAULTS = "faults"

#: Other folders whose tests start servers and wait for them.
_WAITING = ("integration", "demo")

#: Files that compute, before each that waits.
_BETWEEN = 6


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Shares out by file, and ``tests/faults`` as if it were one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _FAULTS if file.startswith(f"{_HERE.name}/{_FAULTS}/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """How tests are shared out where ``--dist loadfile`` is asked for."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, for ``--no-loadscope-reorder``; the tests of each stay as they are."""
    tests = Counter(item.path for item in items)
    files = sorted(tests, key=lambda path: (-tests[path], path))
    waiting = [path for path in files if _folder(path) in _WAITING]
    computing = [path for path in files if _folder(path) not in (_FAULTS, *_WAITING)]
    turns = dict.fromkeys(files, -1)
    turns |= {path: number for number, path in enumerate(computing)}
    turns |= {path: (number + 1) * _BETWEEN for number, path in enumerate(waiting)}
    place = {path: (turns[path], number) for number, path in enumerate(files)}
    items.sort(key=lambda item: place[item.path])


def _folder(path: Path) -> str:
    """The folder under tests/ of a file; empty for one elsewhere."""
    return path.relative_to(_HERE).parts[0] if path.is_relative_to(_HERE) else ""
