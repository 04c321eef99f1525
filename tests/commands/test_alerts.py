"""``llm-monitor alert``: what fires, who takes care of it, and whether the channels would hear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.store.alerts import AlertChange, Alerts
from monitor.store.tables import outbox
from tests.commands.conftest import Run
from tests.notify.pages import AT, page
from tests.notify.receiver import Receiver, status
from tests.store.helpers import evaluated

pytestmark = pytest.mark.one_postgres


def fire(engine: sa.Engine, service: str = "checkout", state: str = "firing") -> int:
    """An alert that is open, and told to two channels."""
    change = AlertChange(
        rule="JsonBroken",
        labels={"service": service},
        severity="page",
        state=state,
        before=None,
        standing=state,
        at=AT,
        episode=service,
        told=True,
    )
    said = page(episode=service).to_json()
    assert Alerts(engine).commit(evaluated(change, channels=["hook", "log"], payload=said), AT)
    return max(row.alert_id for row in Alerts(engine).open())


def rows(engine: sa.Engine, kind: str) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(outbox).where(outbox.c.kind == kind).order_by("outbox_id")))


def test_list_shows_what_is_open_and_who_takes_care(llm_monitor: Run, engine: sa.Engine) -> None:
    number = fire(engine)
    fire(engine, "cart[bold]", "pending")
    llm_monitor("alert", "ack", str(number), "--by", "mia")
    done = llm_monitor("alert", "list")
    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("firing", "pending", "checkout", "cart[bold]", "mia"))
    found = json.loads(llm_monitor("alert", "list", "--service", "checkout", "--json").stdout)
    assert [(one["alert_id"], one["acknowledged"]["by"]) for one in found] == [(number, "mia")]


def test_without_alerts_list_says_so(llm_monitor: Run) -> None:
    done = llm_monitor("alert", "list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no alert is open\n")


def test_show_says_all_that_is_known(llm_monitor: Run, engine: sa.Engine) -> None:
    done = llm_monitor("alert", "show", str(fire(engine)))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("firing: ")
    assert "States (UTC)\n  2026-03-10 12:02 firing: because" in done.stdout
    assert "hook trigger waiting" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("show", "99"), ("show", "0"), ("show", "x"), ("list", "--severity", "loud")], ids=" ".join
)
def test_what_is_not_there_is_a_clear_error(llm_monitor: Run, arguments: tuple[str, ...]) -> None:
    done = llm_monitor("alert", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_ack_tells_everybody_who_was_told_and_says_what_it_could_not_find(
    llm_monitor: Run, engine: sa.Engine
) -> None:
    number = fire(engine)
    done = llm_monitor("alert", "ack", str(number), "999", "--by", "mia")
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{number}: acknowledged by mia, ")
    assert done.stderr == "999: there is no such alert, or nothing of its episode fires\n"
    again = llm_monitor("alert", "ack", str(number), "--by", "tom")
    assert (again.exit_code, "acknowledged by mia" in again.stdout) == (0, True)
    assert len(rows(engine, "acknowledge")) == 2


def test_list_shows_all_that_is_open(llm_monitor: Run, engine: sa.Engine) -> None:
    for number in range(61):
        fire(engine, f"s{number}")
    assert len(json.loads(llm_monitor("alert", "list", "--json").stdout)) == 61


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_ack_wants_a_name_for_one_line(llm_monitor: Run, engine: sa.Engine, name: str) -> None:
    assert llm_monitor("alert", "ack", str(fire(engine)), "--by", name).exit_code == 2


# ----------------------------------------------------------------------------------------------------- test


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def channels(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    configured = f"{{hook: {{kind: webhook, url: '{receiver.url}'}}, log: {{kind: log}}}}"
    monkeypatch.setenv("LLM_MONITOR_CHANNELS", configured)


@pytest.mark.usefixtures("channels")
def test_test_sends_a_marked_page_by_the_real_way(
    llm_monitor: Run, engine: sa.Engine, receiver: Receiver
) -> None:
    done = llm_monitor("alert", "test")
    assert done.exit_code == 0, done.output
    assert [line.rpartition(" (")[0] for line in done.stdout.splitlines()] == [
        "hook: took it",
        "log: took it",
    ]
    (post,) = receiver.posts
    sent = json.loads(post.body)
    assert (sent["kind"], sent["severity"], sent["labels"]) == ("test", "page", {})
    assert "nothing is wrong" in sent["title"]
    assert all(row.delivered_at for row in rows(engine, "test"))


@pytest.mark.usefixtures("channels")
@pytest.mark.parametrize("code", [404, 503])
def test_test_says_what_a_receiver_answered_and_is_tried_once(
    llm_monitor: Run, engine: sa.Engine, receiver: Receiver, code: int
) -> None:
    receiver.answer = status(code)
    done = llm_monitor("alert", "test", "--channel", "hook", "--severity", "ticket")
    assert done.exit_code == 1
    assert done.stdout.startswith(f"hook: did not take it: the receiver answered {code}")
    (row,) = rows(engine, "test")
    assert row.failed_at is not None
    assert receiver.posts[0].headers["webhook-id"].startswith(f"ntf_{row.outbox_id}_")


@pytest.mark.usefixtures("channels")
@pytest.mark.parametrize("arguments", [("--channel", "nobody"), ("--severity", "loud")], ids=" ".join)
def test_a_channel_or_severity_that_is_none_is_refused(llm_monitor: Run, arguments: tuple[str, str]) -> None:
    done = llm_monitor("alert", "test", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
