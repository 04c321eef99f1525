"""The panels of the dashboard, row by row: the questions of ``queries`` with how each answer is shown."""

from __future__ import annotations

from grafana import queries
from grafana.panels import RATE, Json, column, lines, stat, table, words
from grafana.sql import NOW, USUAL, rate
from monitor.records import ALWAYS, CAPTURES, OUTCOMES
from monitor.rules.metric import METRICS

#: What the failure rate of a score is called, and what it counts.
SCORES = {
    "json": ("JSON", "broke their JSON contract: not JSON, cut off, against the schema, refused, …"),
    "tools": ("Tools", "called tools wrongly: unknown tool, wrong arguments, a call missing or forbidden"),
    "grounding": ("Grounding", "said things that their context does not carry (a heuristic)"),
    "fallback": ("Fallback", "were not the first choice: retries, fallbacks, silent downgrades, exhausted"),
    "instructions": (
        "Instructions",
        "were empty, refused, cut off, or not in the language or form asked for",
    ),
    "judge": ("Judge", "a model or judge of your own calls unsupported (off unless you plug one in)"),
}

_FAILED = {SCORES[score][0]: f"{score}.failed" for score in ALWAYS}
_STATES = {"firing": "red", "pending": "orange", "resolved": "green"}


def glance() -> list[Json]:
    """The numbers that say in one look whether anything is wrong."""
    return [
        stat(
            "Firing alerts",
            "Alerts firing at this moment, whatever the range and the filters.",
            queries.FIRING,
            unit="short",
            colours={"green": None, "red": 1},
            width=4,
        ),
        *(
            stat(
                f"{title}: failure rate",
                f"Share of the judged calls that {what}. Now: the last {NOW} of the range;"
                f" before: the {USUAL} before those.",
                queries.now_and_usual(f"{score}.failed"),
                unit="percentunit",
                colours=RATE,
                plain=[f"{USUAL} before"],
                width=4,
            )
            for score, (title, what) in ((score, SCORES[score]) for score in ALWAYS)
        ),
        stat(
            "Calls per minute",
            "Calls over the range, a minute.",
            queries.CALLS_PER_MINUTE,
            unit="short",
            width=6,
            height=3,
        ),
        stat(
            "Records behind",
            "Records in Kafka that were still to come when each partition last saved. Believe it only"
            " when the last save is recent.",
            queries.BEHIND,
            unit="short",
            colours={"green": None, "yellow": 10_000, "red": 100_000},
            width=6,
            height=3,
        ),
        stat(
            "Since last save",
            "Time since any batch was saved. It also grows when no application sends anything.",
            queries.SINCE_LAST_SAVE,
            unit="s",
            colours={"green": None, "yellow": 120, "red": 600},
            width=6,
            height=3,
        ),
        stat(
            "Dead letters",
            "Records first seen in the range that could not be used.",
            queries.DEAD_LETTERS,
            unit="short",
            colours={"green": None, "yellow": 1},
            width=6,
            height=3,
        ),
    ]


def worse() -> list[Json]:
    """What got worse, by how much and where: alerts, services by scores, the largest rises."""
    share = column("percentunit", RATE, width=80)
    return [
        table(
            "Alerts",
            "Open alerts, and those that changed in the range, with the rates of the moment they fired."
            " The filters above do not apply: no alert hides.",
            queries.ALERTS,
            columns={
                "State": words(_STATES, width=90),
                "Severity": words({"page": "red", "ticket": "blue"}, width=80),
                "Since": column("dateTimeAsLocal", width=160),
                "Lasting": column("s", width=90),
                "Before": column("percentunit", width=80),
                "Now": share,
                "Times": column("suffix:×", width=70),
            },
            height=7,
        ),
        table(
            "Every service, every score",
            "Failure rate over the range, and how many calls it is over. No data: nothing of that service"
            " could be judged, which is not the same as no failures.",
            queries.by_service(_FAILED),
            columns={
                "Calls": column("short", width=70, decimals=0),
                "Errors": share,
                **dict.fromkeys(_FAILED, share),
                **{f"{title} judged": column("short", width=75, decimals=0) for title in _FAILED},
            },
            width=14,
            height=10,
        ),
        table(
            "Where is it worse than usual?",
            f"The last {NOW} of the range by service, model and prompt version against the whole"
            f" service in the {USUAL} before, most additional failures first.",
            queries.worst({"Errors": "errors"} | _FAILED),
            columns={
                "Before": column("percentunit", width=80),
                "Now": share,
                "Judged now": column("short", width=90, decimals=0),
                "More than usual": column(
                    "short", {"green": None, "yellow": 1, "orange": 5, "red": 20}, width=120
                ),
            },
            width=10,
            height=10,
        ),
    ]


def failures(score: str) -> Json:
    """The failure rate of one score over time, by service."""
    title, what = SCORES[score]
    return lines(
        f"{title}: failure rate over time",
        f"Share of the judged calls that {what}. The vertical lines are alerts and deploys.",
        queries.over_time_by("service", f"{score}.failed"),
        unit="percentunit",
    )


def outcomes(score: str) -> Json:
    """How the failures of one score are made up over time."""
    title, _ = SCORES[score]
    outcomes = METRICS[f"{score}.failed"].outcomes
    return lines(
        f"{title}: failures by outcome",
        "Each outcome's share of the judged calls; together they are the failure rate.",
        queries.over_time({outcome: rate(f"{score}.{outcome}") for outcome in outcomes}),
        unit="percentunit",
        stacked=True,
    )


