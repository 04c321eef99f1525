"""The configuration: one YAML file, every value overridable by environment, secrets by environment or file.

``LLM_MONITOR_DATABASE__URL`` overrides ``database.url`` (two underscores are a dot), and
``LLM_MONITOR_DATABASE__URL_FILE`` names a file that holds it. An unknown key or variable, a value that
can't be, or a rule that could never be delivered is refused with its line and what would be right. One long
file on purpose: every key stands beside its default, its limits and its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from kafka import KafkaConsumer

from monitor.decode.dimensions import MAPPABLE
from monitor.durations import Duration, seconds
from monitor.errors import ConfigError
from monitor.explain import suggestion
from monitor.notify import ChannelConfig, LogSettings
from monitor.resources import folder
from monitor.rules import Rule, Rules, load_rules
from monitor.rules.matchers import parse
from monitor.scorers.grounding import DEFAULTS
from monitor.yaml_file import Located, convert, parse_value, read_text

PREFIX = "LLM_MONITOR_"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: an unknown key is an error, and no secret is ever printed."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class KafkaConfig(_Section, frozen=True, kw_only=True):
    """Where the calls come from.

    ``client`` is passed through to kafka-python's ``KafkaConsumer``: ``bootstrap_servers``,
    ``security_protocol``, ``ssl_*``, ``sasl_*``, timeouts.
    """

    topics: tuple[str, ...] = ("llm-calls",)
    group_id: str = "llm-monitor"
    start: Literal["earliest", "latest"] = "earliest"
    """Where to begin in a topic that was never read; a partition that it gains is read from its beginning."""
    client: dict[str, Any] = {}


class DatabaseConfig(_Section, frozen=True, kw_only=True):
    """Where everything is stored."""

    url: str = ""


class IngestConfig(_Section, frozen=True, kw_only=True):
    """What is accepted, and how much at once."""

    max_lateness: Duration = "7d"
    """A call that started longer ago is a dead letter (``too_old``)."""
    max_skew: Duration = "10m"
    """A call that starts further ahead is a dead letter (``from_future``)."""
    max_record_bytes: int = 5 * 1024 * 1024
    keep_content: bool = False
    """Whether dead letters keep the record's bytes. By default no content is stored."""
    part_wait: Duration = "2m"
    """How long a span waits for the events that hold what was said in it, and events for their span."""
    context_wait: Duration = "15s"
    """How long a span that is below another waits for retrieved passages, its agent, a second span of it."""
    dimensions: dict[str, tuple[str, ...]] = {}
    """Attributes of spans, gateways and logs that become dimensions: ``route: [team]``."""
    max_values_per_dimension: int = 1_000
    linger: Duration = "1s"
    """How long a batch waits for more records after its first one."""
    batch_records: int = 5_000
    batch_bytes: int = 16 * 1024 * 1024
    """A batch with this many records, or records of this many bytes, waits for no more."""
    workers: int | None = None
    """Processes that ingest; as many as there are cores to be used where it is left out."""
    record_timeout: Duration = "10s"
    """How long decoding and scoring of one record may take before it is a dead letter (``took_too_long``)."""
    worker_memory: int = 2 * 1024 * 1024 * 1024
    """Bytes of data that one worker may have; a record that needs more is a dead letter."""
    dead_letter_topic: str | None = None
    """A Kafka topic that dead letters are written to besides; none is without it."""


class GroundingConfig(_Section, frozen=True, kw_only=True):
    """From which risk on an answer is ``suspect``, and ``unsupported``."""

    suspect: float = DEFAULTS.suspect
    unsupported: float = DEFAULTS.unsupported


class JudgeConfig(_Section, frozen=True, kw_only=True):
    """The second stage: who is asked about which calls, and how much."""

    use: str | None = None
    """``openai``, the name of an installed judge, or ``module:function``; none is asked without it."""
    options: dict[str, Any] = {}
    """What the judge itself takes."""
    of: Literal["suspects", "all"] = "suspects"
    """Whether it is asked about what ``grounding`` suspects, or about every call that has a context."""
    share: float = 1.0
    """How many of them."""
    suspect: float = 0.5
    unsupported: float = 0.8
    """From which risk on an answer is ``suspect``, and ``unsupported``."""
    per_minute: int = 60
    cost_per_day: float = 1.0
    """US dollars; like ``per_minute`` for each process."""
    wait: Duration = "2s"
    """How long a batch waits for verdicts before it is saved without them."""
    concurrency: int = 4


