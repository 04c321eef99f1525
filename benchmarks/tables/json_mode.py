"""The ``json`` table: agreement with five public sets, ours beside the plain parser and validator.

Every disagreement is printed with its reason, and what is left out is counted by name. The reference is
``json.loads`` and ``jsonschema`` with every format checker that it knows (its extra ``format-nongpl``), whose
validators are made beforehand; ours finds each schema in its cache.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar

import jsonschema
import msgspec
import referencing
import referencing.exceptions

from benchmarks._data import call, rows
from benchmarks._stdlib import accepts
from monitor.records import Call, Contract, ContractKind, JsonOutcome, JsonScore, Output
from monitor.scorers.json import score_json
from monitor.scorers.json.recover import recover

T = TypeVar("T")
V = TypeVar("V")

#: What a broken answer of ``llm_json_mode`` may be called; whatever is not here is ``not_json``.
EXPECTED = {
    None: JsonOutcome.OK,
    "schema_violation": JsonOutcome.SCHEMA_VIOLATION,
    "duplicate_key": JsonOutcome.DUPLICATE_KEYS,
    "truncated": JsonOutcome.TRUNCATED,
    "fenced": JsonOutcome.FENCED,
    "prose_prefix": JsonOutcome.WRAPPED,
    "prose_suffix": JsonOutcome.WRAPPED,
    "empty": JsonOutcome.EMPTY,
    "refusal": JsonOutcome.REFUSED,
}

#: What the reference checks beyond JSON Schema's other rules; some need packages of the extra.
FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers

#: The drafts of JSON-Schema-Test-Suite that a validator here knows, by ``$schema``.
DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}

#: Measured on both halves of the sets, for comparison.
PUBLISHED = """\
  elsewhere, of JSONTestSuite's 283 decided cases: json 280, orjson, msgspec and pysimdjson 283
  elsewhere, of MaskBench's 14,563 labels: jsonschema-rs 14,556 with formats, 14,358 without
  elsewhere, of JSON-Schema-Test-Suite's required 4,760: jsonschema-rs 4,760, jsonschema 4,754"""

#: Why we differ, by how the case's name begins.
REASONS = {
    "tests/draft2020-12/format.json": "says that formats are not checked; a promised format is",
    "test_parse_object.py:69": "no quote ends the name, so there is none",
    "test_parse_array.py:13": "the array keeps its empty object",
}


class Agreement(NamedTuple):
    """How a set was judged."""

    name: str
    total: int
    right: int
    reference: int
    micros: float
    reference_micros: float
    differ: list[str]
    """The names of the cases that we judge unlike the set."""
    left_out: Counter[str]


class _Case(NamedTuple):
    name: str
    text: str
    schema: Any
    valid: bool


def table(data: Path, _split: str) -> None:
    """Agreement with every set, and what a call costs. The sets are whole: nothing was fitted on them."""
    folder = data / "scoring" / "jsonmode"
    corruptions(folder)
    print("\njson: agreement with the labels; the target is all of them")
    print(f"  plain is json.loads and jsonschema, which checks {len(FORMATS)} formats")
    print(f"  {'set':24}{'cases':>7}{'ours':>7}{'plain':>7}   µs ours  plain")
    for judged in (
        answers(folder),
        parsing(folder),
        maskbench(folder),
        schema_suite(folder),
        repairs(folder),
    ):
        print(
            f"  {judged.name:24}{judged.total:7}{judged.right:7}{judged.reference:7}"
            f"{judged.micros:10.1f}{judged.reference_micros:7.1f}"
        )
        for reason, count in Counter(map(reason_of, judged.differ)).items():
            print(f"      differ: {count} × {reason}")
        for reason, count in judged.left_out.items():
            print(f"      left out: {count} × {reason}")
    print(PUBLISHED)


def corruptions(folder: Path) -> list[str]:
    """Print what each corruption of ``llm_json_mode`` is called and how often it could be saved.

    Returns:
        The names of the answers whose outcome is not that of their corruption.
    """
    right, total, saved = Counter[str](), Counter[str](), Counter[str]()
    differ = []
    for row in rows(folder / "llm_json_mode.jsonl.gz"):
        score = score_json(_answer(row["response"], row["schema"]))
        name = row["error"] or "none"
        total[name] += 1
        saved[name] += score.recoverable is True
        if score.outcome is EXPECTED.get(row["error"], JsonOutcome.NOT_JSON):
            right[name] += 1
        else:
            differ.append(row["id"])
    print("\njson: llm_json_mode, answers whose outcome is the one of their corruption, and recoverable ones")
    for name in sorted(total):
        print(f"  {name:18}{right[name]:6} of {total[name]:4}{saved[name]:6}")
    print(f"  {'all':18}{right.total():6} of {total.total():4}{saved.total():6}")
    return differ


def answers(folder: Path) -> Agreement:
    """``llm_json_mode``: whether an answer is JSON by its schema; a name given twice counts as such there."""
    table = rows(folder / "llm_json_mode.jsonl.gz")
    return _agreement(
        "llm_json_mode",
        [
            _Case(row["id"], row["response"], row["schema"], row["json_valid"] and row["schema_valid"])
            for row in table
        ],
    )


