from __future__ import annotations

from typing import Any

import pytest

from monitor.decode.dimensions import Mapping
from monitor.decode.named import attributes, tags

VALUE: dict[str, Any] = {
    "metadata": {
        "user_api_key_team_alias": "billing",
        "user.tier": "gold",
        "deep": {"er": 3},
        "api_key": "k",
    },
    "service": {"name": "up"},
    "flat": "yes",
}


def named(*names: str, value: dict[str, Any] | None = None) -> dict[str, Any]:
    return attributes(VALUE if value is None else value, Mapping({"route": names}))


def test_only_what_is_looked_for_is_read() -> None:
    assert named("flat", "metadata.deep.er", "nothing.here") == {
        "flat": "yes",
        "metadata.deep.er": 3,
        "service.name": "up",
    }


def test_a_key_may_have_dots() -> None:
    assert named("metadata.user.tier")["metadata.user.tier"] == "gold"


SECRET_NAMES = [
    "authorization",
    "request.headers.authorization",
    "request.headers.Proxy-Authorization",
    "request.headers.cookie",
    "response.headers.set-cookie",
    "request.headers.x-api-key",
    "request.headers.api_key",
    "request.headers.apikey",
    "request.headers.x-auth-token",
    "request.headers.x-amz-security-token",
    "request.headers.helicone-auth",
    "metadata.api_key",
    "metadata.user_api_key",
    "metadata.user_api_key_hash",
    "metadata.client_secret",
    "metadata.password",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_credential_is_not_read_even_if_it_is_asked_for(name: str) -> None:
    held: Any = "k"
    for key in reversed(name.split(".")):
        held = {key: held}
    assert named(name, value=held) == {}


@pytest.mark.parametrize("value", ["Bearer abc", "basic abc", "sk-live-1", " Bearer x", "pk-lf-1"])
def test_what_looks_like_a_credential_is_not_read_under_any_name(value: str) -> None:
    assert named("team", value={"team": value}) == {}


@pytest.mark.parametrize("name", ["metadata.user_api_key_team_alias", "metadata.user_api_key_alias"])
def test_a_name_that_only_mentions_a_key_is_read(name: str) -> None:
    key = name.rpartition(".")[2]
    assert named(name, value={"metadata": {key: "billing"}}) == {name: "billing"}


def test_tags_have_a_key_and_a_value() -> None:
    assert tags(["prod", "team:a", "team:b", "url:http://x", 3, None]) == {"team": "a", "url": "http://x"}
    assert tags("team:a") == {}
