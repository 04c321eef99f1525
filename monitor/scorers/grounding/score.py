"""The ``grounding`` score: a call comes in, how much of its answer the context does not carry goes out.

A heuristic, not a judge: it looks the answer's words, phrases, figures, names and links up in what the model
was given. It sees invention and misses contradiction in the context's own words, and a right answer in other
words than its context's looks like invention to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from monitor.records import (
    JSON_CONTRACTS,
    RISKY,
    Call,
    FinishReason,
    GroundingOutcome,
    GroundingScore,
    Output,
    Signal,
    Status,
)
from monitor.scorers.grounding.checks import citations, disagreement, links, quotations, terms, unlikely
from monitor.scorers.grounding.claims import Claim, claims
from monitor.scorers.grounding.comparable import ENGLISH, is_foreign, is_latin
from monitor.scorers.grounding.context import Cache, Context
from monitor.scorers.grounding.contradictions import Facts, contradictions, facts
from monitor.scorers.grounding.given import Given, gather, strings
from monitor.scorers.grounding.signals import Found, Words, counted, item_signals, shares, word_signals
from monitor.scorers.grounding.vocabulary import ELSEWHERE
from monitor.scorers.grounding.weights import WEIGHTS, WITHOUT_WORDS
from monitor.scorers.grounding.words import words
from monitor.scorers.refusal import refuses
from monitor.scorers.risk import combine, rendered
from monitor.scorers.strict import Broken, parse

#: Of the rules of this score; it is stored with every score.
VERSION: Final = 3
#: Characters of context, and of all choices together, above which nothing is judged.
MAX_CONTEXT: Final = 1_000_000
MAX_ANSWER: Final = 100_000
#: Choices of a call that are judged, the first ones; each is compared with each.
MAX_CHOICES: Final = 16
#: Digits that a figure has to have to count where words can't be compared: smaller ones are spelled out.
MIN_DIGITS: Final = 3

#: The share of an answer that its context does not carry from which on it may be in another language.
FOREIGN: Final = 0.5
#: That share, and the words of an answer, from which on words alone speak against one that isn't in English.
STRANGE: Final = 0.8
MIN_WORDS: Final = 20

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
#: A value of JSON that is a name of the application's own rather than words: "negative", "bike_rent", "EUR".
_LABEL = re.compile(r"[a-z][a-z0-9_.-]{0,40}|[A-Z][A-Z0-9_]{0,40}")
_NO_ANSWER = frozenset(
    {FinishReason.TOOL_CALL, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER, FinishReason.PAUSE}
)
#: Prepared passages of the calls before.
CACHE = Cache()


class GroundingThresholds(msgspec.Struct, frozen=True):
    """The risks from which on an answer is called so."""

    suspect: float = RISKY
    """Here the mean balanced accuracy over the train parts is best: the weights' bias is shifted to it."""
    unsupported: float = 0.7
    """From here on the precision is 0.85 on each of the train parts."""


DEFAULTS: Final = GroundingThresholds()


class _Answer(NamedTuple):
    """One choice, ready to be judged."""

    output: Output
    text: str
    claims: list[Claim]
    has_places: bool
    """Whether places in ``text`` are places in the output's own text."""


class _Basis(NamedTuple):
    """What answers are compared with."""

    given: Given
    context: Context
    facts: Facts
    names: frozenset[str]
    """The ids of the documents."""


def score_grounding(call: Call, thresholds: GroundingThresholds = DEFAULTS) -> GroundingScore:
    """How much of the call's answer its context does not carry. Never raises.

    Of several choices, the one with the highest risk is reported; ``risk`` is a logistic regression over the
    signals, so each says what it adds.
    """
    if call.status is Status.ERROR:
        return _not_applicable("the call failed")
    if not call.captured.input or not call.captured.output:
        return _unknown("content was not captured")
    spoken = [output for output in call.outputs[:MAX_CHOICES] if _speaks(output)]
    if not spoken:
        return _not_applicable("no answer in prose")
    given = gather(call)
    known = facts(given.results)
    if not given.is_context and not known:
        return _not_applicable("no context")
    answers = [answer for output in spoken if (answer := _answer(output, call))]
    if not answers:
        return _not_applicable("no answer in prose")
    if reason := _reason_to_abstain(call, given, answers):
        return _unknown(reason)
    texts = [*given.passages, *given.instructions]
    context = Context(texts, given.question, CACHE, len(given.passages))
    if not context.languages & {ENGLISH, None}:
        answers = [answer._replace(claims=claims(answer.text, ELSEWHERE)) for answer in answers]
    names = frozenset(document.id for document in call.documents if document.id)
    basis = _Basis(given, context, known, names)
    named = [terms(answer.claims) for answer in answers] if len(answers) > 1 else [frozenset[str]()]
    scores = []
    for index, answer in enumerate(answers):
        others = named[:index] + named[index + 1 :]
        scores.append(_judge(answer, basis, disagreement(named[index], others), thresholds))
    return max(scores, key=lambda score: -1.0 if score.risk is None else score.risk)


def _reason_to_abstain(call: Call, given: Given, answers: list[_Answer]) -> str | None:
    """Why comparing would be unfair: the record does not show what the model saw, or it is too much."""
    if given.has_media:
        return "media was sent"
    searched = any(
        output.citations or any(tool_call.server_side for tool_call in output.tool_calls)
        for output in call.outputs
    )
    if searched and not call.documents:
        return "the provider searched by itself"
    if given.size > MAX_CONTEXT:
        return "context too long"
    if sum(len(answer.text) for answer in answers) > MAX_ANSWER:
        return "answer too long"
    return None


