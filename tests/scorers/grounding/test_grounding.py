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
from monitor.scorers.grounding.score import MAX_CHOICES, GroundingThresholds, score_grounding
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


def _signals(answer: str, **fields: Any) -> dict[str, float]:
    score = score_grounding(grounded_call(answer, **fields))
    return {signal.name: signal.value for signal in score.signals}


STATUS = Part(PartType.TOOL_RESULT, '{"status": "delayed", "price": 12}')


@pytest.mark.parametrize(
    ("signal", "answer", "fields"),
    [
        ("words", "The bridge swings.", {}),
        ("share", "The bridge swings.", {}),
        ("worst", "The bridge swings.", {}),
        ("phrases", "The traffic opened the bridge.", {}),
        ("negations", "The bridge was not opened.", {}),
        ("numbers", "The bridge is 1300 metres.", {}),
        ("altered", "The bridge is 1300 metres.", {}),
        ("dates", "The bridge was opened in 1938.", {}),
        ("money", "The bridge was $35.", {}),
        ("units", "The span was 1280 miles.", {}),
        ("names", "The bridge of Ackermann was opened.", {}),
        ("links", "The bridge: www.bridge.example", {}),
        ("quotations", 'The bridge: "the world that was between metres and opening hours".', {}),
        ("citations", "The bridge was opened [3].", {"documents": (Document(CONTEXT), Document(CONTEXT))}),
        ("contradictions", "The status is open.", {"input": (Message("tool", (STATUS,)),)}),
        (
            "unlikely",
            "",
            {"outputs": (Output("The bridge was opened.", logprobs=(-2.5,) * 12),)},
        ),
        (
            "disagreement",
            "",
            {"outputs": tuple(Output(text) for text in ("A moth.", "Strauss, orange.", "Orange Strauss."))},
        ),
    ],
)
def test_every_signal_can_be_found(signal: str, answer: str, fields: dict[str, Any]) -> None:
    assert _signals(answer, **fields)[signal] > 0


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("The bridge has seven lanes.", 1),
        ("The bridge has two lanes.", 0),
        ("The bridge was opened in the fifth month.", 0),
        ("The bridge opened in nineteen years.", 1),
    ],
)
def test_a_number_in_words_is_looked_up_too(answer: str, count: int) -> None:
    assert _signals(answer).get("numbers", 0) == count


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It departs at 18:40.", set()),
        ("It departs at 6:40 pm.", set()),
        ("It departs at 7:40 pm.", {"numbers"}),
        ("It is 1.28 km long.", set()),
        ("It is 1.29 km long.", {"numbers"}),
        ("It weighs 1280 kg.", {"units"}),
        ("It costs about 60 euros.", set()),
        ("It costs about 61 euros.", {"money"}),
        ("Growth is 0.12.", set()),
    ],
)
def test_times_and_metric_units_are_compared_as_they_are_meant(answer: str, found: set[str]) -> None:
    context = "It departs at 2026-11-22T18:40:00Z. It is 1,280 metres long. It costs 59.90. Growth: 12 %."
    assert {"numbers", "money", "units"} & _signals(answer, documents=(Document(context),)).keys() == found


@pytest.mark.parametrize(
    "answer",
    [
        "The bridge was designed by Joseph Strauss and opened in May 1973.",
        "The bridge was designed by Joseph Strauss (https://bridges.example/strauss).",
    ],
)
def test_one_thing_that_is_nowhere_makes_a_copied_answer_suspect(answer: str) -> None:
    assert score_grounding(grounded_call(answer)).outcome in ("suspect", "unsupported")


def test_a_figure_in_a_sentence_of_own_words_is_not_altered() -> None:
    found = _signals("Moisseiff persuaded 1300000 bankers of Giannini.")
    assert "numbers" in found
    assert "altered" not in found


