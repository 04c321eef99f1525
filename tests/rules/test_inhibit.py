"""Inhibition: which alert mutes which, and that one of them is always told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.inhibit import Inhibition, inhibited

PROVIDER_DOWN = Inhibition(
    source=("alertname=ProviderDown",), target=("model_served=~.+",), equal=("provider", "environment")
)
PAGES_OVER_TICKETS = Inhibition(source=("severity=page",), target=("severity=ticket",), equal=("service",))


def alert(name: str, **labels: str) -> dict[str, str]:
    return {"alertname": name, **labels}


def test_a_provider_that_is_down_mutes_its_models_and_no_others() -> None:
    firing = {
        "down": alert("ProviderDown", provider="openai"),
        "mini": alert("Errors", provider="openai", model_served="mini"),
        "haiku": alert("Errors", provider="anthropic", model_served="haiku"),
        "checkout": alert("Errors", provider="openai"),
    }
    assert inhibited(firing, [PROVIDER_DOWN]) == {"mini": "down"}


def test_without_its_source_nothing_is_muted() -> None:
    assert inhibited({"mini": alert("Errors", provider="openai", model_served="mini")}, [PROVIDER_DOWN]) == {}


def test_labels_that_both_lack_are_equal_and_one_that_one_lacks_is_not() -> None:
    firing = {
        "page": alert("A", severity="page"),
        "ticket": alert("A", severity="ticket"),
        "other": alert("A", severity="ticket", service="cart"),
    }
    assert inhibited(firing, [PAGES_OVER_TICKETS]) == {"ticket": "page"}


def test_no_alert_mutes_itself() -> None:
    same = Inhibition(source=("severity=page",), target=("severity=page",))
    assert inhibited({"one": alert("A", severity="page")}, [same]) == {}


def test_alerts_that_are_source_and_target_do_not_mute_one_another() -> None:
    wide = Inhibition(source=("severity=~page|ticket",), target=("severity=ticket",))
    tickets = {"a": alert("A", severity="ticket"), "b": alert("B", severity="ticket")}
    assert inhibited(tickets, [wide]) == {}
    assert inhibited({**tickets, "c": alert("C", severity="page")}, [wide]) == {"a": "c", "b": "c"}


def test_a_muted_alert_mutes_others_all_the_same() -> None:
    chain = [
        Inhibition(source=("alertname=A",), target=("alertname=B",)),
        Inhibition(source=("alertname=B",), target=("alertname=C",)),
    ]
    firing = {name: alert(name) for name in "ABC"}
    assert inhibited(firing, chain) == {"B": "A", "C": "B"}


def test_of_alerts_that_mute_one_another_in_a_circle_one_is_told() -> None:
    circle = [
        Inhibition(source=(f"alertname={a}",), target=(f"alertname={b}",)) for a, b in ("AB", "BC", "CA")
    ]
    muted = inhibited({name: alert(name) for name in "ABCD"}, circle)
    assert len(muted) == 2
    assert "D" not in muted


@pytest.mark.parametrize(
    ("inhibition", "says"),
    [
        (Inhibition(source=(), target=("a=b",)), "source: these matchers select every alert"),
        (Inhibition(source=("a=b",), target=("service=~.*",)), "target: these matchers select every alert"),
        (Inhibition(source=("a",), target=("a=b",)), "source: 'a' is no matcher"),
    ],
    ids=["no-source", "every-target", "no-matcher"],
)
def test_an_inhibition_that_can_not_be_used_is_refused(inhibition: Inhibition, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        inhibition.check()


_LABELS = st.fixed_dictionaries({name: st.sampled_from(["", "x", "y"]) for name in ("a", "b", "c")})
_MATCHER = st.builds("{}={}".format, st.sampled_from("abc"), st.sampled_from("xy"))
_INHIBITIONS = st.lists(
    st.builds(
        Inhibition,
        source=st.tuples(_MATCHER),
        target=st.tuples(_MATCHER),
        equal=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ),
    max_size=4,
)


@given(st.dictionaries(st.sampled_from("123456"), _LABELS), _INHIBITIONS)
def test_behind_every_muted_alert_one_is_told(
    firing: dict[str, dict[str, str]], inhibitions: list[Inhibition]
) -> None:
    muted = inhibited(firing, inhibitions)
    for one in muted:
        seen = set()
        while one in muted:
            assert one not in seen
            seen.add(one)
            one = muted[one]
        assert one in firing
