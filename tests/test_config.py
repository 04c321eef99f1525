"""The configuration: what it takes, from where, and in which words it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from kafka import KafkaConsumer

from monitor.clock import SystemClock
from monitor.config import Config, RouteConfig, Settings, load_config
from monitor.errors import ConfigError
from monitor.notify import ChannelConfig, LogSettings, WebhookSettings
from monitor.service import check_channels
from monitor.source import KafkaSource

ROOT = Path(__file__).resolve().parents[1]

GOOD = """\
kafka:
  client:
    bootstrap_servers: kafka:9092
database:
  url: postgresql://monitor:hunter2@db/monitor
channels:
  log: {kind: log}
  oncall:
    kind: webhook
    url: https://hooks.example.com/hunter3
    secret: hunter4
"""

#: What a configuration needs at least, by environment alone.
LEAST = {
    "LLM_MONITOR_DATABASE__URL": "postgresql://db/monitor",
    "LLM_MONITOR_KAFKA__CLIENT__BOOTSTRAP_SERVERS": "kafka:9092",
}


def load(folder: Path, text: str = GOOD, **environ: str) -> Settings:
    path = folder / "monitor.yaml"
    path.write_text(text)
    return load_config(path, {f"LLM_MONITOR_{name}": value for name, value in environ.items()})


def refusal(folder: Path, text: str = GOOD, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    message = str(caught.value)
    assert "\n" not in message
    assert "hunter" not in message
    return message.replace(str(folder / "monitor.yaml"), "monitor.yaml")


# --------------------------------------------------------------------------------------------- what it takes


def test_environment_alone_is_enough_and_the_rest_has_defaults() -> None:
    settings = load_config(None, LEAST)
    assert settings.config.database.url == "postgresql://db/monitor"
    assert settings.config.channels == {"log": LogSettings()}
    assert {rule.alert for rule in settings.rules.rules} >= {"JsonBroken", "DeadLetters"}


def test_other_variables_are_none_of_its_business() -> None:
    assert load_config(None, {**LEAST, "PATH": "/bin", "LLM_MONITORING": "1", "PGHOST": "x"})


def test_a_file_is_read(tmp_path: Path) -> None:
    config = load(tmp_path).config
    assert config.kafka.client == {"bootstrap_servers": "kafka:9092"}
    assert config.channels["oncall"] == WebhookSettings(
        url="https://hooks.example.com/hunter3", secret="hunter4"
    )


_OVERRIDES: list[tuple[str, str, tuple[str, ...], object]] = [
    ("KAFKA__TOPICS", "[a, b]", ("kafka", "topics"), ("a", "b")),
    ("KAFKA__GROUP_ID", "0815", ("kafka", "group_id"), "0815"),
    ("KAFKA__START", "latest", ("kafka", "start"), "latest"),
    ("KAFKA__CLIENT__SECURITY_PROTOCOL", "SASL_SSL", ("kafka", "client", "security_protocol"), "SASL_SSL"),
    ("KAFKA__CLIENT__SASL_PLAIN_PASSWORD", "123456", ("kafka", "client", "sasl_plain_password"), "123456"),
    ("KAFKA__CLIENT__SSL_PASSWORD", "true", ("kafka", "client", "ssl_password"), "true"),
    ("KAFKA__CLIENT__SSL_CHECK_HOSTNAME", "false", ("kafka", "client", "ssl_check_hostname"), False),
    ("KAFKA__CLIENT__REQUEST_TIMEOUT_MS", "60000", ("kafka", "client", "request_timeout_ms"), 60_000),
    ("DATABASE__URL", "postgresql://other/db", ("database", "url"), "postgresql://other/db"),
    ("INGEST__MAX_LATENESS", "1d", ("ingest", "max_lateness"), "1d"),
    ("INGEST__MAX_SKEW", "0s", ("ingest", "max_skew"), "0s"),
    ("INGEST__MAX_RECORD_BYTES", "2048", ("ingest", "max_record_bytes"), 2_048),
    ("INGEST__KEEP_CONTENT", "true", ("ingest", "keep_content"), True),
    ("INGEST__MAX_VALUES_PER_DIMENSION", "5", ("ingest", "max_values_per_dimension"), 5),
    ("INGEST__PART_WAIT", "1m", ("ingest", "part_wait"), "1m"),
    ("INGEST__CONTEXT_WAIT", "0s", ("ingest", "context_wait"), "0s"),
    ("INGEST__DIMENSIONS", "{route: [team]}", ("ingest", "dimensions"), {"route": ("team",)}),
    ("INGEST__BATCH_RECORDS", "10", ("ingest", "batch_records"), 10),
    ("INGEST__LINGER", "0s", ("ingest", "linger"), "0s"),
    ("INGEST__BATCH_BYTES", "2048", ("ingest", "batch_bytes"), 2_048),
    ("INGEST__WORKERS", "3", ("ingest", "workers"), 3),
    ("INGEST__RECORD_TIMEOUT", "2s", ("ingest", "record_timeout"), "2s"),
    ("INGEST__WORKER_MEMORY", "1073741824", ("ingest", "worker_memory"), 1_073_741_824),
    ("INGEST__DEAD_LETTER_TOPIC", "dead", ("ingest", "dead_letter_topic"), "dead"),
    ("JUDGE__USE", "openai", ("judge", "use"), "openai"),
    ("JUDGE__OPTIONS", "{prices: [1, 2]}", ("judge", "options"), {"prices": [1, 2]}),
    ("JUDGE__OPTIONS__API_KEY", "0815", ("judge", "options", "api_key"), "0815"),
    ("JUDGE__OPTIONS__INPUT_PRICE", "0.15", ("judge", "options", "input_price"), 0.15),
    ("GROUNDING__SUSPECT", "0.4", ("grounding", "suspect"), 0.4),
    ("GROUNDING__UNSUPPORTED", "0.9", ("grounding", "unsupported"), 0.9),
    ("JUDGE__OF", "all", ("judge", "of"), "all"),
    ("JUDGE__SHARE", "0.01", ("judge", "share"), 0.01),
    ("JUDGE__SUSPECT", "0.2", ("judge", "suspect"), 0.2),
    ("JUDGE__UNSUPPORTED", "1", ("judge", "unsupported"), 1.0),
    ("JUDGE__PER_MINUTE", "600", ("judge", "per_minute"), 600),
    ("JUDGE__COST_PER_DAY", "2.5", ("judge", "cost_per_day"), 2.5),
    ("JUDGE__WAIT", "500ms", ("judge", "wait"), "500ms"),
    ("JUDGE__CONCURRENCY", "8", ("judge", "concurrency"), 8),
    ("CONTROL__ROLLUP_INTERVAL", "1s", ("control", "rollup_interval"), "1s"),
    ("CONTROL__EVALUATION_INTERVAL", "1m", ("control", "evaluation_interval"), "1m"),
    ("CONTROL__SETTLE", "30s", ("control", "settle"), "30s"),
    ("CONTROL__DELIVERY_INTERVAL", "500ms", ("control", "delivery_interval"), "500ms"),
    ("RETENTION__CALLS", "60d", ("retention", "calls"), "60d"),
    ("RETENTION__ROLLUPS", "800d", ("retention", "rollups"), "800d"),
    ("RETENTION__DEAD_LETTERS", "9d", ("retention", "dead_letters"), "9d"),
    ("RETENTION__EVENTS", "9d", ("retention", "events"), "9d"),
    ("WEB__HOST", "0.0.0.0", ("web", "host"), "0.0.0.0"),
    ("WEB__PORT", "0", ("web", "port"), 0),
    ("WEB__TOKEN", "0123456789012345", ("web", "token"), "0123456789012345"),
    ("TELEMETRY__OTLP_ENDPOINT", "http://otel:4318", ("telemetry", "otlp_endpoint"), "http://otel:4318"),
    ("LOG__LEVEL", "debug", ("log", "level"), "debug"),
    ("LOG__FORMAT", "console", ("log", "format"), "console"),
    ("CHANNELS__ONCALL__URL", "https://x/y", ("channels", "oncall", "url"), "https://x/y"),
    ("CHANNELS__ONCALL__SECRET", "0123", ("channels", "oncall", "secret"), "0123"),
    ("CHANNELS__OTHER", "{kind: webhook, url: 'http://x'}", ("channels", "other", "url"), "http://x"),
    ("CHANNELS__ON_CALL__KIND", "log", ("channels", "on_call"), LogSettings()),
    ("ROUTES", "[{channels: [oncall]}]", ("routes",), (RouteConfig(channels=("oncall",)),)),
    ("GRAFANA__DASHBOARD", "https://g/d/x", ("grafana", "dashboard"), "https://g/d/x"),
    ("HEARTBEAT__URL", "https://beat/x", ("heartbeat", "url"), "https://beat/x"),
    ("HEARTBEAT__EVERY", "30s", ("heartbeat", "every"), "30s"),
    ("WEB__URL", "https://monitor/x", ("web", "url"), "https://monitor/x"),
    ("WEB__USER_HEADER", "X-Forwarded-User", ("web", "user_header"), "X-Forwarded-User"),
    ("FALLBACK_CHANNEL", "null", ("fallback_channel",), None),
    ("FALLBACK_CHANNEL", "oncall", ("fallback_channel",), "oncall"),
    ("RULES", "[]", ("rules",), ()),
    ("RUNBOOK_BASE", "https://wiki.example.com/", ("runbook_base",), "https://wiki.example.com/"),
]


#: The kinds of channels, as a configuration names them.
KINDS = sorted(str(one.__struct_config__.tag) for one in get_args(ChannelConfig))


@pytest.mark.parametrize(("name", "text", "keys", "expected"), _OVERRIDES, ids=[row[0] for row in _OVERRIDES])
def test_every_value_can_be_overridden(
    tmp_path: Path, name: str, text: str, keys: tuple[str, ...], expected: object
) -> None:
    assert _at(load(tmp_path, **{name: text}).config, keys) == expected


def test_the_table_above_misses_no_key() -> None:
    assert {keys[:2] for _, _, keys, _ in _OVERRIDES if keys[0] != "channels"} == {
        keys for keys in _keys(Config) if keys[0] != "channels"
    }


def test_a_section_that_is_empty_in_the_file_can_be_filled_by_environment(tmp_path: Path) -> None:
    text = GOOD.replace("  url: postgresql://monitor:hunter2@db/monitor\n", "")
    assert load(tmp_path, text, DATABASE__URL="postgresql://x/y").config.database.url == "postgresql://x/y"


def test_a_whole_section_can_be_given_and_one_key_of_it_besides(tmp_path: Path) -> None:
    config = load(tmp_path, WEB="{host: '::1', port: 1}", WEB__PORT="2").config
    assert (config.web.host, config.web.port) == ("::1", 2)


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE__URL",
        "CHANNELS__ONCALL__SECRET",
        "WEB__TOKEN",
        "KAFKA__CLIENT__SSL_PASSWORD",
        "JUDGE__OPTIONS__API_KEY",
    ],
)
def test_a_secret_is_read_from_the_file_that_a_variable_names(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://0/1\n")
    config = load(tmp_path, **{f"{name}_FILE": str(secret)}).config
    assert _at(config, tuple(name.lower().split("__"))) == "postgresql://0/1"


def test_a_password_of_digits_in_a_file_stays_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123\n")
    config = load(tmp_path, KAFKA__CLIENT__SASL_PLAIN_PASSWORD_FILE=str(secret)).config
    assert config.kafka.client["sasl_plain_password"] == "0123"


#: Two rules; the second says in full where its runbook is.
RULES = """\
groups:
  - name: json
    rules:
      - {alert: A, kind: regression, metric: json.failed, runbook_url: docs/runbook.md#a}
      - {alert: B, kind: regression, metric: json.failed, runbook_url: https://x/y#z}
"""


def test_rules_are_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.yaml").write_text(RULES)
    rules = load(tmp_path, GOOD + "rules: [mine]\n").rules.rules
    assert [rule.alert for rule in rules] == ["A", "B"]


def test_a_runbook_is_relative_to_its_base_unless_it_is_a_full_address(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    found = load(tmp_path, GOOD + "rules: [a.yaml]\nrunbook_base: https://git.example.com/main\n").rules
    assert [rule.runbook_url for rule in found.rules] == [
        "https://git.example.com/main/docs/runbook.md#a",
        "https://x/y#z",
    ]


# ------------------------------------------------------------------------------------------ what it refuses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafca: {}\n", "monitor.yaml:12: unknown key 'kafca'; did you mean 'kafka'?"),
        (
            "ingest: {max_latenes: 1d}\n",
            "monitor.yaml:12: unknown key 'max_latenes'; did you mean 'max_lateness'?",
        ),
        ("ingest:\n  linger: fast\n", "monitor.yaml:13: expected a duration like 90s, 5m, 24h or 7d"),
        ("ingest:\n  max_lateness: 1y\n", "monitor.yaml:13: expected a duration like 90s, 5m, 24h or 7d"),
        ("ingest:\n  max_lateness: 91d\n", "monitor.yaml:13: ingest.max_lateness must be between 1m and 90d"),
        ("ingest:\n  max_skew: 2d\n", "monitor.yaml:13: ingest.max_skew must be between 0s and 1d"),
        ("ingest:\n  part_wait: 2h\n", "monitor.yaml:13: ingest.part_wait must be between 0s and 1h"),
        (
            "ingest:\n  dimensions: {rout: [team]}\n",
            "monitor.yaml:13: 'rout' is no dimension that an attribute can be; there are service,"
            " environment, route, prompt_name, prompt_version, agent; did you mean 'route'?",
        ),
        ("ingest:\n  linger: 61s\n", "monitor.yaml:13: ingest.linger must be between 0s and 60s"),
        (
            "ingest:\n  batch_records: 0\n",
            "monitor.yaml:13: ingest.batch_records must be between 1 and 100000",
        ),
        ("ingest:\n  batch_records: many\n", "monitor.yaml:13: expected a whole number, got text"),
        (
            "ingest:\n  max_record_bytes: 10\n",
            "monitor.yaml:13: ingest.max_record_bytes must be between 1024 and 67108864",
        ),
        ("judge:\n  share: 1.5\n", "monitor.yaml:13: judge.share must be between 0 and 1"),
        ("judge:\n  share: .nan\n", "monitor.yaml:13: judge.share must be between 0 and 1"),
        ("judge:\n  wait: 6s\n", "monitor.yaml:13: judge.wait must be between 100ms and 5s"),
        ("judge:\n  of: some\n", "monitor.yaml:13: it can't be 'some'; it can be all, suspects"),
        (
            "grounding: {suspect: 0.8}\n",
            "monitor.yaml:12: grounding.suspect must not be above grounding.unsupported",
        ),
        ("judge:\n  suspect: 0.9\n", "monitor.yaml:13: judge.suspect must not be above judge.unsupported"),
        ("control:\n  settle: 2h\n", "monitor.yaml:13: control.settle must be between 0s and 1h"),
        (
            "control:\n  evaluation_interval: 10ms\n",
            "monitor.yaml:13: control.evaluation_interval must be between 100ms and 1h",
        ),
        (
            "retention:\n  calls: 8d\n",
            "monitor.yaml:13: retention.calls must be at least two days longer than ingest.max_lateness (7d),"
            " or a late call finds its day dropped",
        ),
        (
            "retention:\n  calls: 30d\n  rollups: 29d\n",
            "monitor.yaml:14: retention.rollups must be at least retention.calls (30d):"
            " every call that is kept is counted",
        ),
        ("web: {port: 70000}\n", "monitor.yaml:12: web.port must be between 0 and 65535"),
        ("web: {port: http}\n", "monitor.yaml:12: expected a whole number, got text"),
        ("web: {host: 1}\n", "monitor.yaml:12: expected text, got a whole number: put it in quotes"),
        (
            "log: {level: loud}\n",
            "monitor.yaml:12: it can't be 'loud'; it can be debug, error, info, warning",
        ),
        (
            "fallback_channel: pager\n",
            "monitor.yaml:12: fallback_channel 'pager' is not among channels: name one of"
            " log, oncall, or null"
            " for none, or add `log: {kind: log}` to them",
        ),
        ("rules: alerts\n", "monitor.yaml:12: expected a list or nothing, got text"),
        ("database: {url: x}\n", "monitor.yaml:12: not YAML: the key 'database' stands twice"),
        ("telemetry:\n\totlp_endpoint: x\n", "monitor.yaml:13: not YAML: a tab; indent with spaces"),
    ],
)
def test_a_bad_value_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, GOOD + text) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    bootstrap_servers: kafka:9092\n",
            "    client_id: x\n",
            "monitor.yaml:2: kafka.client.bootstrap_servers is missing: host:9092, or a list of them",
        ),
        (
            "kafka:\n",
            "kafka:\n  topics: [good, bad topic!]\n",
            "monitor.yaml:2: a topic's name is letters, digits, dots, underscores and hyphens, at most 249",
        ),
        (
            "    bootstrap_servers: kafka:9092\n",
            "    bootstrap_servers: kafka:9092\n    sasl_mechanism: SCRAM\n",
            "monitor.yaml:4: sasl_mechanism can be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER,"
            " AWS_MSK_IAM, GSSAPI",
        ),
        (
            "bootstrap_servers:",
            "bootstrap_server:",
            "monitor.yaml:3: unknown Kafka client setting 'bootstrap_server'; did you"
            " mean 'bootstrap_servers'?",
        ),
        (
            "    bootstrap_servers: kafka:9092\n",
            "    bootstrap_servers: kafka:9092\n    group_id: x\n",
            "monitor.yaml:4: kafka.client.group_id is set by the service itself",
        ),
        (
            "  client:\n",
            "  topics: []\n  client:\n",
            "monitor.yaml:2: kafka.topics is empty: name at least one topic",
        ),
        (
            "  url: postgresql://monitor:hunter2@db/monitor\n",
            "  url: ''\n",
            "monitor.yaml:4: database.url is missing: postgresql://user:password@host:5432/name"
            " (or LLM_MONITOR_DATABASE__URL, or LLM_MONITOR_DATABASE__URL_FILE)",
        ),
        ("kind: webhook", "kind: webhok", "monitor.yaml:9: it can't be 'webhok'; did you mean 'webhook'?"),
        ("    url: https://hooks.example.com/hunter3\n", "", "monitor.yaml:8: 'url' is missing"),
        ("    secret:", "    secrets:", "monitor.yaml:11: unknown key 'secrets'; did you mean 'secret'?"),
        (
            "secret: hunter4",
            "secret: 1234",
            "monitor.yaml:11: expected text or nothing, got a whole number: put it in quotes",
        ),
        ("secret: hunter4", "secret: *hunter4", "monitor.yaml:11: not YAML: found undefined alias"),
        (
            "  oncall:",
            "  on-call:",
            "monitor.yaml:8: a channel's name is small letters, digits and single underscores, not 'on-call'",
        ),
        (
            "  oncall:",
            "  Öncall:",
            "monitor.yaml:8: a channel's name is small letters, digits and single underscores, not 'Öncall'",
        ),
        (
            "  log: {kind: log}\n",
            "",
            "monitor.yaml:1: fallback_channel 'log' is not among channels: name one of"
            " oncall, or null for none,"
            " or add `log: {kind: log}` to them",
        ),
    ],
)
def test_what_stands_wrong_in_the_file_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    assert refusal(tmp_path, GOOD.replace(old, new, 1)) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("DATABSE__URL", "x", "unknown key 'databse'; did you mean 'database'?"),
        ("DATABASE__URI", "x", "unknown key 'uri'; did you mean 'url'?"),
        ("DATABASE", "x", "expected a mapping, got text"),
        ("DATABASE__URL__HOST", "x", "'url' has no keys below it"),
        ("KAFKA__TOPICS", "llm-calls", "expected a list, got text"),
        (
            "KAFKA__CLIENT__BOOTSTRAP",
            "x",
            "unknown Kafka client setting 'bootstrap'; did you mean 'bootstrap_servers'?",
        ),
        ("KAFKA__CLIENT__GROUP_ID", "x", "kafka.client.group_id is set by the service itself"),
        *(
            (
                "KAFKA__CLIENT__PARTITION_ASSIGNMENT_STRATEGY",
                value,
                "partition_assignment_strategy is a list of range, roundrobin, sticky, cooperative-sticky",
            )
            for value in ("range", "[]", "[rnage]", "{range: 1}")
        ),
        ("WEB__PORT", "http", "expected a whole number, got text"),
        ("WEB__PORT", "-1", "web.port must be between 0 and 65535"),
        *(
            (
                "WEB__TOKEN",
                value,
                "web.token must have 16 to 1,024 visible ASCII characters: openssl rand -hex 32",
            )
            for value in ("", "hunter2", "hunter2 hunter2 hunter2")
        ),
        ("LOG__LEVEL", "", "expected text, got nothing"),
        ("LOG__LEVEL", "loud", "it can't be 'loud'; it can be debug, error, info, warning"),
        ("INGEST__LINGER", "5", "expected text, got a whole number: put it in quotes"),
        ("INGEST__LINGER", "long", "expected a duration like 90s, 5m, 24h or 7d"),
        ("CHANNELS__ONCALL__KIND", "webhok", "it can't be 'webhok'; did you mean 'webhook'?"),
        ("CHANNELS__ONCALL__TOKEN", "hunter5", "unknown key 'token'; it can be kind, secret, url"),
        (
            "CHANNELS__PAGER__URL",
            "http://x",
            f"'kind' is missing; it can be {', '.join(KINDS)}",
        ),
        (
            "FALLBACK_CHANNEL",
            "pager",
            "fallback_channel 'pager' is not among channels: name one of log, oncall, or"
            " null for none, or add"
            " `log: {kind: log}` to them",
        ),
        (
            "PORT",
            "tcp://10.0.0.1:9465",
            "unknown key 'port'; it can be channels, control, database,"
            " fallback_channel, grafana, grounding, heartbeat, ingest, judge, kafka, log, retention, routes,"
            " rules, runbook_base, telemetry, web",
        ),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(tmp_path: Path, name: str, text: str, expected: str) -> None:
    assert refusal(tmp_path, **{name: text}) == f"LLM_MONITOR_{name}: {expected}"


def test_a_secret_file_that_is_not_there_is_refused_by_its_variable(tmp_path: Path) -> None:
    assert refusal(tmp_path, DATABASE__URL_FILE="/none") == (
        "LLM_MONITOR_DATABASE__URL_FILE: /none: can't be read: No such file or directory"
    )


def test_a_variable_and_its_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("x")
    assert refusal(tmp_path, DATABASE__URL="hunter5", DATABASE__URL_FILE=str(tmp_path / "url")) == (
        "LLM_MONITOR_DATABASE__URL_FILE: LLM_MONITOR_DATABASE__URL is set too; set one of the two"
    )


def test_without_a_file_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^environment:1: database\.url is missing: "):
        load_config(None, {})


@pytest.mark.parametrize("text", ["- kafka\n", "kafka\n", "5\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text) == "monitor.yaml:1: a configuration is a mapping: `kafka:`, `database:`, …"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: can't be read: No such file or directory$"):
        load_config(tmp_path / "none.yaml", LEAST)


def test_a_rule_that_could_never_be_delivered_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES.replace("alert: B,", "alert: B, channels: [pager],"))
    assert refusal(tmp_path, GOOD + "rules: [a.yaml]\n").endswith(
        "a.yaml:5: alert 'B': channel 'pager' is not configured; it can be log, oncall"
    )


@pytest.mark.parametrize(
    ("url", "secret", "expected"),
    [
        (
            "https://hooks.example.com/x",
            "whsec_*hunter*",
            "a webhook secret that starts with whsec_ must go on in base64",
        ),
        ("hooks.example.com/hunter", "x", "a webhook's url must be http:// or https://, a host and a path"),
        ("ftp://hunter@example.com", "x", "a webhook's url must be http:// or https://, a host and a path"),
        ("https:///hunter", "x", "a webhook's url must be http:// or https://, a host and a path"),
        ("http://hunter:99999/", "x", "a webhook's url must be http:// or https://, a host and a path"),
        ("https://hunter:port/", "x", "a webhook's url must be http:// or https://, a host and a path"),
    ],
)
def test_a_channel_that_could_never_deliver_is_refused_by_its_name(
    tmp_path: Path, url: str, secret: str, expected: str
) -> None:
    config = load(tmp_path, CHANNELS__ONCALL__URL=url, CHANNELS__ONCALL__SECRET=secret).config
    with pytest.raises(ConfigError) as caught:
        check_channels(config, SystemClock())
    assert str(caught.value) == f"channels.oncall: {expected}"


# ------------------------------------------------------------------------------------------------- secrets


def test_a_configuration_does_not_show_its_secrets(tmp_path: Path) -> None:
    settings = load(tmp_path, KAFKA__CLIENT__SASL_PLAIN_PASSWORD="hunter1", JUDGE__OPTIONS__API_KEY="hunter5")
    config = settings.config
    for shown in (settings, config, config.kafka, config.judge, config.channels["oncall"]):
        assert "hunter" not in f"{shown!r} {shown}"


# --------------------------------------------------------------------------------------------------- Kafka


def test_tls_and_sasl_settings_reach_the_kafka_client_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    class Consumer:
        DEFAULT_CONFIG = KafkaConsumer.DEFAULT_CONFIG

        def __init__(self, **settings: Any) -> None:
            given.update(settings)

        def subscribe(self, **_: Any) -> None:
            pass

    monkeypatch.setattr("monitor.source.KafkaConsumer", Consumer)
    monkeypatch.setattr("monitor.source.read_carefully", lambda _: None)
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    client = {
        "bootstrap_servers": ["a:9093", "b:9093"],
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "ssl_certfile": str(tmp_path / "cert.pem"),
        "ssl_keyfile": str(tmp_path / "key.pem"),
        "ssl_check_hostname": False,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "monitor",
        "request_timeout_ms": 60_000,
    }
    text = GOOD.replace(
        "    bootstrap_servers: kafka:9092\n", f"    {msgspec.json.encode(client)[1:-1].decode()}\n"
    )
    text = text.replace("  client:\n    ", "  client: {").replace("60000\n", "60000}\n")
    kafka = load(tmp_path, text, KAFKA__CLIENT__SASL_PLAIN_PASSWORD="0123").config.kafka
    KafkaSource(kafka.topics, kafka.group_id, kafka.client)
    assert {name: given[name] for name in client} == client
    assert given["sasl_plain_password"] == "0123"
    assert given["group_id"] == "llm-monitor"


@pytest.mark.parametrize("header", ["Host", "cookie", "Sec-Fetch-Site", "", "a b"])
def test_a_header_that_anybody_sends_can_not_say_who_asks(tmp_path: Path, header: str) -> None:
    with pytest.raises(ConfigError, match="only the proxy sets"):
        load(tmp_path, WEB__USER_HEADER=repr(header) if header == "" else header)


@pytest.mark.parametrize("name", ["page", "command"])
def test_a_channel_is_not_called_as_what_acknowledgements_come_from(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="acknowledgements come from there"):
        load(tmp_path, **{f"CHANNELS__{name.upper()}__KIND": "log"})


# ----------------------------------------------------------------------------------------------- the example


def _at(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    return value


def _keys(section: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    """Every key, as the names of its section and itself."""
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from ((field.name, *below) for below in _keys(field.type))
        else:
            yield (field.name,)


def test_the_example_loads(tmp_path: Path) -> None:
    settings = load_config(ROOT / "docs" / "monitor.yaml", {})
    check_channels(settings.config, SystemClock())
    assert settings.rules.rules


def test_the_example_has_every_key_with_its_default() -> None:
    example = yaml.safe_load((ROOT / "docs" / "monitor.yaml").read_text())
    defaults = msgspec.json.decode(msgspec.json.encode(load_config(None, LEAST).config))
    ours_to_give = {("kafka", "client"), ("database", "url"), ("channels",)}
    for keys in _keys(Config):
        assert keys[0] in example, keys
        if keys not in ours_to_give:
            assert _at(example, keys) == _at(defaults, keys), keys
    assert set(example["channels"]["oncall"]) == {"kind", "url", "secret"}
    assert example["channels"]["log"] == {"kind": "log"}


def test_the_example_has_no_key_that_is_none() -> None:
    example = yaml.safe_load((ROOT / "docs" / "monitor.yaml").read_text())
    known = set(_keys(Config))
    for section, below in example.items():
        if (section,) not in known:
            assert {(section, key) for key in below} == {keys for keys in known if keys[0] == section}


def test_the_configurations_of_the_documentation_are_good(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        path = tmp_path / "monitor.yaml"
        path.write_text(block)
        assert load_config(path, LEAST if "bootstrap" not in block else {LEAST_URL: LEAST[LEAST_URL]})


LEAST_URL = "LLM_MONITOR_DATABASE__URL"


def test_the_documented_limits_are_the_real_ones() -> None:
    from monitor.config import _DURATIONS, _RANGES

    text = (ROOT / "docs" / "configuration.md").read_text()
    table = text.split("## Limits")[1].split("## ")[0]
    for section, key, low, high in (*_RANGES, *_DURATIONS):
        (row,) = [line for line in table.splitlines() if key in line and section in line]
        assert re.search(rf"\| {low}\b.*\| {high}\b", row), row


def test_without_any_channel_it_is_refused(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("channels:")] + "channels: {}\nfallback_channel: null\n"
    with pytest.raises(ConfigError, match="channels is empty: an alert could be told to nobody"):
        load(tmp_path, text)
