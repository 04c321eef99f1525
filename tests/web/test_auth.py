"""Who may write, and what a browser can be made to send on behalf of somebody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from monitor.web.auth import SESSION, TRIES, TRIES_OF_ALL, WITHIN
from tests.web.conftest import TOKEN, Open
from tests.web.desk import AtNow, FakeDesk

ACKNOWLEDGE = "/alerts/17/acknowledge"
OURS = {"sec-fetch-site": "same-origin"}


def sign_in(site: TestClient, token: str = TOKEN, **more: str) -> int:
    return site.post("/sign-in", data={"token": token, **more}, headers=OURS).status_code


def form(site: TestClient, headers: dict[str, str] | None = None) -> str:
    """The token that the page's forms hold."""
    text = site.get("/alerts/17", headers=headers or {}).text
    return text.partition('name="form" value="')[2].partition('"')[0]


def test_a_form_of_our_own_page_is_taken(site: TestClient, desk: FakeDesk) -> None:
    assert sign_in(site) == 303
    answer = site.post(ACKNOWLEDGE, data={"form": form(site), "by": "ann"}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/17?done=acknowledged")
    assert desk.taken == [(17, "ann")]


def test_without_a_sign_in_nothing_is_taken(site: TestClient, desk: FakeDesk) -> None:
    assert site.post(ACKNOWLEDGE, data={"by": "ann"}, headers=OURS).status_code == 401
    assert desk.taken == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"origin": "http://testserver.evil.example.com"},
    ],
    ids=["cross-site", "same-site", "none", "other origin", "null origin", "like ours"],
)
def test_what_another_page_sends_is_refused(
    site: TestClient, desk: FakeDesk, headers: dict[str, str]
) -> None:
    sign_in(site)
    answer = site.post(ACKNOWLEDGE, data={"form": form(site), "by": "ann"}, headers=headers)
    assert answer.status_code == 403
    assert site.post("/sign-in", data={"token": TOKEN}, headers=headers).status_code == 403
    assert desk.taken == []


@pytest.mark.parametrize("given", ["", "x", "0" * 64, "é"], ids=["empty", "short", "zeros", "accent"])
def test_a_form_without_the_pages_token_is_refused(site: TestClient, desk: FakeDesk, given: str) -> None:
    sign_in(site)
    assert site.post(ACKNOWLEDGE, data={"form": given, "by": "ann"}, headers=OURS).status_code == 403
    assert desk.taken == []


def test_the_form_of_one_session_is_no_good_in_another(open_site: Open, desk: FakeDesk) -> None:
    one, other = open_site(), open_site()
    sign_in(one)
    sign_in(other)
    assert other.post(ACKNOWLEDGE, data={"form": form(one), "by": "x"}, headers=OURS).status_code == 403
    assert desk.taken == []


def test_the_cookie_is_kept_from_scripts_and_other_sites(open_site: Open) -> None:
    answer = open_site().post("/sign-in", data={"token": TOKEN}, headers=OURS)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert TOKEN not in cookie
    secure = open_site(url="https://monitor.example.com")
    cookie = secure.post("/sign-in", data={"token": TOKEN}, headers=OURS).headers["set-cookie"]
    assert cookie.startswith("__Host-llm-monitor=")
    assert "Secure" in cookie


def test_a_sign_in_is_over_after_twelve_hours(site: TestClient, clock: AtNow) -> None:
    sign_in(site)
    clock.at += SESSION - timedelta(seconds=1)
    assert "Sign out" in site.get("/alerts").text
    clock.at += timedelta(seconds=2)
    assert "Sign in" in site.get("/alerts").text


@pytest.mark.parametrize("change", ["9{}", "{}0", "x", ".", "9999999999.abc.def", "é.é"], ids=str)
def test_a_cookie_that_we_did_not_sign_is_nobodys(site: TestClient, change: str) -> None:
    sign_in(site)
    cookie = change.format(site.cookies["llm-monitor"])
    site.cookies.clear()
    page = site.get("/alerts", headers={b"cookie": f"llm-monitor={cookie}".encode()})
    assert "Sign in" in page.text