def test_a_signal_says_where_it_was_found_and_what_it_adds() -> None:
    answer = "The bridge was designed by Ackermann. It is 1300 metres long."
    found = {signal.name: signal for signal in score_grounding(grounded_call(answer)).signals}
    assert [answer[place:][:9] for place in found["names"].at] == ["Ackermann"]
    assert [answer[place:][:4] for place in found["words"].at] == ["Acke", "long"]
    assert [answer[place:][:4] for place in found["numbers"].at] == ["1300"]
    assert found["numbers"].adds > 0


def test_a_json_answer_has_no_places() -> None:
    contract = Contract(ContractKind.JSON_OBJECT)
    score = score_grounding(grounded_call('{"designer": "Ackermann"}', contract=contract))
    assert score.words == 1
    assert all(signal.at == () for signal in score.signals)


def test_the_detail_names_the_signals_and_nothing_of_the_answer() -> None:
    detail = score_grounding(grounded_call(INVENTED)).detail or ""
    assert "words 23" in detail
    assert "Moisseiff" not in detail


def test_thousands_separators_enumerations_and_word_forms_are_no_invention() -> None:
    score = score_grounding(
        grounded_call("1. The spans are 1280 metres.\n2. Designers: Strauss.\n3. Bridges opened.")
    )
    assert score.words == 0
    assert {"numbers", "dates", "names"}.isdisjoint(signal.name for signal in score.signals)


@pytest.mark.parametrize(
    ("answer", "context", "outcome"),
    [
        ("大桥于 2046 年建成,耗资 3500 万美元,见 www.bridge.example", "大桥于 1937 年通车。", "unsupported"),
        ("大桥于 1937 年建成。", "大桥于 1937 年通车。", "unknown"),
        ("大桥于 2046 年建成。", "大桥于二〇四六年通车。", "unknown"),
        ("Мост открыт в 2046 году.", "Мост открыт в 1937 году.", "unknown"),
        ("Мост открыт в 2046 году, подробнее: www.bridge.example", "Мост открыт в 1937 году.", "unsupported"),
        ("Подробнее: www.bridge.example", "Мост открыт в 1937 году.", "unsupported"),
        ("Мост открыли в 1952 году, длина 3400 метров.", "Мост открыт в 1937 году, длина 1280.", "suspect"),
        ("大桥于 2046 年建成,主跨长 2400 米。", "大桥是一座桥,于 1937 年通车。", "suspect"),
    ],
)
def test_where_words_mean_nothing_figures_and_links_are_judged(
    answer: str, context: str, outcome: str
) -> None:
    score = score_grounding(grounded_call(answer, context))
    assert score.outcome == outcome
    assert "words not compared" in (score.detail or "")


def test_an_answer_in_another_language_than_its_documents_is_not_judged() -> None:
    german = "Die Brücke wurde von Joseph Strauss entworfen und im Mai 1937 für den Verkehr eröffnet."
    instructions = Message(
        "system", (Part(content="Antworte bitte auf Deutsch, und nur mit dem, was da ist."),)
    )
    for fields in ({}, {"input": (instructions,)}):
        score = score_grounding(grounded_call(german, CONTEXT * 3, **fields))
        assert (score.outcome, score.detail) == ("unknown", "words not compared: another language")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("The status is on time.", "suspect"),
        ("The status is delayed.", "not_applicable"),
        ("Have a nice day in Paris.", "not_applicable"),
    ],
)
def test_a_short_tool_result_can_only_be_contradicted(answer: str, outcome: str) -> None:
    score = score_grounding(grounded_call(answer, **_parts("tool", STATUS)))
    assert score.outcome == outcome


def test_thresholds_can_be_moved() -> None:
    call_ = grounded_call(SHAKY)
    assert score_grounding(call_, GroundingThresholds(0.0, 1.0)).outcome == GroundingOutcome.SUSPECT
    assert score_grounding(call_, GroundingThresholds(1.0, 1.0)).outcome == GroundingOutcome.SUPPORTED
    assert score_grounding(call_, GroundingThresholds(0.0, 0.0)).outcome == GroundingOutcome.UNSUPPORTED


