"""docs/judges.md says what is true: its configuration loads, its reasons and metrics are the real ones."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from monitor.config import JudgeConfig, load_config
from monitor.errors import ConfigError
from monitor.judges import Reason, load_judge
from monitor.judges.openai import Options
from monitor.records import Document, GroundingOutcome
from monitor.telemetry import JudgeMetrics
from monitor.workers.process import make_judge
from tests.judges.fakes import answered_call, with_grounding

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "judges.md").read_text()


def block(language: str) -> str:
    """The block of code in this language."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(code)


def table(heading: str) -> str:
    """The first column of the table below a heading."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))


def test_the_configuration_loads_with_its_key_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text(block("yaml"))
    (tmp_path / "key").write_text("0815\n")
    (variable,) = re.findall(r"^(LLM_MONITOR_\w+)=", block("sh"), re.MULTILINE)
    settings = load_config(
        tmp_path / "monitor.yaml",
        {
            "LLM_MONITOR_DATABASE__URL": "postgresql://db/monitor",
            "LLM_MONITOR_KAFKA__CLIENT__BOOTSTRAP_SERVERS": "kafka:9092",
            variable: str(tmp_path / "key"),
        },
    )
    assert settings.config.judge.options["api_key"] == "0815"
    assert make_judge(settings.config.judge)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's package, as pip would leave it behind."""
    entries = tomllib.loads(block("toml"))["project"]["entry-points"]
    (tmp_path / "shop_judge.py").write_text(block("python"))
    info = tmp_path / "shop_judge-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-judge\nVersion: 1.0.0\n")
    lines = [f"[{group}]\n{name} = {value}\n" for group in entries for name, value in entries[group].items()]
    (info / "entry_points.txt").write_text("".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_judge", raising=False)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("answer", "risk"),
    [
        ("It costs €19.90.", 0.0),
        ("It costs €18.90.", 1.0),
        ("It was €25.00 and is €19.90 now.", 0.5),
        ("I don't know.", 0.0),
    ],
)
def test_the_example_is_found_by_its_entry_point_and_finds_invented_prices(answer: str, risk: float) -> None:
    judge = load_judge("prices", {})
    call = answered_call(documents=(Document("The lamp: €19.90, from Monday on."),), answer=answer)
    verdict = judge.judge(call, with_grounding(GroundingOutcome.SUSPECT), timeout_s=30)
    assert verdict.risk == risk


@pytest.mark.usefixtures("installed")
def test_an_option_that_the_example_does_not_know_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^judge 'prices' \(shop_judge:make\): options: there is only `signs`$"
    ):
        load_judge("prices", {"sings": "€"})


def test_every_reason_is_explained() -> None:
    assert sorted(re.findall(r"`(\w+)`", table("When there is no verdict"))) == sorted(Reason)


def test_every_option_is_explained_with_its_default() -> None:
    assert set(re.findall(r"`(\w+)`", table("Options of `openai`"))) == set(Options.__struct_fields__)


def test_the_bounds_have_the_defaults_that_it_says() -> None:
    defaults = JudgeConfig()
    for name, default in re.findall(r"^\| `judge\.(\w+)` \| (\S+) \|", TEXT, re.MULTILINE):
        assert str(getattr(defaults, name)) == default


def test_the_metrics_are_the_real_ones() -> None:
    registry = CollectorRegistry()
    JudgeMetrics(registry)
    real = {metric.name for metric in registry.collect()}
    named = {name.removesuffix("_total") for name in re.findall(r"llm_monitor_judge_\w+", TEXT)}
    assert named == real
