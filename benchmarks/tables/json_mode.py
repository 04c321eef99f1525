"""The ``json`` table: agreement with the labels of ``llm_json_mode`` and JSONTestSuite."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path

from benchmarks._data import call, rows
from benchmarks._stdlib import accepts
from monitor.records import Contract, ContractKind, JsonOutcome, Output
from monitor.scorers.json import score_json

#: What a broken answer of ``llm_json_mode`` may be called; whatever is not here is ``not_json``.
EXPECTED = {
    None: {JsonOutcome.OK},
    "schema_violation": {JsonOutcome.SCHEMA_VIOLATION},
    "duplicate_key": {JsonOutcome.DUPLICATE_KEYS},
    "truncated": {JsonOutcome.TRUNCATED},
    "fenced": {JsonOutcome.FENCED},
    "prose_prefix": {JsonOutcome.WRAPPED},
    "prose_suffix": {JsonOutcome.WRAPPED},
    "empty": {JsonOutcome.EMPTY},
    "refusal": {JsonOutcome.REFUSED},
}


def table(data: Path, _split: str) -> None:
    """Agreement with the labels of ``llm_json_mode`` and JSONTestSuite, beside the standard library's."""
    right, total = Counter[str](), Counter[str]()
    valid_ours = valid_stdlib = 0
    for row in rows(data / "scoring" / "jsonmode" / "llm_json_mode.jsonl.gz"):
        contract = Contract(ContractKind.JSON_SCHEMA, row["schema"])
        outcome = score_json(call(contract=contract, outputs=(Output(row["response"]),))).outcome
        name = row["error"] or "none"
        total[name] += 1
        right[name] += outcome in EXPECTED.get(row["error"], {JsonOutcome.NOT_JSON})
        kept = {JsonOutcome.OK, JsonOutcome.DUPLICATE_KEYS, JsonOutcome.SCHEMA_VIOLATION, JsonOutcome.UNKNOWN}
        valid_ours += (outcome in kept) == row["json_valid"]
        valid_stdlib += accepts(row["response"]) == row["json_valid"]
    print("\njson: llm_json_mode, share of answers given the outcome that their corruption asks for")
    for name in sorted(total):
        print(f"  {name:18}{right[name]:6} of {total[name]}")
    print(f"  {'all':18}{right.total():6} of {total.total()}")
    print(f"  valid or not: ours {valid_ours}, json.loads {valid_stdlib} of {total.total()}")

    ours = stdlib = decided = 0
    for row in rows(data / "scoring" / "jsonmode" / "jsontestsuite.jsonl.gz"):
        if row["expect"] == "impl":
            continue
        decided += 1
        raw = base64.b64decode(row["b64"])
        text = raw.decode(errors="surrogateescape")
        contract = Contract(ContractKind.JSON_SCHEMA, schema=True)
        outcome = score_json(call(contract=contract, outputs=(Output(text),))).outcome
        ours += (outcome in {JsonOutcome.OK, JsonOutcome.DUPLICATE_KEYS}) == (row["expect"] == "valid")
        stdlib += accepts(raw) == (row["expect"] == "valid")
    print(f"json: JSONTestSuite, decided cases: ours {ours}, json.loads {stdlib} of {decided}")
