"""Finding a judge by name and making it, and in which words that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.config import JudgeConfig
from monitor.errors import ConfigError
from monitor.judges.load import GROUP, load_judge
from monitor.judges.openai import OpenAIJudge
from monitor.workers.process import make_judge
from tests.judges.endpoint import PRICES
from tests.judges.fakes import SECRET, FakeJudge

HERE = "tests.judges.test_load"
OPENAI = {"base_url": "http://127.0.0.1:1/v1", "model": "m", **PRICES}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points that packages bring: add to them."""
    entries = [EntryPoint("fake", "tests.judges.fakes:make_fake", GROUP)]
    monkeypatch.setattr("monitor.judges.load.entry_points", lambda group: entries if group == GROUP else [])
    return entries


def raises_secret(_: Mapping[str, Any]) -> object:
    raise KeyError(SECRET)


def refuses(_: Mapping[str, Any]) -> object:
    raise ConfigError("options.path: there is no such file")


def makes_nothing(_: Mapping[str, Any]) -> object:
    return None


def make_version_0(_: Mapping[str, Any]) -> object:
    return SimpleNamespace(judge=len, version=0, max_cost=0)


def make_endless_cost(_: Mapping[str, Any]) -> object:
    return SimpleNamespace(judge=len, version=1, max_cost=float("inf"))


def test_a_judge_that_a_package_brings_is_made_with_its_options(installed: list[EntryPoint]) -> None:
    judge = load_judge("fake", {"max_cost": 0.25})
    assert isinstance(judge, FakeJudge)
    assert judge.max_cost == 0.25


def test_a_function_of_a_module_needs_no_package() -> None:
    assert isinstance(load_judge("tests.judges.fakes:make_fake", {}), FakeJudge)


def test_openai_comes_along() -> None:
    assert isinstance(load_judge("openai", OPENAI), OpenAIJudge)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "opnai",
            "no judge 'opnai' is installed (a package brings one as an entry point of 'llm_monitor.judges';"
            " module:function names any other); did you mean 'openai'?",
        ),
        (
            "x",
            "no judge 'x' is installed (a package brings one as an entry point of 'llm_monitor.judges';"
            " module:function names any other); it can be fake, openai",
        ),
        ("no.such.module:make", "judge 'no.such.module:make' can't be loaded: No module named 'no'"),
        (
            f"{HERE}:no_such_function",
            f"judge '{HERE}:no_such_function' can't be loaded:"
            f" module '{HERE}' has no attribute 'no_such_function'",
        ),
        (
            "tests.judges.broken:x",
            "judge 'tests.judges.broken:x' can't be loaded: its module raises ValueError",
        ),
        (f"{HERE}:raises_secret", f"judge '{HERE}:raises_secret' can't be made: it raises KeyError"),
        (f"{HERE}:refuses", f"judge '{HERE}:refuses': options.path: there is no such file"),
        (
            f"{HERE}:makes_nothing",
            f"judge '{HERE}:makes_nothing': what it makes has no method judge(call, scores, *, timeout_s)",
        ),
        (
            f"{HERE}:make_version_0",
            f"judge '{HERE}:make_version_0': its version must be a whole number from 1 to 32767",
        ),
        (
            f"{HERE}:make_endless_cost",
            f"judge '{HERE}:make_endless_cost': its max_cost must be a number of US dollars, 0 or more",
        ),
    ],
)
def test_a_judge_that_cannot_be_is_refused(installed: list[EntryPoint], name: str, expected: str) -> None:
    assert refusal(name) == expected


def test_a_name_that_two_packages_bring_is_refused(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("fake", "other:make", GROUP))
    assert (
        refusal("fake") == "several packages bring a judge 'fake': other:make, tests.judges.fakes:make_fake"
    )


def test_the_same_package_found_twice_is_one(installed: list[EntryPoint]) -> None:
    installed *= 2
    assert isinstance(load_judge("fake", {}), FakeJudge)


def test_wrong_options_are_refused_with_the_judges_name() -> None:
    assert refusal("openai", {**OPENAI, "modle": "x"}) == (
        "judge 'openai' (monitor.judges.openai:make):"
        " options.modle: unknown key 'modle'; did you mean 'model'?"
    )


def refusal(name: str, options: Mapping[str, Any] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_judge(name, options or {"token": SECRET})
    assert SECRET not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------- configuration


def test_no_judge_is_made_where_none_is_wanted() -> None:
    assert make_judge(JudgeConfig()) is None


def test_a_judge_of_the_configuration_is_made() -> None:
    assert isinstance(make_judge(JudgeConfig(use="openai", options=OPENAI)), OpenAIJudge)


def test_what_is_wrong_with_it_is_told_by_its_section() -> None:
    with pytest.raises(
        ConfigError, match=r"^judge: no judge 'opnai' is installed .*; did you mean 'openai'\?$"
    ):
        make_judge(JudgeConfig(use="opnai"))


def test_a_judge_that_could_never_be_asked_is_refused() -> None:
    config = JudgeConfig(use="tests.judges.fakes:make_fake", options={"max_cost": 0.25}, cost_per_day=0.1)
    with pytest.raises(ConfigError) as caught:
        make_judge(config)
    assert str(caught.value) == (
        "judge.cost_per_day: one question may cost 0.25 US dollars, more than the 0.1 of a day"
    )
