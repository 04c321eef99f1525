"""``llm-monitor deploy`` and ``llm-monitor deploys list``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa

from monitor.store.deploys import Deploy, add, between
from tests.commands.conftest import Run

pytestmark = pytest.mark.one_postgres

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def test_deploy_marks_now_and_prints_the_id(llm_monitor: Run, engine: sa.Engine) -> None:
    done = llm_monitor("deploy", "checkout", "v8", "--environment", "production", "--comment", "by ann")
    assert (done.exit_code, done.stderr) == (0, "")
    assert int(done.stdout)
    (found,) = between(engine, NOW - DAY, NOW + DAY)
    assert (found.service, found.version, found.environment) == ("checkout", "v8", "production")
    assert (found.comment, found.source) == ("by ann", "command")


def test_the_same_deploy_again_is_one(llm_monitor: Run, engine: sa.Engine) -> None:
    first, again = (llm_monitor("deploy", "checkout", "v8", "--at", NOW.isoformat()) for _ in range(2))
    assert first.stdout == again.stdout
    assert again.stderr == "this deploy was marked before\n"
    assert [one.at for one in between(engine, NOW - DAY, NOW + DAY)] == [NOW]


@pytest.mark.parametrize("arguments", [[], ["checkout"], ["checkout", "v8", "--at", "noon"], ["", "v8"]])
def test_a_wrong_use_is_explained(llm_monitor: Run, arguments: list[str]) -> None:
    done = llm_monitor("deploy", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check\nout", "v8"], "`service` must be one line of text"),
        (["checkout", "v\x1b[31m8"], "`version` must be one line of text"),
        (["checkout", "v\udcff"], "`version` must be one line of text"),
        (["checkout", "v8", "--comment", "x" * 100_000], "`comment` may have at most 2,048 characters"),
        (["c" * 257, "v8"], "`service` may have at most 256 characters, not 257"),
        (["  ", "v8"], "`service` must not be empty"),
        (["checkout", " \u2003"], "`version` must not be empty"),
        (["checkout", "v8", "--at", "0001-01-01"], "more than ten years from now"),
        (["checkout", "v8", "--at", "9999-12-31T23:59:59-14:00"], "out of range"),
        (["checkout", "v8", "--at", (NOW - 400 * DAY).isoformat()], "`at` must be within the last year"),
    ],
    ids=[
        *("newline", "escape", "surrogate", "long-comment", "long", "blank", "blank-version"),
        *("year-1", "year-10000", "old"),
    ],
)
def test_a_marker_that_nobody_can_have_meant_is_refused(
    llm_monitor: Run, engine: sa.Engine, arguments: list[str], says: str
) -> None:
    done = llm_monitor("deploy", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert between(engine, NOW - 9_000 * DAY, NOW + 9_000 * DAY) == []


@pytest.mark.parametrize("option", ["--service", "--environment"])
def test_what_is_not_utf8_is_no_service(llm_monitor: Run, option: str) -> None:
    assert llm_monitor("deploys", "list", option, "\udcff").exit_code == 2


def test_list_shows_the_newest_first_and_whence_it_is_known(llm_monitor: Run, engine: sa.Engine) -> None:
    add(engine, Deploy(at=NOW - DAY, service="checkout", version="v7", comment="[red]x[/red]"))
    seen = Deploy(at=NOW, service="cart", environment="production", version="p2")
    add(engine, msgspec.structs.replace(seen, source="calls", dimension="prompt_version", subject="ask"))
    add(engine, Deploy(at=NOW - 9 * DAY, service="checkout", version="v6"))

    def listed(*options: str) -> list[str]:
        return [
            one["version"] for one in json.loads(llm_monitor("deploys", "list", "--json", *options).stdout)
        ]

    assert listed() == ["p2", "v7"]
    assert listed("--since", "30d") == ["p2", "v7", "v6"]
    assert listed("--service", "cart") == ["p2"]
    assert listed("--environment", "staging") == ["v7"]
    table = llm_monitor("deploys", "list").stdout
    assert "calls: prompt_version of ask" in table
    assert "[red]x[/red]" in table


def test_without_a_deploy_list_says_so(llm_monitor: Run, engine: sa.Engine) -> None:
    done = llm_monitor("deploys", "list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no deploy is known\n")