class ControlConfig(_Section, frozen=True, kw_only=True):
    """How often the leader works."""

    rollup_interval: Duration = "5s"
    evaluation_interval: Duration = "15s"
    settle: Duration = "15s"
    """How long calls have to arrive before the rules look at their time."""
    delivery_interval: Duration = "2s"


class RetentionConfig(_Section, frozen=True, kw_only=True):
    """How long things are kept. Of calls whole days are dropped, of rollups whole months."""

    calls: Duration = "30d"
    rollups: Duration = "396d"
    dead_letters: Duration = "90d"
    events: Duration = "30d"
    """Changes of state of labels that no alert was about; those of alerts are kept."""


class WebConfig(_Section, frozen=True, kw_only=True):
    """Where ``/metrics``, ``/healthz``, ``/readyz``, the pages and ``/api`` are served."""

    host: str = "127.0.0.1"
    port: int = 9465
    token: str | None = None
    """What a pipeline that marks deploys must send, and whoever acknowledges or silences must give; without
    it only those can that ``user_header`` names."""
    url: str = ""
    """The address under which people reach these pages, for links in notifications; empty: none."""
    user_header: str | None = None
    """A header by which a reverse proxy says who asks (``X-Forwarded-User``). Set it only where nobody
    reaches this port but through that proxy, which must remove the header from what it is sent."""


class TelemetryConfig(_Section, frozen=True, kw_only=True):
    """Where the service's own traces go."""

    otlp_endpoint: str | None = None
    """Base address of an OTLP/HTTP receiver; nothing is exported without it."""


class LogConfig(_Section, frozen=True, kw_only=True):
    """How the service logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class QuietConfig(_Section, frozen=True, kw_only=True):
    """Hours in which a route holds its notifications back, until they are over."""

    start: str
    """The time of day, ``22:00``; when it is later than ``end``, the night. A whole day ends at ``24:00``."""
    end: str
    zone: str = "UTC"
    """An IANA time zone: ``Europe/Berlin``."""
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    """Days on which these hours begin; left out: all."""


class RouteConfig(_Section, frozen=True, kw_only=True):
    """Which alerts go where. The first route that matches decides."""

    match: tuple[str, ...] = ()
    """Matchers, as Alertmanager's: ``severity="page"``, ``service=~"shop.*"``, ``team="search"``; all must
    match, none matches everything."""
    channels: tuple[str, ...]
    repeat: Duration | None = None
    """Told again after so long while it fires and nobody has acknowledged it; left out: never."""
    quiet: QuietConfig | None = None
    digest: Duration | None = None
    """Collected, and told together so often."""


class GrafanaConfig(_Section, frozen=True, kw_only=True):
    """Where the dashboard is, for links to it."""

    dashboard: str = ""
    """The address of the Overview dashboard: ``https://grafana.example.com/d/llm-monitor-overview``."""


class HeartbeatConfig(_Section, frozen=True, kw_only=True):
    """A dead man's switch: it raises the alarm when it is not asked for any more."""

    url: str = ""
    """Asked for (GET) while the leader evaluates; it may hold a secret. Empty: none."""
    every: Duration = "1m"


class Config(_Section, frozen=True, kw_only=True):
    """The whole configuration."""

    kafka: KafkaConfig = KafkaConfig()
    database: DatabaseConfig = DatabaseConfig()
    ingest: IngestConfig = IngestConfig()
    grounding: GroundingConfig = GroundingConfig()
    judge: JudgeConfig = JudgeConfig()
    control: ControlConfig = ControlConfig()
    retention: RetentionConfig = RetentionConfig()
    web: WebConfig = WebConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    log: LogConfig = LogConfig()
    channels: dict[str, ChannelConfig] = msgspec.field(default_factory=lambda: {"log": LogSettings()})
    routes: tuple[RouteConfig, ...] = ()
    """Left out: every alert goes to every channel."""
    grafana: GrafanaConfig = GrafanaConfig()
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    fallback_channel: str | None = "log"
    """Which channel is told when another can't take a notification."""
    rules: tuple[str, ...] | None = None
    """Rule files and folders, relative to this file; left out: the rules that ship."""
    runbook_base: str = ""
    """The address that a rule's ``runbook_url`` is relative to, where it is no full address itself."""


class Settings(msgspec.Struct, frozen=True):
    """A configuration that was checked, with its rules."""

    config: Config
    rules: Rules


