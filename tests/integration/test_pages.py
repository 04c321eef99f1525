"""The pages in a real browser: read, signed in to, clicked through, with hostile names, and for everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from monitor.showing import Showing
from monitor.store import connect
from monitor.store.tables import acknowledgements, outbox, silences
from monitor.web import WebServer, build_app
from monitor.web.api import api_routes
from monitor.web.auth import Guard
from monitor.web.pages import page_routes
from tests.incident import broken_json, happen
from tests.services.chromium import Browser
from tests.services.paths import AXE
from tests.town import Town
from tests.web.desk import AtNow

TOKEN = "correct-horse-battery-staple"
PHONE, DESK = (390, 844), (1280, 900)

#: What a log may hold where a page shows it.
SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
TEMPLATE = "{{7*7}} javascript:alert(1) \u202egnp.exe"
LONG = "x" * 400

pytestmark = pytest.mark.one_postgres


@pytest.fixture(scope="module")
def town(module_database: str) -> Iterator[Town]:
    """An incident of which every name is hostile."""
    engine = connect(module_database)
    names = {"service": SCRIPT, "model_served": IMAGE, "prompt_version": TEMPLATE}
    yield happen(engine, names=names, detail=f"{SCRIPT} {IMAGE} {LONG}")
    engine.dispose()


@pytest.fixture
def site(town: Town) -> Iterator[str]:
    """The address of the pages; what was done on them is undone."""
    clock = AtNow()
    clock.at = town.at
    guard = Guard(TOKEN, None, TOKEN, "", clock)
    desk = Showing(town.engine, [broken_json()], ["calls"], clock)
    routes = [*api_routes(desk, guard), *page_routes(desk, guard, clock)]
    server = WebServer(build_app(CollectorRegistry(), list, list, routes), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.port}"
    server.close()
    with town.engine.begin() as connection:
        connection.execute(sa.delete(outbox).where(outbox.c.kind == "acknowledge"))
        connection.execute(sa.delete(acknowledgements))
        connection.execute(sa.delete(silences))


def sign_in(browser: Browser, site: str) -> None:
    browser.send("Network.clearBrowserCookies")
    browser.go(f"{site}/sign-in?to=/alerts/1")
    browser.fill("#token", TOKEN)
    browser.click("main button")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_somebody_signs_in_acknowledges_and_silences(
    browser: Browser, site: str, town: Town, size: tuple[int, int]
) -> None:
    browser.said.clear()
    browser.look(width=size[0], height=size[1])
    browser.send("Network.clearBrowserCookies")
    browser.go(f"{site}/alerts")
    browser.click("li a")
    assert "Sign in to acknowledge or silence." in browser.text()
    browser.click(".note a")
    browser.fill("#token", "a guess")
    browser.click("main button")
    assert "That is not the token." in browser.text()
    assert [one for one in browser.said if "401" in one], "the browser notes the refusal"
    browser.said.clear()
    browser.fill("#token", TOKEN)
    browser.click("main button")
    browser.fill("#by", "Ann")
    browser.click("#acknowledge button")
    assert "Acknowledged by Ann" in browser.text()
    browser.fill("#comment", "rolling back")
    browser.fill("#author", "Ann")
    browser.click("form[action$=silence] button")
    assert "Silenced. It is still evaluated and shown; only nobody is told." in browser.text()
    browser.go(f"{site}/silences")
    assert "by Ann: rolling back" in browser.text()
    assert f'service="{SCRIPT}"' in browser.text()
    browser.click("li button")
    assert "Nothing is silenced." in browser.text()
    assert [row.by for row in town.rows(acknowledgements)] == ["Ann"]
    browser.click("header button")
    assert "Sign in" in browser.text()
    assert browser.said == []


def test_hostile_names_stay_text(browser: Browser, site: str) -> None:
    browser.said.clear()
    browser.look(width=PHONE[0], height=PHONE[1])
    sign_in(browser, site)
    for path in ("/alerts/1", "/alerts", "/"):
        browser.go(f"{site}{path}")
        assert SCRIPT in browser.text()
        assert browser.run("document.scripts.length + document.images.length") == 0
    browser.go(f"{site}/alerts/1")
    text = browser.text()
    assert IMAGE in text
    assert "{{7*7}}" in text
    assert LONG in text
    assert browser.run("[...document.links].every(one => one.protocol.startsWith('http'))")
    assert browser.said == [], "no error, and nothing that the policy had to refuse"


@pytest.mark.parametrize("path", ["/", "/alerts", "/alerts/1", "/silences"])
@pytest.mark.parametrize(("size", "dark"), [(PHONE, True), (DESK, False)], ids=["phone at night", "desk"])
def test_nobody_is_kept_out(
    browser: Browser, site: str, path: str, size: tuple[int, int], dark: bool
) -> None:
    browser.look(width=size[0], height=size[1], dark=dark)
    sign_in(browser, site)
    browser.go(f"{site}{path}")
    wide = browser.run("document.documentElement.scrollWidth")
    assert wide <= size[0], "nothing makes the page wider than the screen"
    browser.run(AXE.read_text() + "; 1")
    found = json.loads(browser.run("axe.run().then(found => JSON.stringify(found.violations))"))
    faults = [
        f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")
    ]
    assert faults == []
