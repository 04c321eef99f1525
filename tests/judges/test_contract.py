"""What every judge keeps to: the fake, ``openai``, and the example of the documentation."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.judges import Judge, NoVerdict, Verdict, load_judge
from monitor.records import Call, Document, GroundingOutcome, Message, Output, Part
from tests.judges.endpoint import judge as openai_judge
from tests.judges.endpoint import opinion
from tests.judges.fakes import SECRET, FakeJudge, answered_call, with_grounding
from tests.notify.receiver import Receiver

DOCS = Path(__file__).resolve().parents[2] / "docs" / "judges.md"
SCORES = with_grounding(GroundingOutcome.SUSPECT)

_TEXTS = st.text(max_size=40)
_CALLS = st.builds(
    lambda said, passages, answers: answered_call(
        input=tuple(Message(role, (Part(content=text),)) for role, text in said),
        documents=tuple(Document(passage) for passage in passages),
        outputs=tuple(Output(answer) for answer in answers),
    ),
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), _TEXTS), max_size=3),
    st.lists(_TEXTS, max_size=3),
    st.lists(_TEXTS, max_size=3),
)


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The judge of docs/judges.md, loaded as its reader would."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("shop_judge")
    exec(code, module.__dict__)  # noqa: S102 - our own documentation
    monkeypatch.setitem(sys.modules, "shop_judge", module)
    return load_judge("shop_judge:make", {"signs": "€$"})


@pytest.fixture(params=["fake", "openai", "documented"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    if request.param == "fake":
        yield FakeJudge(Verdict(0.5, 0.001, "made up"), max_cost=0.002)
    elif request.param == "openai":
        with Receiver() as receiver:
            receiver.answer = opinion()
            yield openai_judge(receiver)
    else:
        yield request.getfixturevalue("documented")


def check(verdict: Verdict, judge: Judge) -> None:
    """Whether a verdict is what it should be."""
    assert 0 <= verdict.risk <= 1
    assert verdict.cost is None or 0 <= verdict.cost <= judge.max_cost
    assert verdict.detail is None or verdict.detail.isprintable()


def test_it_has_a_version_and_says_what_it_costs(judge: Judge) -> None:
    assert 1 <= judge.version <= 32_767
    assert math.isfinite(judge.max_cost)
    assert judge.max_cost >= 0


def test_it_gives_a_verdict(judge: Judge) -> None:
    check(judge.judge(answered_call(), SCORES, timeout_s=30), judge)


def test_several_threads_may_ask_it_at_once(judge: Judge) -> None:
    calls = [answered_call(f"c{number}") for number in range(16)]
    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(lambda call: judge.judge(call, SCORES, timeout_s=30), calls))
    for verdict in verdicts:
        check(verdict, judge)


def test_no_text_of_a_call_is_in_a_verdict(judge: Judge) -> None:
    call = answered_call(documents=(Document(f"It is {SECRET}."),), answer=f"{SECRET}, it is.")
    assert SECRET not in repr(judge.judge(call, SCORES, timeout_s=30))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_CALLS)
def test_any_call_gets_a_verdict_or_none(judge: Judge, call: Call) -> None:
    with suppress(NoVerdict):
        check(judge.judge(call, SCORES, timeout_s=30), judge)


def test_five_megabytes_get_a_verdict_or_none(judge: Judge) -> None:
    with suppress(NoVerdict):
        check(judge.judge(answered_call(answer="word " * 1_000_000), SCORES, timeout_s=30), judge)
