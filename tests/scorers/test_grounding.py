"""The ``grounding`` score: what is counted, when it applies, and when it abstains."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import (
    CallError,
    Captured,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    GroundingOutcome,
    Message,
    Output,
    Part,
    PartType,
    Status,
    ToolCall,
)
from monitor.scorers.grounding import score_grounding
from monitor.scorers.words import MAX_LINKS, Support, unsupported
from tests.scorers.build import CONTEXT, call, grounded_call

FAITHFUL = (
    "The bridge was designed by Joseph Strauss and opened in May 1937. Its main span is 1280 metres long."
)
SHAKY = (
    "The bridge was designed by Joseph Strauss, whose ambitious proposal was rejected by local politicians."
)
INVENTED = (
    "The bridge was conceived by Leon Moisseiff of Manhattan, financed through municipal bonds worth 35 "
    "million dollars, and inaugurated by President Roosevelt with a telegraph signal. Eleven labourers died "
    "when the scaffolding collapsed into the netting underneath. Read more at https://history.example/moisseiff."
)
SPANISH = (
    "El puente fue diseñado por Strauss y se abrió al tráfico en mayo de 1937; no es el más largo del mundo "
    "ni lo va a ser, y su color es uno de los más vivos que hay en la zona."
)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (FAITHFUL, GroundingOutcome.SUPPORTED),
        (SHAKY, GroundingOutcome.SUSPECT),
        (INVENTED, GroundingOutcome.UNSUPPORTED),
        ("I'm sorry, but I cannot find that in the document.", GroundingOutcome.NOT_APPLICABLE),
        ("", GroundingOutcome.NOT_APPLICABLE),
        ("It is.", GroundingOutcome.NOT_APPLICABLE),
        ("```python\nprint('nothing of this is prose')\n```", GroundingOutcome.NOT_APPLICABLE),
        ("金門大橋由約瑟夫施特勞斯設計", GroundingOutcome.UNKNOWN),
        (
            "Мост был открыт для движения в мае тысяча девятьсот тридцать седьмого года.",
            GroundingOutcome.UNKNOWN,
        ),
        (SPANISH, GroundingOutcome.UNKNOWN),
    ],
)
def test_an_answer_is_judged_by_what_its_context_carries(answer: str, outcome: GroundingOutcome) -> None:
    context = CONTEXT + " It is one of a few in the US, and so far all who can do so go to see it at no cost."
    assert score_grounding(grounded_call(answer, context)).outcome == outcome


def test_each_kind_of_unsupported_item_is_counted() -> None:
    score = score_grounding(
        grounded_call(
            "The bridge by Joseph Ackermann, engineer: 1,300 metres. a@bridge.example, www.bridge.example"
        )
    )
    found = {signal.name: signal.value for signal in score.signals}
    assert (score.words, found) == (2, {"numbers": 1, "names": 1, "links": 2})
    assert score.share == pytest.approx(2 / 5)


def test_thousands_separators_enumerations_and_word_forms_are_no_invention() -> None:
    score = score_grounding(
        grounded_call("1. The spans are 1280 metres.\n2. Designers: Strauss.\n3. Bridges opened.")
    )
    assert (score.words, score.signals) == (0, ())


def test_the_question_and_the_instructions_support_an_answer_too() -> None:
    asked = Message("user", (Part(content="Which architect was responsible, Ackermann?"),))
    assert score_grounding(grounded_call("Architect Ackermann was responsible.", input=(asked,))).words == 0


def test_what_the_model_said_before_supports_nothing() -> None:
    said = Message("assistant", (Part(content="Architect Ackermann was responsible."),))
    assert score_grounding(grounded_call("Architect Ackermann was responsible.", input=(said,))).words == 3


def _parts(role: str, *parts: Part) -> dict[str, Any]:
    return {"documents": (), "input": (Message(role, parts),)}


@pytest.mark.parametrize(
    ("fields", "applies"),
    [
        ({}, True),
        ({"documents": (Document(""),)}, False),
        (_parts("user", Part(content="Tell me of the bridge.")), False),
        (_parts("user", Part(PartType.DOCUMENT, CONTEXT)), True),
        (_parts("tool", Part(PartType.TOOL_RESULT, CONTEXT)), True),
        (_parts("tool", Part(PartType.TOOL_RESULT, '{"opened": 1937}')), False),
        (_parts("user", Part(content=f"Context:\n{CONTEXT}\n\nQuestion: who designed it?")), True),
        (_parts("user", Part(content=f"### Retrieved documents: \n{CONTEXT}")), True),
        (_parts("system", Part(content=f"Answer from <context>{CONTEXT}</context> only.")), True),
        (_parts("user", Part(content=CONTEXT * 2)), True),
        (_parts("system", Part(content="You are a helpful assistant. " * 100)), False),
        (_parts("assistant", Part(content=CONTEXT * 2)), False),
    ],
)
def test_it_applies_where_there_is_something_to_be_grounded_in(fields: dict[str, Any], applies: bool) -> None:
    outcome = score_grounding(grounded_call(FAITHFUL, **fields)).outcome
    assert (outcome != GroundingOutcome.NOT_APPLICABLE) == applies


SEARCH = ToolCall("web_search", "{}", server_side=True)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"captured": Captured(input=False)}, GroundingOutcome.UNKNOWN),
        ({"captured": Captured(output=False)}, GroundingOutcome.UNKNOWN),
        ({"documents": (Document("橋" * 300),)}, GroundingOutcome.UNKNOWN),
        ({"documents": (Document("word " * 250_000),)}, GroundingOutcome.UNKNOWN),
        ({"outputs": (Output("word " * 30_000),)}, GroundingOutcome.UNKNOWN),
        ({"input": (Message("user", (Part(PartType.MEDIA),)),)}, GroundingOutcome.UNKNOWN),
        (
            {
                **_parts("user", Part(content=CONTEXT * 2)),
                "outputs": (Output(FAITHFUL, tool_calls=(SEARCH,)),),
            },
            GroundingOutcome.UNKNOWN,
        ),
        ({"status": Status.ERROR, "error": CallError("timeout")}, GroundingOutcome.NOT_APPLICABLE),
        ({"outputs": ()}, GroundingOutcome.NOT_APPLICABLE),
        (
            {"outputs": (Output("Let me see.", tool_calls=(ToolCall("f", "{}"),)),)},
            GroundingOutcome.NOT_APPLICABLE,
        ),
        (
            {"outputs": (Output(INVENTED, finish_reason=FinishReason.REFUSAL),)},
            GroundingOutcome.NOT_APPLICABLE,
        ),
        ({"outputs": (Output("", refusal="No."),)}, GroundingOutcome.NOT_APPLICABLE),
    ],
)
def test_what_cannot_be_judged_is_no_failure(fields: dict[str, Any], outcome: GroundingOutcome) -> None:
    assert score_grounding(grounded_call(FAITHFUL, **fields)).outcome == outcome


def test_of_a_json_answer_the_values_are_judged_and_labels_of_the_schema_are_supported() -> None:
    contract = Contract(ContractKind.JSON_SCHEMA, {"properties": {"category": {"enum": ["infrastructure"]}}})
    answer = '{"category": "infrastructure", "architectural_mastermind": "Joseph Ackermann"}'
    assert score_grounding(grounded_call(answer, contract=contract)).words == 1


def test_broken_json_is_left_to_the_json_score() -> None:
    contract = Contract(ContractKind.JSON_OBJECT)
    assert (
        score_grounding(grounded_call('{"a": ', contract=contract)).outcome == GroundingOutcome.NOT_APPLICABLE
    )


def test_the_riskiest_choice_is_reported() -> None:
    choices = (Output(FAITHFUL), Output(INVENTED), Output(SHAKY))
    assert score_grounding(grounded_call("", outputs=choices)).outcome == GroundingOutcome.UNSUPPORTED


@given(st.lists(st.sampled_from(["Ackermann", "bridge", "proposal", "42", "www.x.example"]), max_size=40))
def test_risk_never_falls_when_more_is_invented(words: list[str]) -> None:
    fewer = score_grounding(grounded_call("The bridge " + " ".join(words)))
    more = score_grounding(grounded_call("The bridge " + " ".join([*words, "quixotic"])))
    assert 0.0 <= (fewer.risk or 0.0) <= (more.risk or 0.0) < 1.0


def test_no_context_at_all_is_not_applicable() -> None:
    assert score_grounding(call(outputs=(Output(INVENTED),))).outcome == GroundingOutcome.NOT_APPLICABLE


def test_so_many_links_are_looked_up_and_no_more() -> None:
    answer = " ".join(f"www.example.org/{number}" for number in range(MAX_LINKS + 50))
    assert unsupported(answer, Support("nothing of it")).links == MAX_LINKS
    assert unsupported("See www.a.org, www.a.org.", Support("nothing of it")).links == 1