def test_signing_out_takes_the_cookie_away(site: TestClient) -> None:
    sign_in(site)
    assert site.post("/sign-out", data={"form": form(site)}, headers=OURS).status_code == 303
    assert "Sign in" in site.get("/alerts").text


def test_who_guesses_is_soon_not_listened_to_even_with_the_right_token(
    site: TestClient, clock: AtNow
) -> None:
    assert [sign_in(site, "guess") for _ in range(TRIES)] == [401] * TRIES
    assert sign_in(site, TOKEN) == 429
    assert site.get("/api/alerts", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    clock.at += WITHIN
    assert sign_in(site, TOKEN) == 303


def test_wrong_tokens_on_looks_at_pages_lock_nobody_out(site: TestClient) -> None:
    for _ in range(TRIES + 1):
        assert site.get("/alerts", headers={"authorization": "Bearer of-a-proxy"}).status_code == 200
    assert sign_in(site, TOKEN) == 303


def test_the_right_token_of_a_pipeline_is_taken_whoever_guesses(site: TestClient) -> None:
    assert [sign_in(site, "guess") for _ in range(TRIES)] == [401] * TRIES
    silence = {"matchers": ["service=shop"], "duration": "2h", "comment": "known"}
    token = {"authorization": f"Bearer {TOKEN}"}
    assert site.post("/api/silences", json=silence, headers=token).status_code == 201


def test_guesses_from_many_addresses_are_counted_together() -> None:
    from monitor.web.auth import _Failures  # what an address can't be made to show over HTTP

    failures, now = _Failures(), AtNow().at
    for n in range(TRIES_OF_ALL):
        assert not failures.too_many("somebody's", now)
        failures.add(f"10.0.0.{n}", now)
    assert failures.too_many("somebody's", now)
    assert not failures.too_many("somebody's", now + WITHIN)


def test_a_proxys_header_says_who_it_is(open_site: Open, desk: FakeDesk) -> None:
    site = open_site(token=None, user_header="X-Forwarded-User")
    ann = {"x-forwarded-user": "ann@example.com", **OURS}
    assert "Read-only" in site.get("/alerts/17").text
    assert "You are <bdi>ann@example.com</bdi>" in site.get("/alerts", headers=ann).text
    token = form(site, ann)
    bob = {"x-forwarded-user": "bob", **OURS}
    assert site.post(ACKNOWLEDGE, data={"form": token}, headers=bob).status_code == 403, "of somebody else"
    assert site.post(ACKNOWLEDGE, data={"form": token, "by": "bob"}, headers=ann).status_code == 303
    assert desk.taken == [(17, "ann@example.com")], "whatever name the form gives"


def test_without_a_token_and_a_header_everything_is_read_only_and_says_so(open_site: Open) -> None:
    site = open_site(token=None)
    page = site.get("/alerts/17").text
    assert "Read-only: set <code>web.token</code>" in page
    assert "<form" not in page
    assert site.get("/sign-in").status_code == 404
    assert site.post(ACKNOWLEDGE, data={"by": "x"}, headers=OURS).status_code == 401
    assert site.post("/api/silences", json={}).status_code == 403


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example.com",
        "//evil.example.com",
        "/\\evil.example.com",
        "/alerts/17/../x",
        "javascript:1",
    ],
)
def test_after_the_sign_in_one_is_never_sent_elsewhere(site: TestClient, to: str) -> None:
    answer = site.post("/sign-in", data={"token": TOKEN, "to": to}, headers=OURS)
    assert answer.headers["location"] == "/alerts"


def test_after_the_sign_in_one_is_back_where_one_was(site: TestClient) -> None:
    answer = site.post("/sign-in", data={"token": TOKEN, "to": "/alerts/17"}, headers=OURS)
    assert answer.headers["location"] == "/alerts/17"