def test_an_answer_that_only_says_what_the_context_does_not_is_none() -> None:
    answer = "The provided passages do not mention what it cost."
    assert score_grounding(grounded_call(answer)).outcome == GroundingOutcome.NOT_APPLICABLE


def test_only_the_first_choices_are_judged() -> None:
    choices = (*[Output(FAITHFUL)] * MAX_CHOICES, Output(INVENTED))
    assert score_grounding(grounded_call("", outputs=choices)).outcome == GroundingOutcome.SUPPORTED


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
        ({"documents": (Document(""),)}, True),
        ({"documents": ()}, False),
        (_parts("user", Part(content="Tell me of the bridge.")), False),
        (_parts("user", Part(PartType.DOCUMENT, CONTEXT)), True),
        (_parts("tool", Part(PartType.TOOL_RESULT, CONTEXT)), True),
        (_parts("tool", Part(PartType.TOOL_RESULT, '{"opened": 1937}')), False),
        (_parts("user", Part(content=f"Context:\n{CONTEXT}\n\nQuestion: who designed it?")), True),
        (_parts("user", Part(content=f"### Retrieved documents: \n{CONTEXT}")), True),
        (_parts("system", Part(content=f"Answer from <context>{CONTEXT}</context> only.")), True),
        (_parts("user", Part(content=CONTEXT * 2)), True),
        (_parts("user", Part(content="Write a story about a fox. " + "It meets a bear. " * 60)), False),
        (_parts("user", Part(content="You are a critic. " + "The play is about a beach. " * 60)), False),
        (_parts("user", Part(content="You are a critic. Answer from this. " + CONTEXT * 2)), True),
        (
            _parts("user", Part(content="Write a poem. " + CONTEXT * 2 + " It is based on this article.")),
            True,
        ),
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
        ({"documents": (Document("橋 1280 1937 " * 100),)}, GroundingOutcome.UNKNOWN),
        ({"documents": (Document("word " * 250_000),)}, GroundingOutcome.UNKNOWN),
        ({"outputs": (Output("word " * 30_000),)}, GroundingOutcome.UNKNOWN),
        ({"input": (Message("user", (Part(PartType.MEDIA),)),)}, GroundingOutcome.UNKNOWN),
        (
            {
                "input": (
                    Message("tool", (Part(PartType.TOOL_RESULT, "data:image/png;base64,iVBORw0KGgo="),)),
                )
            },
            GroundingOutcome.UNKNOWN,
        ),
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
def test_risk_never_falls_when_a_link_is_invented(words: list[str]) -> None:
    fewer = score_grounding(grounded_call("The bridge " + " ".join(words)))
    more = score_grounding(grounded_call("The bridge " + " ".join([*words, "https://quixotic.example"])))
    assert 0.0 <= (fewer.risk or 0.0) <= (more.risk or 0.0) <= 1.0


texts = st.text(max_size=60) | st.sampled_from([FAITHFUL, INVENTED, SPANISH, '{"a": 1}', "[3] is: 4"])


@given(texts, texts, texts, st.lists(st.floats(), max_size=12), st.sampled_from(PartType))
def test_any_call_has_the_same_outcome_twice(
    answer: str, context: str, asked: str, logprobs: list[float], kind: PartType
) -> None:
    one = grounded_call(
        answer,
        context,
        input=(Message("user", (Part(content=asked),)), Message("tool", (Part(kind, context),))),
        outputs=(Output(answer, logprobs=tuple(logprobs), citations=(asked,)), Output(context)),
    )
    score = score_grounding(one)
    assert score == score_grounding(one)
    assert score.risk is None or 0.0 <= score.risk <= 1.0


def test_no_context_at_all_is_not_applicable() -> None:
    assert score_grounding(call(outputs=(Output(INVENTED),))).outcome == GroundingOutcome.NOT_APPLICABLE