def load_config(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read, override by environment, check, and load the rules.

    ``path`` is the YAML file; ``None`` means environment and defaults alone.

    Raises:
        ConfigError: names the file and line, or the variable, and says what would be right.
    """
    located = Located(path or Path("environment"), read_text(path) if path else "")
    value = {} if located.value is None else located.value
    if not isinstance(value, dict):
        raise located.error("a configuration is a mapping: `kafka:`, `database:`, …")
    _override(value, environ, located)
    config = convert(located, value, Config)
    _check(config, located)
    base = path.parent if path else Path()
    paths = [base / name for name in config.rules] if config.rules is not None else [folder("alerts")]
    found = load_rules(paths, channels=config.channels)
    rules = tuple(_with_runbook(rule, config.runbook_base) for rule in found.rules)
    return Settings(config, msgspec.structs.replace(found, rules=rules))


def _with_runbook(rule: Rule, base: str) -> Rule:
    folder_url = base if not base or base.endswith("/") else f"{base}/"
    return msgspec.structs.replace(rule, runbook_url=urljoin(folder_url, rule.runbook_url))


def _override(value: dict[str, Any], environ: Mapping[str, str], located: Located) -> None:
    """Put the environment's values over the file's, in place."""
    known = [field.name for field in msgspec.structs.fields(Config)]
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        steps = name.removeprefix(PREFIX).lower().split("__")
        text = environ[name]
        if steps[-1].endswith("_file"):
            steps[-1] = steps[-1].removesuffix("_file")
            text = _secret(name, Path(text))
            if name.removesuffix("_FILE") in environ:
                raise ConfigError(f"{name}: {name.removesuffix('_FILE')} is set too; set one of the two")
        if steps[0] not in known:
            raise ConfigError(f"{name}: unknown key {steps[0]!r}{suggestion(steps[0], known)}")
        target = value
        for step in steps[:-1]:
            if target.get(step) is None:
                target[step] = {}
            if not isinstance(target[step], dict):
                raise ConfigError(f"{name}: {step!r} has no keys below it")
            target = target[step]
        target[steps[-1]] = text if _is_text(steps) else parse_value(text)
        located.override(tuple(steps), name)


def _is_text(steps: list[str]) -> bool:
    """Whether the value at these keys is text whatever it looks like: a password may be all digits."""
    if steps[:2] == ["kafka", "client"]:
        return steps[-1].startswith(("ssl_", "sasl_")) and steps[-1] != "ssl_check_hostname"
    if steps[:2] == ["judge", "options"]:
        return steps[-1].endswith(("key", "token", "secret", "password", "url", "model"))
    if steps[0] == "channels":
        return steps[-1].endswith(("key", "token", "secret", "password", "url", "user", "channel"))
    return steps[-1] in _TEXT


_TEXT = frozenset(
    {"url", "secret", "token", "group_id", "dead_letter_topic", "host", "otlp_endpoint", "runbook_base"}
)


def _secret(name: str, path: Path) -> str:
    try:
        return read_text(path).strip()
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error


def _check(config: Config, located: Located) -> None:
    """Everything that the types can't say."""
    if not config.database.url:
        raise located.error(
            "database.url is missing: postgresql://user:password@host:5432/name"
            f" (or {PREFIX}DATABASE__URL, or {PREFIX}DATABASE__URL_FILE)",
            "database",
        )
    if not config.kafka.topics:
        raise located.error("kafka.topics is empty: name at least one topic", "kafka", "topics")
    for index, topic in enumerate(config.kafka.topics):
        if not _TOPIC.fullmatch(topic):
            message = "a topic's name is letters, digits, dots, underscores and hyphens, at most 249"
            raise located.error(message, "kafka", "topics", index)
    if (letters := config.ingest.dead_letter_topic) is not None:
        if not _TOPIC.fullmatch(letters):
            message = "a topic's name is letters, digits, dots, underscores and hyphens, at most 249"
            raise located.error(message, "ingest", "dead_letter_topic")
        if letters in config.kafka.topics:
            message = f"{letters} is read from: every dead letter would come back as one more"
            raise located.error(message, "ingest", "dead_letter_topic")
    if not config.channels:
        raise located.error("channels is empty: an alert could be told to nobody", "channels")
    for dimension in config.ingest.dimensions:
        if dimension not in MAPPABLE:
            raise located.error(
                f"{dimension!r} is no dimension that an attribute can be; there are {', '.join(MAPPABLE)}"
                f"{suggestion(dimension, list(MAPPABLE))}",
                "ingest",
                "dimensions",
                dimension,
            )
    _check_client(config.kafka.client, located)
    for section, key, low, high in _RANGES:
        number = getattr(getattr(config, section), key)
        if number is not None and not low <= number <= high:
            raise located.error(f"{section}.{key} must be between {low} and {high}", section, key)
    for section, key, shortest, longest in _DURATIONS:
        length = seconds(getattr(getattr(config, section), key))
        if not seconds(shortest) <= length <= seconds(longest):
            raise located.error(f"{section}.{key} must be between {shortest} and {longest}", section, key)
    lateness = timedelta(seconds=seconds(config.ingest.max_lateness))
    if timedelta(seconds=seconds(config.retention.calls)) < lateness + timedelta(days=2):
        raise located.error(
            f"retention.calls must be at least two days longer than ingest.max_lateness"
            f" ({config.ingest.max_lateness}), or a late call finds its day dropped",
            "retention",
            "calls",
        )
    if seconds(config.retention.rollups) < seconds(config.retention.calls):
        raise located.error(
            f"retention.rollups must be at least retention.calls ({config.retention.calls}):"
            " every call that is kept is counted",
            "retention",
            "rollups",
        )
    for name in ("grounding", "judge"):
        if getattr(config, name).suspect > getattr(config, name).unsupported:
            raise located.error(f"{name}.suspect must not be above {name}.unsupported", name, "suspect")
    if config.web.token is not None and not _TOKEN.fullmatch(config.web.token):
        message = "web.token must have 16 to 1,024 visible ASCII characters: openssl rand -hex 32"
        raise located.error(message, "web", "token")
    if (header := config.web.user_header) is not None and (
        not _HEADER.fullmatch(header) or header.lower().startswith(_BROWSERS)
    ):
        message = "web.user_header must be the name of a header that only the proxy sets, as X-Forwarded-User"
        raise located.error(message, "web", "user_header")
    for name in config.channels:
        if name in ("page", "command"):
            message = f"a channel can't be called {name!r}: acknowledgements come from there"
            raise located.error(message, "channels", name)
        if not _CHANNEL_NAME.fullmatch(name):
            raise located.error(
                f"a channel's name is small letters, digits and single underscores, not {name!r}",
                "channels",
                name,
            )
    _check_routes(config, located)
    if config.web.url and not re.fullmatch(r"https?://[^\s?#]+", config.web.url):
        raise located.error("web.url must be http:// or https://, a host and perhaps a path", "web", "url")
    if config.fallback_channel is not None and config.fallback_channel not in config.channels:
        raise located.error(
            f"fallback_channel {config.fallback_channel!r} is not among channels: name one of"
            f" {', '.join(config.channels) or 'them'}, or null for none, or add `log: {{kind: log}}` to them",
            "fallback_channel",
        )


def _check_routes(config: Config, located: Located) -> None:
    for index, route in enumerate(config.routes):
        place = ("routes", index)
        for at, text in enumerate(route.match):
            try:
                parse(text)
            except ValueError as error:
                raise located.error(str(error), *place, "match", at) from None
        if not route.channels:
            raise located.error("channels is empty: what matches would be told to nobody", *place, "channels")
        for at, name in enumerate(route.channels):
            if name not in config.channels:
                message = f"channel {name!r} is not among channels{suggestion(name, list(config.channels))}"
                raise located.error(message, *place, "channels", at)
            if route.digest is not None and not config.channels[name].reads_digests:
                message = f"channel {name!r} keeps incidents, which a digest is none of: route to another"
                raise located.error(message, *place, "digest")
        for key, length in (("repeat", route.repeat), ("digest", route.digest)):
            if length is not None and not 60 <= seconds(length) <= 7 * 86_400:
                raise located.error(f"{key} must be between 1m and 7d", *place, key)
        if route.quiet is not None:
            _check_quiet(route.quiet, located, *place, "quiet")
        if not route.match and index < len(config.routes) - 1:
            message = "this route matches everything, so those below it are never used"
            raise located.error(message, *place)
    if config.routes and config.routes[-1].match:
        message = "the last route must match everything (no `match`), or some alerts would be told to nobody"
        raise located.error(message, "routes", len(config.routes) - 1)


def _check_quiet(quiet: QuietConfig, located: Located, *place: str | int) -> None:
    for key, text in (("start", quiet.start), ("end", quiet.end)):
        if not _TIME_OF_DAY.fullmatch(text) and (key, text) != ("end", "24:00"):
            raise located.error(f'{key} must be a time of day like "22:00", in quotes', *place, key)
    if quiet.start == quiet.end:
        raise located.error("start and end are the same: quiet hours never end", *place, "end")
    try:
        ZoneInfo(quiet.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "zone must be an IANA time zone, as Europe/Berlin"
        raise located.error(message, *place, "zone") from None


_RANGES = (
    ("ingest", "max_record_bytes", 1_024, 64 * 1024 * 1024),
    ("ingest", "max_values_per_dimension", 1, 100_000),
    ("ingest", "batch_records", 1, 100_000),
    ("ingest", "batch_bytes", 1_024, 256 * 1024 * 1024),
    ("ingest", "workers", 1, 256),
    ("ingest", "worker_memory", 256 * 1024 * 1024, 1024**4),
    ("grounding", "suspect", 0, 1),
    ("grounding", "unsupported", 0, 1),
    ("judge", "share", 0, 1),
    ("judge", "suspect", 0, 1),
    ("judge", "unsupported", 0, 1),
    ("judge", "per_minute", 1, 10_000),
    ("judge", "cost_per_day", 0, 100_000),
    ("judge", "concurrency", 1, 64),
    ("web", "port", 0, 65_535),
)

#: Calls are in partitions of a day, made for as far back as ``max_lateness`` and some days ahead.
_DURATIONS = (
    ("ingest", "max_lateness", "1m", "90d"),
    ("ingest", "max_skew", "0s", "1d"),
    ("ingest", "linger", "0s", "60s"),
    ("ingest", "part_wait", "0s", "1h"),
    ("ingest", "context_wait", "0s", "10m"),
    # A health check takes a worker that does not turn for a minute for stuck.
    ("ingest", "record_timeout", "1s", "30s"),
    ("retention", "rollups", "1d", "3650d"),
    ("retention", "dead_letters", "1d", "3650d"),
    ("retention", "events", "1d", "3650d"),
    # Ten batches of parts may follow one another in one turn, which has to end within a minute.
    ("judge", "wait", "100ms", "5s"),
    ("control", "rollup_interval", "100ms", "1h"),
    ("control", "evaluation_interval", "100ms", "1h"),
    ("control", "settle", "0s", "1h"),
    ("control", "delivery_interval", "100ms", "1h"),
    ("heartbeat", "every", "1s", "1d"),
)

_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

#: Fit for a variable's name and for a header.
_CHANNEL_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")

#: A token of RFC 9110, 5.6.2; and what browsers send by themselves.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_BROWSERS = (
    "accept", "authorization", "cache-", "connection", "content-", "cookie", "host", "if-", "origin",
    "referer", "sec-", "te", "transfer-", "upgrade", "user-agent",
)  # fmt: skip

#: Fit for a header, and not soon guessed.
_TOKEN = re.compile(r"[!-~]{16,1024}")

#: Kafka's own rule for the name of a topic.
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")

#: Settings of the Kafka client that the service sets itself.
_OURS = frozenset(
    {
        "group_id",
        "enable_auto_commit",
        "auto_offset_reset",
        "max_poll_records",
        "key_deserializer",
        "value_deserializer",
    }
)


#: What the Kafka client takes for its login and its encryption.
_CHOICES = {
    "security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"),
}

