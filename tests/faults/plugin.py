"""The pytest plugin of the proofs: how long they may take, and the table that they print at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.faults.proof import Row

_PROPERTY = "fault"

#: Seconds that one proof of the long form may take.
LONG_S = 3_600


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the long form be asked for."""
    text = "bounded: what CI has time for. long: every fault, as often and as long as the documentation says."
    parser.addoption("--faults", choices=("bounded", "long"), default="bounded", help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the proofs of the long form the time that they take."""
    if config.getoption("faults") == "long":
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.timeout(LONG_S))


@pytest.fixture(scope="session")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for."""
    return bool(request.config.getoption("faults") == "long")


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[Row], None]:
    """Where a proof puts its row of the table."""
    return lambda row: record_property(_PROPERTY, msgspec.json.encode(row).decode())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, as ``docs/reliability.md`` holds it."""
    reports = terminalreporter.getreports("passed")
    rows = [
        msgspec.json.decode(str(value), type=Row)
        for report in reports
        for name, value in report.user_properties
        if name == _PROPERTY and report.when == "call"
    ]
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | tried | produced | stored | lost | doubled | recovery |")
    terminalreporter.write_line("|---|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        note = f" ({row.note})" if row.note else ""
        terminalreporter.write_line(
            f"| {row.fault}{note} | {row.times} | {row.produced:,} | {row.stored:,} | {row.lost} |"
            f" {row.doubled} | {row.recovery_s:.1f} s |"
        )