def _judge(
    answer: _Answer, basis: _Basis, disagrees: Found, thresholds: GroundingThresholds
) -> GroundingScore:
    context, output = basis.context, answer.output
    contradicted = counted(contradictions(answer.claims, basis.facts))
    if not basis.given.is_context:
        return _by_facts(contradicted, answer, thresholds)
    checked = {
        "links": links(answer.text, context),
        "citations": citations(answer.text, output.citations, basis.names, basis.given.documents, context),
        "contradictions": contradicted,
        "unlikely": unlikely(output.logprobs),
        "disagreement": disagrees,
    }
    if not (is_latin(answer.text) and all(passage.is_latin for passage in context.passages)):
        return _without_words("its script", checked, answer, context, thresholds)
    if not answer.claims:
        return _not_applicable("nothing is claimed")
    lacking = shares(answer.claims, context)
    total, compared = word_signals(answer.claims, lacking, context)
    said = chain.from_iterable(claim.words for claim in answer.claims)
    absent = compared["share"].value
    if absent > FOREIGN and is_foreign(said, context.languages, context.known, words(basis.given.question)):
        return _without_words("another language", checked, answer, context, thresholds)
    found = compared | item_signals(answer.claims, lacking, context) | checked
    found["quotations"] = quotations(answer.text, context)
    score = _scored(WEIGHTS, found, answer, thresholds, total)
    if score.outcome is GroundingOutcome.SUPPORTED or context.languages & {ENGLISH, None}:
        return score
    # No set that the weights are fitted to is in another language than English.
    if absent >= STRANGE and sum(len(claim.words) for claim in answer.claims) >= MIN_WORDS:
        return score
    return _without_words("too few for its language", checked, answer, context, thresholds)


def _by_facts(contradicted: Found, answer: _Answer, thresholds: GroundingThresholds) -> GroundingScore:
    """Judges by short tool results, which an answer may contradict, and need not stand on."""
    if not contradicted.value:
        return _not_applicable("no context")
    return _scored(WITHOUT_WORDS, {"contradictions": contradicted}, answer, thresholds, None)


def _without_words(
    why: str, checked: dict[str, Found], answer: _Answer, context: Context, thresholds: GroundingThresholds
) -> GroundingScore:
    """Judges by what is the same in every language. If that finds nothing, nothing is known."""
    found = dict(checked)
    if not any(passage.writes_numbers_out for passage in context.passages):
        found |= item_signals(answer.claims, [1.0] * len(answer.claims), context, MIN_DIGITS)
    score = _scored(WITHOUT_WORDS, found, answer, thresholds, None)
    if score.outcome is GroundingOutcome.SUPPORTED:
        return _unknown(f"words not compared: {why}")
    return replace(score, detail=f"{score.detail}; words not compared: {why}")


def _scored(
    weights: Mapping[str, float],
    found: Mapping[str, Found],
    answer: _Answer,
    thresholds: GroundingThresholds,
    total: Words | None,
) -> GroundingScore:
    risk, signals = combine(weights, {name: one.scaled for name, one in found.items() if one.scaled})
    shown = tuple(_shown(signal, found[signal.name], answer) for signal in signals)
    outcome = GroundingOutcome.SUPPORTED
    if risk >= thresholds.unsupported:
        outcome = GroundingOutcome.UNSUPPORTED
    elif risk >= thresholds.suspect:
        outcome = GroundingOutcome.SUSPECT
    return GroundingScore(
        outcome,
        risk=risk,
        words=total.unsupported if total else 0,
        share=round(total.unsupported / total.content, 4) if total else None,
        detail=rendered(shown) or None,
        signals=shown,
    )


def _shown(signal: Signal, found: Found, answer: _Answer) -> Signal:
    """A signal in its own unit, and with its places."""
    return Signal(signal.name, round(found.value, 4), signal.adds, found.at if answer.has_places else ())


def _speaks(output: Output) -> bool:
    """Whether a choice is an answer: no tool call, no refusal, and not unfinished."""
    return not (
        output.finish_reason in _NO_ANSWER
        or output.refusal
        or any(not tool_call.server_side for tool_call in output.tool_calls)
        or refuses(output.text)
    )


def _answer(output: Output, call: Call) -> _Answer | None:
    """The prose to judge: of a JSON answer its string values, of any other its text without code."""
    is_json = call.contract.kind in JSON_CONTRACTS or output.text.lstrip().startswith("{")
    if is_json:
        try:
            text = "\n".join(value for value in strings(parse(output.text)) if not _LABEL.fullmatch(value))
        except Broken:
            return None
    else:
        text = output.text
        if "```" in text:
            text = _CODE.sub(lambda code: " " * len(code.group()), text)
    if not text or text.isspace():
        return None
    return _Answer(output, text, claims(text[:MAX_ANSWER]), not is_json)


def _not_applicable(why: str) -> GroundingScore:
    return GroundingScore(GroundingOutcome.NOT_APPLICABLE, detail=why)


def _unknown(why: str) -> GroundingScore:
    return GroundingScore(GroundingOutcome.UNKNOWN, detail=why)