#: How Kafka can share a topic's partitions out among the workers; named here, the client wants classes.
_ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky")


def _check_client(client: Mapping[str, Any], located: Located) -> None:
    known = [key for key in KafkaConsumer.DEFAULT_CONFIG if key not in _OURS]
    for key in client:
        if key in _OURS:
            raise located.error(f"kafka.client.{key} is set by the service itself", "kafka", "client", key)
        if key not in known:
            raise located.error(
                f"unknown Kafka client setting {key!r}{suggestion(key, known)}", "kafka", "client", key
            )
    for key, choices in _CHOICES.items():
        if client.get(key) is not None and client[key] not in choices:
            raise located.error(f"{key} can be {', '.join(choices)}", "kafka", "client", key)
    assignors = client.get("partition_assignment_strategy", _ASSIGNORS[:1])
    if (
        not isinstance(assignors, list | tuple)
        or not assignors
        or any(name not in _ASSIGNORS for name in assignors)
    ):
        message = f"partition_assignment_strategy is a list of {', '.join(_ASSIGNORS)}"
        raise located.error(message, "kafka", "client", "partition_assignment_strategy")
    if "bootstrap_servers" not in client:
        raise located.error(
            "kafka.client.bootstrap_servers is missing: host:9092, or a list of them", "kafka", "client"
        )
