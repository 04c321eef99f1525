"""docs/judges.md says what is true: its configuration loads, its reasons and metrics are the real ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from prometheus_client import CollectorRegistry

from monitor.config import JudgeConfig, load_config
from monitor.judges import Reason
from monitor.judges.load import GROUP
from monitor.judges.openai import Options
from monitor.service import make_judge
from monitor.telemetry import JudgeMetrics

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


def test_the_package_of_the_example_brings_its_judge_by_the_entry_point() -> None:
    entries = tomllib.loads(block("toml"))["project"]["entry-points"]
    assert entries == {GROUP: {"prices": "shop_judge:make"}}


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
