"""``llm-monitor silence``: as users of amtool expect it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.store.alerts import fingerprint
from monitor.store.silences import Silences
from monitor.store.tables import alerts
from tests.commands.conftest import Run

pytestmark = pytest.mark.one_postgres

HOUR = timedelta(hours=1)


def added(llm_monitor: Run, *matchers: str, options: tuple[str, ...] = ("--for", "2h")) -> int:
    done = llm_monitor("silence", "add", *matchers, "--comment", "deploy", *options)
    assert done.exit_code == 0, done.output
    return int(done.stdout)


def refused(llm_monitor: Run, *arguments: str) -> str:
    """What a wrong use is told, on one line."""
    done = llm_monitor("silence", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    return " ".join(done.stderr.replace("│", " ").split())


def fire(engine: sa.Engine, service: str, severity: str = "page") -> None:
    """An alert that is open."""
    now, labels = datetime.now(UTC), {"service": service}
    with engine.begin() as connection:
        connection.execute(
            sa.insert(alerts).values(
                rule="JsonBroken",
                labels=labels,
                fingerprint=fingerprint("JsonBroken", severity, labels),
                state="firing",
                standing="firing",
                severity=severity,
                started_at=now,
                updated_at=now,
                evidence={},
            )
        )


def test_add_prints_the_id_and_says_how_many_open_alerts_it_mutes(
    llm_monitor: Run, engine: sa.Engine
) -> None:
    fire(engine, "checkout")
    fire(engine, "cart")
    done = llm_monitor("silence", "add", "service=checkout", "--for", "2h", "--comment", "deploy")
    (stored,) = Silences(engine).all()
    assert (done.exit_code, done.stdout) == (0, f"{stored.silence_id}\n")
    assert done.stderr == f"mutes 1 of 2 open alerts, until {stored.ends_at:%Y-%m-%d %H:%M} UTC\n"
    assert stored.matchers == ('service="checkout"',)
    assert stored.comment == "deploy"
    assert stored.created_by
    assert stored.ends_at - stored.starts_at == 2 * HOUR


@pytest.mark.parametrize(
    ("matchers", "muted"),
    [
        (["JsonBroken"], 2),
        (["alertname=JsonBroken", "severity=ticket"], 1),
        (["metric=json.failed"], 2),
        (["metric=errors"], 0),
        (["service=~c.*"], 2),
        (["service!=cart", "severity=page"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_matchers_see_the_rule_its_severity_and_its_metric(
    llm_monitor: Run, engine: sa.Engine, matchers: list[str], muted: int
) -> None:
    fire(engine, "checkout")
    fire(engine, "cart", "ticket")
    done = llm_monitor("silence", "add", *matchers, "--for", "1h", "--comment", "x")
    assert done.stderr.startswith(f"mutes {muted} of 2 open alerts")


def test_a_silence_can_be_given_its_start_its_end_and_its_author(llm_monitor: Run, engine: sa.Engine) -> None:
    start = (datetime.now(UTC) + HOUR).replace(microsecond=0)
    options = ("--starts", start.isoformat(), "--until", (start + HOUR).isoformat(), "--author", "ann")
    added(llm_monitor, "service=checkout", options=options)
    (stored,) = Silences(engine).all()
    assert (stored.starts_at, stored.ends_at, stored.created_by) == (start, start + HOUR, "ann")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["service=checkout"], "give one of --for and --until"),
        (["service=checkout", "--for", "2h", "--until", "2027-01-01"], "give one of --for and --until"),
        (["service=checkout", "--until", "2020-01-01"], "it would be over already"),
        (["service=checkout", "--for", "0s"], "it would be over already"),
        (["service=checkout", "--for", "soon"], "'soon' is not a duration"),
        (["service=checkout", "--for", "9999w"], "9999w is more than ten years"),
        (["service=checkout", "--for", "9" * 30 + "w"], "is more than ten years"),
        (["service=checkout", "--until", "9999-12-31T23:59:59-14:00"], "date value out of range"),
        (["service=checkout", "--until", "9999-12-31"], "9999-12-31 is more than ten years from now"),
        (["service=checkout", "--starts", "0001-01-01T00:00+14:00", "--for", "1h"], "out of range"),
        (["service=" + "x" * 2039, "--for", "2h"], "at most 2,048 characters, in quotes, not 2,049"),
        (["service=~.*", "--for", "2h"], "these matchers select every alert"),
        (["service=~(", "--for", "2h"], "'(' is no regular expression"),
        (["--for", "2h"], "Missing argument"),
    ],
    ids=[
        *("no-end", "two-ends", "past", "no-time", "no-duration", "for-centuries", "for-ever", "year-10000"),
        *("year-9999", "year-0", "long", "all", "no-regex", "no-matcher"),
    ],
)
def test_what_can_not_be_a_silence_is_refused_with_what_would_be_right(
    llm_monitor: Run, engine: sa.Engine, arguments: list[str], says: str
) -> None:
    assert says in refused(llm_monitor, "add", *arguments, "--comment", "x")
    assert Silences(engine).all() == []


def test_a_silence_needs_a_reason(llm_monitor: Run) -> None:
    assert "'--comment'" in refused(llm_monitor, "add", "service=checkout", "--for", "2h")
    assert "say why" in refused(llm_monitor, "add", "service=checkout", "--for", "2h", "--comment", " ")


def test_list_shows_what_is_active_and_to_come_and_with_all_what_has_expired(
    llm_monitor: Run, engine: sa.Engine
) -> None:
    start = (datetime.now(UTC) + HOUR).isoformat()
    expired, pending, active = (
        added(llm_monitor, f"service=s{n}", options=options)
        for n, options in enumerate([("--for", "1h"), ("--starts", start, "--for", "9h"), ("--for", "1h")])
    )
    Silences(engine).expire([expired], datetime.now(UTC))

    def listed(*options: str) -> list[tuple[int, str]]:
        done = llm_monitor("silence", "list", "--json", *options)
        return [(one["id"], one["status"]["state"]) for one in json.loads(done.stdout)]

    assert listed() == [(active, "active"), (pending, "pending")]
    assert listed("--all") == [(active, "active"), (pending, "pending"), (expired, "expired")]
    assert listed("service=s2") == [(active, "active")]
    table = llm_monitor("silence", "list").stdout
    assert 'service="s2"' in table
    assert 'service="s0"' not in table


def test_the_json_of_list_is_that_of_alertmanager(llm_monitor: Run, engine: sa.Engine) -> None:
    added(llm_monitor, "service!~cart.*", "severity=page")
    (one,) = json.loads(llm_monitor("silence", "list", "--json").stdout)
    assert one["matchers"] == [
        {"name": "service", "value": "cart.*", "isRegex": True, "isEqual": False},
        {"name": "severity", "value": "page", "isRegex": False, "isEqual": True},
    ]
    assert set(one) == {
        *("id", "status", "matchers", "startsAt", "endsAt", "createdBy", "comment", "createdAt")
    }


def test_without_a_silence_list_says_so(llm_monitor: Run, engine: sa.Engine) -> None:
    done = llm_monitor("silence", "list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no silence is active or to come\n")
    assert llm_monitor("silence", "list", "--json").stdout == "[]\n"


def test_a_comment_is_no_markup(llm_monitor: Run, engine: sa.Engine) -> None:
    llm_monitor("silence", "add", "service=s", "--for", "1h", "--comment", "[red]x[/red]")
    assert "[red]x[/red]" in llm_monitor("silence", "list").stdout


def test_expire_ends_silences_by_their_ids(llm_monitor: Run, engine: sa.Engine) -> None:
    first, second = added(llm_monitor, "service=a"), added(llm_monitor, "service=b")
    done = llm_monitor("silence", "expire", str(first), str(second + 1))
    assert (done.exit_code, done.stdout) == (0, f"expired {first}\n")
    assert done.stderr == f"no silence {second + 1} is active or to come\n"
    assert [one.silence_id for one in Silences(engine).muting(datetime.now(UTC))] == [second]


def test_expire_ends_every_silence_that_is_about_a_label(llm_monitor: Run, engine: sa.Engine) -> None:
    ids = [added(llm_monitor, "service=a", f"route=r{n}") for n in range(2)]
    kept = added(llm_monitor, "service=b")
    done = llm_monitor("silence", "expire", "--matching", "service=a")
    assert done.stdout == "".join(f"expired {id_}\n" for id_ in sorted(ids))
    assert [one.silence_id for one in Silences(engine).muting(datetime.now(UTC))] == [kept]


def test_a_silence_that_can_not_be_read_any_more_is_listed_and_can_be_ended(
    llm_monitor: Run, engine: sa.Engine
) -> None:
    now = datetime.now(UTC)
    id_ = Silences(engine).add(
        ["service=" + "x" * 3_000], starts_at=now - HOUR, ends_at=now + HOUR, created_by="ann", comment="x"
    )
    kept = added(llm_monitor, "service=b")
    done = llm_monitor("silence", "list", "--json")
    assert [one["id"] for one in json.loads(done.stdout)] == [kept, id_]
    assert f"silence {id_} mutes nothing: a matcher may have at most" in done.stderr
    assert str(id_) in llm_monitor("silence", "list").stdout
    assert llm_monitor("silence", "expire", "--matching", "service=b").stdout == f"expired {kept}\n"
    assert llm_monitor("silence", "expire", str(id_)).stdout == f"expired {id_}\n"


@pytest.mark.parametrize("id_", ["99999999999999999999", "0", str(2**63)])
def test_an_id_that_no_silence_can_have_is_refused(llm_monitor: Run, id_: str) -> None:
    assert "Input should be" in refused(llm_monitor, "expire", id_)


@pytest.mark.parametrize("place", [0, 2, 4], ids=["matcher", "comment", "author"])
def test_what_is_not_utf8_is_refused(llm_monitor: Run, engine: sa.Engine, place: int) -> None:
    arguments = ["service=a", "--comment", "why", "--author", "ann", "--for", "1h"]
    arguments[place] += "\udcff"
    assert "an argument is not UTF-8" in refused(llm_monitor, "add", *arguments)
    for asked in (["list", "service=~\udcff"], ["expire", "--matching", "service=\udcff"]):
        assert "an argument is not UTF-8" in refused(llm_monitor, *asked)
    assert Silences(engine).all() == []


def test_expire_of_nothing_fails(llm_monitor: Run, engine: sa.Engine) -> None:
    done = llm_monitor("silence", "expire", "--matching", "service=a")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "no silence that is active or to come matches\n"
    assert llm_monitor("silence", "expire", "1000000").exit_code == 1
    for arguments in ([], ["1", "--matching", "service=a"]):
        assert "give ids, or --matching" in refused(llm_monitor, "expire", *arguments)
