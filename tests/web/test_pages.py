"""The pages as HTML: what they say, that what they show stays text, and how they refuse."""

from __future__ import annotations

import pytest
from markupsafe import escape
from msgspec import structs
from starlette.testclient import TestClient

from monitor.web.answers import MAX_BODY
from monitor.web.values import Contributor, Example, Filter
from tests.web.conftest import TOKEN, Open
from tests.web.desk import ALERT, FakeDesk

PAGES = ["/", "/alerts", "/alerts/17", "/silences", "/sign-in"]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}{% raw %}",
    "&lt;b&gt;",
    "\u202egpj.exe",
    "x" * 2_000,
    "'; DROP TABLE alerts; --",
]


@pytest.fixture
def signed_in(site: TestClient) -> TestClient:
    site.post("/sign-in", data={"token": TOKEN}, headers={"sec-fetch-site": "same-origin"})
    return site


def send(site: TestClient, path: str, **fields: str) -> tuple[int, str]:
    """Send the form of the alert's page; gives the status, and where it leads or what it says."""
    page = site.get("/alerts/17").text
    token = page.partition('name="form" value="')[2].partition('"')[0]
    answer = site.post(path, data={"form": token, **fields}, headers={"sec-fetch-site": "same-origin"})
    return answer.status_code, answer.headers.get("location", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lets_nothing_in_but_our_own_style(site: TestClient, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_script_or_a_style_of_its_own(site: TestClient, path: str) -> None:
    text = site.get(path).text
    assert "<script" not in text
    assert " style=" not in text


def test_the_page_of_an_alert_says_what_where_since_when_and_why(site: TestClient) -> None:
    text = site.get("/alerts/17").text
    for said in [
        "json failed up ×21 (2.0 % → 42.0 %) on checkout / production",
        "Answers break their promise.",
        "42 of 100 calls",
        "95&nbsp;% sure: 32.8 to 51.8 %",
        "2026-03-10 12:00 UTC",
        "ended inside a value",
        "c-81",
        'class="band"',
        "schema violation",
        "+31.0",
        "-2.0",
        "50%, usually 25%",
        "3.2 calls in flight on average, usually 1.1",
        "answered 500",
        "https://wiki.example.com/runbook",
        "1 of 30 steps have no data",
        "no data</td>",
    ]:
        assert said in text, said


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_what_comes_from_a_log_stays_text(site: TestClient, desk: FakeDesk, hostile: str) -> None:
    example = Example(call_id=hostile, started_at=ALERT.started_at, outcome="truncated", detail=hostile)
    proof = structs.replace(ALERT.proof, examples=(example,), summary=hostile)
    desk.shown = structs.replace(ALERT, title=hostile, labels={"service": hostile}, proof=proof)
    for path in ("/alerts/17", "/alerts"):
        text = site.get(path).text
        assert "<script>" not in text
        assert "<img" not in text
        assert str(escape(hostile)) in text


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x", ""])
def test_a_link_leads_to_the_web_or_is_none(site: TestClient, desk: FakeDesk, link: str) -> None:
    links = structs.replace(ALERT.proof.links, runbook=link)
    desk.shown = structs.replace(ALERT, proof=structs.replace(ALERT.proof, links=links))
    assert ">Runbook<" not in site.get("/alerts/17").text


def test_alerts_are_filtered_and_paged(site: TestClient, desk: FakeDesk) -> None:
    text = site.get("/alerts?state=firing&severity=page&service=checkout&text=json&page=2").text
    assert desk.wanted == [Filter(state="firing", severity="page", service="checkout", text="json", page=2)]
    assert "state=firing&amp;severity=page&amp;service=checkout&amp;text=json&amp;page=3" in text
    assert '<option value="firing" selected>' in text


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=9999999", "state=odd", "text=%00", "text=" + "x" * 300]
)
def test_a_filter_that_makes_no_sense_is_refused(site: TestClient, query: str) -> None:
    assert site.get(f"/alerts?{query}").status_code == 400


@pytest.mark.parametrize("path", ["/alerts/18", "/alerts/99999999999999999999", "/alerts/0"])
def test_an_alert_that_is_not_there_is_not_found(site: TestClient, path: str) -> None:
    assert site.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/alerts", "/alerts/17", "/silences"])
def test_without_postgres_a_page_says_so(site: TestClient, desk: FakeDesk, path: str) -> None:
    desk.away = True
    answer = site.get(path)
    assert answer.status_code == 503
    assert "The database can&#39;t be reached" in answer.text


def test_an_acknowledgement_needs_a_name(signed_in: TestClient, desk: FakeDesk) -> None:
    assert send(signed_in, "/alerts/17/acknowledge", by="  ")[0] == 400
    assert desk.taken == []


def test_what_does_not_fire_any_more_can_not_be_acknowledged(signed_in: TestClient, desk: FakeDesk) -> None:
    desk.over = True
    assert send(signed_in, "/alerts/17/acknowledge", by="ann") == (303, "/alerts/17?done=over")
    assert "Nothing of this episode fires any more." in signed_in.get("/alerts/17?done=over").text


def test_what_an_address_says_is_never_shown(site: TestClient) -> None:
    assert "hello" not in site.get("/alerts/17?done=hello").text


def test_a_silence_is_made_of_the_form(signed_in: TestClient, desk: FakeDesk) -> None:
    fields = {
        "matchers": 'service="checkout"\r\n\r\n alertname=X ',
        "duration": "2h",
        "comment": " deploying ",
    }
    assert send(signed_in, "/alerts/17/silence", by="ann", **fields) == (303, "/alerts/17?done=silenced")
    [(wanted, by)] = desk.silenced
    assert (wanted.matchers, wanted.duration) == (('service="checkout"', "alertname=X"), "2h")
    assert (wanted.comment, by) == ("deploying", "ann")


@pytest.mark.parametrize(
    "wrong",
    [{"matchers": ""}, {"matchers": "{"}, {"duration": "1y"}, {"comment": " "}, {"by": ""}],
    ids=lambda wrong: "-".join(wrong),
)
def test_a_silence_that_makes_no_sense_is_asked_for_again(
    signed_in: TestClient, desk: FakeDesk, wrong: dict[str, str]
) -> None:
    fields = {"matchers": "service=x", "duration": "2h", "comment": "because of it", "by": "ann", **wrong}
    status, text = send(signed_in, "/alerts/17/silence", **fields)
    assert status == 400
    assert 'class="note wrong"' in text
    if "comment" not in wrong:
        assert 'value="because of it"' in text, "what was written is kept"
    assert desk.silenced == []


def test_a_silence_is_ended(signed_in: TestClient, desk: FakeDesk) -> None:
    assert send(signed_in, "/silences/3/expire") == (303, "/silences")
    assert desk.ended == [3]


def test_a_form_that_is_too_large_is_not_read(signed_in: TestClient) -> None:
    answer = signed_in.post("/alerts/17/silence", content=b"a=" + b"x" * MAX_BODY)
    assert answer.status_code == 413
    assert signed_in.post("/alerts/17/silence", content=b"&".join([b"a=1"] * 50)).status_code == 413


def test_below_a_path_every_link_has_it(open_site: Open) -> None:
    text = open_site(url="https://example.com/monitor/").get("/alerts/17").text
    assert 'href="/monitor/alerts"' in text
    assert 'href="/alerts' not in text


def test_an_alert_on_a_mean_says_what_carries_it_in_its_unit(site: TestClient, desk: FakeDesk) -> None:
    carries = Contributor(
        dimension="route", value="/v1", calls=55, excess=1.5, share=0.5, usual_share=0.5,
        by_rate=0.02, by_mix=-0.01,
    )  # fmt: skip
    desk.shown = structs.replace(
        ALERT, proof=structs.replace(ALERT.proof, metric="cost", unit="USD", contributors=(carries,))
    )
    page = site.get("/alerts/17")
    assert page.status_code == 200
    assert all(text in page.text for text in ("+$1.5", "+$0.02", "−$0.01"))
    assert site.get("/api/alerts/17").json()["proof"]["contributors"][0]["failures"] is None


def test_a_number_that_is_none_is_not_found_and_silences_nothing(site: TestClient, desk: FakeDesk) -> None:
    assert site.get(f"/alerts/{'9' * 5_000}").status_code == 404
    assert site.get(f"/api/alerts/{'9' * 5_000}").status_code == 404