def parsing(folder: Path) -> Agreement:
    """JSONTestSuite: every case that it decides."""
    table = [row for row in rows(folder / "jsontestsuite.jsonl.gz") if row["expect"] != "impl"]
    texts = [base64.b64decode(row["b64"]) for row in table]
    calls = [_answer(text.decode(errors="surrogateescape"), True) for text in texts]
    labels = [row["expect"] == "valid" for row in table]
    scores, micros = _scored(calls)
    accepted, reference_micros = _each(accepts, texts)
    return Agreement(
        "JSONTestSuite",
        len(table),
        sum(_kept(score) == label for score, label in zip(scores, labels, strict=True)),
        sum(verdict == label for verdict, label in zip(accepted, labels, strict=True)),
        micros,
        reference_micros,
        [row["id"] for row, score, label in zip(table, scores, labels, strict=True) if _kept(score) != label],
        Counter(),
    )


def maskbench(folder: Path) -> Agreement:
    """MaskBench: every instance of every schema."""
    return _agreement(
        "MaskBench",
        [
            _Case(row["id"], _text(test["data"]), row["schema"], test["valid"])
            for row in rows(folder / "maskbench.jsonl.gz")
            for test in row["tests"]
        ],
    )


def schema_suite(folder: Path) -> Agreement:
    """JSON-Schema-Test-Suite: required and optional cases of drafts 4 to 2020-12 in one document."""
    cases, left_out = [], Counter[str]()
    for row in rows(folder / "json_schema_test_suite.jsonl.gz"):
        schema = row["schema"]
        if row["draft"] not in DRAFTS:
            left_out[f"draft {row['draft']}, which no validator here knows"] += 1
            continue
        if isinstance(schema, dict):
            schema = {"$schema": DRAFTS[row["draft"]], **schema}
        case = _Case(row["id"], _text(row["data"]), schema, row["valid"])
        score = score_json(_answer(case.text, case.schema))
        if score.outcome is JsonOutcome.UNKNOWN:
            left_out[f"{score.detail} ({case.name.partition('#')[0].partition('/')[2]})"] += 1
        else:
            cases.append(case)
    return _agreement("JSON-Schema-Test-Suite", cases)._replace(left_out=left_out)


def repairs(folder: Path) -> Agreement:
    """The tests of json_repair: whether there is an object or array to be saved."""
    table = list(rows(folder / "json_repair_tests.jsonl.gz"))
    labels = [_holds(row["expected"]) for row in table]
    texts = [row["input"] for row in table]
    found, micros = _each(lambda text: any(True for _ in recover(text)), texts)
    accepted, reference_micros = _each(accepts, texts)
    return Agreement(
        "json_repair_tests",
        len(table),
        sum(verdict == label for verdict, label in zip(found, labels, strict=True)),
        sum(verdict == label for verdict, label in zip(accepted, labels, strict=True)),
        micros,
        reference_micros,
        [row["id"] for row, verdict, label in zip(table, found, labels, strict=True) if verdict != label],
        Counter(),
    )


def reason_of(name: str) -> str:
    """Why we judge this case otherwise than its set does."""
    return next((f"{start}: {why}" for start, why in REASONS.items() if name.startswith(start)), name)


def _agreement(name: str, cases: list[_Case]) -> Agreement:
    """Our verdicts beside those of ``json.loads`` and ``jsonschema``, whose validators are made before."""
    calls = [_answer(case.text, case.schema) for case in cases]
    scores, micros = _scored(calls)
    kept = [_kept(score) for score in scores]
    validators = [_validator(case.schema) for case in cases]
    verdicts, reference_micros = _each(_plain, zip(validators, (case.text for case in cases), strict=True))
    return Agreement(
        name,
        len(cases),
        sum(verdict == case.valid for verdict, case in zip(kept, cases, strict=True)),
        sum(verdict == case.valid for verdict, case in zip(verdicts, cases, strict=True)),
        micros,
        reference_micros,
        [case.name for verdict, case in zip(kept, cases, strict=True) if verdict != case.valid],
        Counter(),
    )


def _scored(calls: list[Call]) -> tuple[list[JsonScore], float]:
    """Each call's score, and the microseconds that one took when its schema was compiled already."""
    scores, took = [], 0
    for made in calls:
        scores.append(score_json(made))
        started = perf_counter_ns()
        score_json(made)
        took += perf_counter_ns() - started
    return scores, took / 1000 / len(calls)


def _kept(score: JsonScore) -> bool | None:
    """Whether the answer is JSON by its schema; ``None`` if that is unknown."""
    if score.outcome is JsonOutcome.UNKNOWN:
        return None
    return score.outcome in (JsonOutcome.OK, JsonOutcome.DUPLICATE_KEYS)


def _validator(schema: Any) -> Any:
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    return kind(schema, registry=referencing.Registry(), format_checker=kind.FORMAT_CHECKER)


def _plain(given: tuple[Any, str]) -> bool | None:
    """The verdict of the standard library's parser and of ``jsonschema``; ``None`` if it fails."""
    validator, text = given
    try:
        return bool(validator.is_valid(json.loads(text)))
    except (ValueError, OverflowError):
        return False
    except (referencing.exceptions.Unresolvable, re.error, jsonschema.exceptions.UnknownType):
        return None


def _each(judge: Callable[[T], V], cases: Iterable[T]) -> tuple[list[V], float]:
    """What ``judge`` says of each case, and the microseconds that one took."""
    every = list(cases)
    started = perf_counter_ns()
    verdicts = [judge(case) for case in every]
    return verdicts, (perf_counter_ns() - started) / 1000 / len(every)


def _answer(text: str, schema: Any) -> Call:
    return call(contract=Contract(ContractKind.JSON_SCHEMA, schema), outputs=(Output(text),))


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _holds(expected: Any) -> bool:
    """Whether json_repair's own test expects an object or array that is not empty."""
    written = isinstance(expected, str) and expected.startswith(("{", "["))
    value = json.loads(expected) if written else expected
    return isinstance(value, dict | list) and bool(value)