def risks() -> Json:
    """The graded risks over time."""
    return lines(
        "Graded risk",
        "Mean risk of the calls that have one, from 0 to 1. It moves before the outcomes do: where tool calls"
        " or answers become doubtful, though none breaks a rule yet.",
        queries.over_time(
            {
                title: f"coalesce(sum({score}_risk_sum), 0) / nullif(sum({score}_rated), 0)"
                for score, title in (("tools", "tools"), ("grounding", "grounding"))
            }
        ),
        unit="percentunit",
    )


def requests() -> Json:
    """What became of requests, whatever their attempts."""
    return lines(
        "Requests, in the end",
        "Of what applications asked for, whatever it took: the share that got no answer at all, and the share"
        " that got one only after a retry or a fallback.",
        queries.over_time(
            {
                "failed": rate("requests.failed"),
                "rescued": "coalesce(sum(requests_rescued), 0)::double precision / nullif(sum(requests), 0)",
            }
        ),
        unit="percentunit",
    )


def costs() -> Json:
    """Dollars over time."""
    return lines(
        "Cost per hour",
        "As logged, else by list prices; a call without a known price adds nothing. Wasted: on attempts that"
        " were followed by another one.",
        queries.COST_PER_HOUR,
        unit="currencyUSD",
    )


def coverage() -> Json:
    """How much of what could be judged was judged."""
    return lines(
        "Coverage",
        "Share of the calls with something to judge that could be judged. When it falls, the rates above"
        " speak for fewer calls: something stopped being captured.",
        queries.over_time({score: f"1 - {rate(f'{score}.unknown')}" for score in OUTCOMES}),
        unit="percentunit",
        width=8,
    )


def captured() -> Json:
    """How much of the calls arrived with what there is to judge."""
    return lines(
        "Captured",
        "Share of all calls that came with what was sent, with the answer, with the parameters of their tools"
        " and with the schema they asked for. A call that has no tools or no schema lacks none.",
        queries.over_time({what: f"1 - {rate(f'uncaptured.{what}')}" for what in CAPTURES}),
        unit="percentunit",
        width=8,
    )


def errors() -> Json:
    """Errors of providers over time, by service."""
    return lines(
        "Error rate",
        "Share of the calls that ended in an error of the provider or on the way to it.",
        queries.over_time_by("service", "errors"),
        unit="percentunit",
        width=8,
    )


def latency() -> list[Json]:
    """Durations over time and by model."""
    return [
        lines(
            "Latency",
            "Duration of the chosen calls, within 1 % by construction of the histograms.",
            queries.percentiles_over_time("duration"),
            unit="ms",
        ),
        lines(
            "Latency by service: p95",
            "The duration that 19 of 20 calls of a service stay below.",
            queries.p95_over_time_by("duration", "service"),
            unit="ms",
        ),
        table(
            "Latency by service and model",
            "Duration over the range, slowest p95 first.",
            queries.percentiles_by_model(),
            columns={
                "Measured": column("short", width=90, decimals=0),
                **{name: column("ms", width=90) for name in ("p50", "p95", "p99")},
            },
            width=12,
        ),
    ]


def first_token() -> Json:
    """How long people wait until something appears."""
    return lines(
        "Time to first token",
        "Of the calls that were streamed and say when their first token came, within 1 % like the latency.",
        queries.percentiles_over_time("ttft"),
        unit="ms",
    )


def tokens() -> Json:
    """Tokens over time."""
    return lines(
        "Tokens per minute",
        "As the providers report them; a call without usage adds nothing. The newest point is still filling.",
        queries.TOKENS_PER_MINUTE,
        unit="short",
    )


def fallbacks() -> Json:
    """Which models stood in for which."""
    return table(
        "Fallbacks",
        "From the model that was asked for to the one that served, over the range; empty when there was"
        " none. Where a router asks for the second model by its own name, both sides show that name.",
        queries.FALLBACKS,
        columns={
            **{
                name: column("short", decimals=0)
                for name in ("Fallback", "Silent downgrade", "Retry", "Exhausted", "Judged")
            },
            "Share": column("percentunit", RATE, width=90),
        },
    )


def pipeline() -> list[Json]:
    """What the monitor says of itself."""
    return [
        lines(
            "Dead letters by reason",
            "Records that could not be used, when they were first seen.",
            queries.DEAD_LETTER_REASONS,
            unit="short",
            stacked=True,
            bars=True,
        ),
        table(
            "Partitions",
            "How far each partition of Kafka was read when it last saved, and what became of its records.",
            queries.PARTITIONS,
            columns={
                "Behind": column(
                    "short", {"green": None, "yellow": 10_000, "red": 100_000}, width=90, decimals=0
                ),
                "Last save": column("dateTimeFromNow", width=130),
            },
            width=12,
        ),
    ]


def failing_calls() -> Json:
    """Calls to look at."""
    return table(
        "Newest failing calls",
        "Ids and details of the newest calls with an error or a failed score: never their content.",
        queries.FAILING_CALLS,
        columns={
            "Time": column("dateTimeAsLocal", width=160),
            "Duration": column("ms", width=90, decimals=0),
        },
        height=10,
    )
