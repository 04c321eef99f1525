from __future__ import annotations

import json
import re
from pathlib import Path

from monitor.decode.pair import headers
from monitor.decode.pair.api import registered
from monitor.decode.pair.endpoint import CARRIERS
from monitor.decode.pair.envelope import ACCESS_LOG_FIELDS, Pair
from monitor.records import ContractKind
from tests.decode.build import call_of

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "pair.md").read_text(encoding="utf-8")


def test_the_documented_example_decodes() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    call = call_of(json.loads(example))
    assert (call.service, call.provider, call.call_id) == ("greeter", "openai", "chatcmpl-1")
    assert call.contract.kind is ContractKind.JSON_OBJECT


def test_every_field_is_documented() -> None:
    missing = [name for name in Pair.__struct_fields__ if f"`{name}`" not in PAGE]
    assert set(missing) <= {"request", "api"}  # in the example, and in a section of its own


def test_what_makes_a_pair_a_gateway_s_line_is_documented() -> None:
    assert [name for name in ACCESS_LOG_FIELDS if f"`{name}`" not in PAGE] == []


def test_every_api_is_documented() -> None:
    names = {*registered(), *CARRIERS}
    assert [name for name in names if f"`{name}`" not in PAGE and f"`:{name}`" not in PAGE] == []


def test_every_header_that_is_read_is_documented() -> None:
    names = [value for name, value in vars(headers).items() if name.isupper() and isinstance(value, str)]
    assert len(names) == 6
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    assert headers.named(dict.fromkeys(names, "1")) == dict.fromkeys(names, "1")
