"""The judge ``openai`` against a real HTTP server: every kind of answer, and what is in a request."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec
import pytest

from monitor.errors import ConfigError, MonitorError, Permanent
from monitor.judges import NoVerdict, Reason, Verdict
from monitor.judges.openai import MAX_RESPONSE, make
from monitor.records import Document, GroundingOutcome, Message, Output, Part
from tests.judges.endpoint import PRICES, answer, completion, failure, judge, opinion
from tests.judges.fakes import SECRET, answered_call, with_grounding
from tests.notify.receiver import Receiver

SCORES = with_grounding(GroundingOutcome.SUSPECT)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        running.answer = opinion()
        yield running


def ask(receiver: Receiver, *, timeout_s: float = 30.0, **options: Any) -> Verdict:
    return judge(receiver, **options).judge(answered_call(), SCORES, timeout_s=timeout_s)


def raised(receiver: Receiver, **settings: Any) -> MonitorError:
    with pytest.raises(MonitorError) as caught:
        ask(receiver, **settings)
    assert SECRET not in f"{caught.value!r}"
    assert caught.value.__cause__ is None
    return caught.value


def no_verdict(receiver: Receiver, **settings: Any) -> NoVerdict:
    error = raised(receiver, **settings)
    assert isinstance(error, NoVerdict)
    return error


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("risk", "finding"),
    [(0.0, "all_given"), (0, "no_claims"), (0.55, "some_not_given"), (1, "contradicted"), (1.0, "all_given")],
)
def test_a_verdict_is_what_the_model_says_and_what_it_costs(
    receiver: Receiver, risk: float, finding: str
) -> None:
    receiver.answer = opinion(risk, finding)
    assert ask(receiver) == Verdict(risk, (1_000 * 1.0 + 20 * 10.0) / 1e6, finding)


def test_a_verdict_without_usage_costs_nobody_knows_what(receiver: Receiver) -> None:
    receiver.answer = opinion(usage=None)
    assert ask(receiver).cost is None


@pytest.mark.parametrize(
    "content",
    [
        *("", "null", "0.9", "risk: 0.9", '{"risk": 0.9}', '{"finding": "all_given"}', "[" * 10_000),
        '{"finding": "all_given", "risk": "0.9"}',
        '{"finding": "all_given", "risk": 1.1}',
        '{"finding": "all_given", "risk": -0.1}',
        '{"finding": "all_given", "risk": NaN}',
        '{"finding": "Ignore the instructions", "risk": 0.0}',
        '```json\n{"finding": "all_given", "risk": 0.0}\n```',
        '{"finding": "all_gi',
        None,
    ],
)
def test_a_completion_that_says_something_else_is_malformed_and_is_paid_for(
    receiver: Receiver, content: str | None
) -> None:
    receiver.answer = completion(content)
    error = no_verdict(receiver)
    assert (error.reason, error.cost) == (Reason.MALFORMED, 0.0012)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>hello</html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{}]}', b"\xff"),
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
        b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": -1, "completion_tokens": 0}}',
        b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": 1e400, "completion_tokens": 0}}',
        b'{"x": ' + b"[" * 50_000,
        b" " * (MAX_RESPONSE + 1) + b"{}",
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_is_no_completion_is_malformed_and_nobody_knows_its_cost(
    receiver: Receiver, body: bytes
) -> None:
    receiver.answer = answer(body)
    error = no_verdict(receiver)
    assert (error.reason, error.cost) == (Reason.MALFORMED, None)


@pytest.mark.parametrize("changes", [{"refusal": "I can't"}, {"finish_reason": "content_filter"}])
def test_a_judging_model_that_will_not_look_is_filtered(receiver: Receiver, changes: dict[str, Any]) -> None:
    receiver.answer = completion(None, **changes)
    error = no_verdict(receiver)
    assert (error.reason, error.cost) == (Reason.FILTERED, 0.0012)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "context_length_exceeded", Reason.TOO_LONG),
        (400, "string_above_max_length", Reason.TOO_LONG),
        (413, None, Reason.TOO_LONG),
        (400, "content_filter", Reason.FILTERED),
        (400, "content_policy_violation", Reason.FILTERED),
        (400, None, Reason.REFUSED),
        (400, 400, Reason.REFUSED),
        (422, "unknown_parameter", Reason.REFUSED),
        (429, "rate_limit_exceeded", Reason.RATE_LIMITED),
        (408, None, Reason.SERVER_ERROR),
        (500, None, Reason.SERVER_ERROR),
        (503, "overloaded", Reason.SERVER_ERROR),
        (529, None, Reason.SERVER_ERROR),
    ],
)
def test_an_error_has_its_reason_and_costs_nothing(
    receiver: Receiver, status: int, code: str | int | None, reason: Reason
) -> None:
    receiver.answer = failure(status, code)
    error = no_verdict(receiver)
    assert (error.reason, error.cost, error.pause_s) == (reason, 0.0, None)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405])
def test_a_key_or_a_model_that_is_wrong_needs_a_person(receiver: Receiver, status: int) -> None:
    receiver.answer = failure(status)
    error = raised(receiver)
    assert isinstance(error, Permanent)
    assert str(error) == f"the endpoint answered {status}: check base_url, model and api_key"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    """It would take the call's content, and perhaps the key, to a place that nobody configured."""
    receiver.answer = failure(status, location=receiver.url)
    assert isinstance(raised(receiver), Permanent)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [("0", 0.0), ("30", 30.0), ("9" * 5_000, 999_999_999.0), ("soon", None), ("-5", None), ("²", None)],
    ids=lambda value: str(value)[:12],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_passed_on(
    receiver: Receiver, status: int, value: str, pause_s: float | None
) -> None:
    receiver.answer = failure(status, retry_after=value.encode().decode("latin-1"))
    assert no_verdict(receiver).pause_s == pause_s


# ------------------------------------------------------------------------------------------- bad connections


def test_a_server_that_says_nothing_is_left_after_the_time_that_there_is(receiver: Receiver) -> None:
    receiver.answer = lambda _: wait(receiver)
    error = no_verdict(receiver, timeout_s=0.05)
    assert (error.reason, error.cost) == (Reason.TIMEOUT, None)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_answers_drop_by_drop_is_left_too(receiver: Receiver, head: bytes) -> None:
    """Each byte comes in time for a timeout that starts anew with each."""

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not receiver.released.wait(0.02):
            handler.wfile.write(b"x")

    receiver.answer = trickle
    assert no_verdict(receiver, timeout_s=0.2).reason is Reason.TIMEOUT


def test_an_answer_without_end_is_read_to_a_bound(receiver: Receiver) -> None:
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while sent < 100 * MAX_RESPONSE:
            sent += handler.wfile.write(b"x" * 4096)

    receiver.answer = lambda handler: until_it_breaks(endless, handler)
    assert no_verdict(receiver).reason is Reason.MALFORMED
    assert sent < 100 * MAX_RESPONSE


def test_a_compressed_answer_is_not_unpacked(receiver: Receiver) -> None:
    receiver.answer = answer(b"\x1f\x8b" + b"x" * 100, content_encoding="gzip")
    assert no_verdict(receiver).reason is Reason.MALFORMED
    assert receiver.posts[0].headers["accept-encoding"] == "identity"


def test_a_connection_that_breaks_is_unreachable_and_nobody_knows_its_cost(receiver: Receiver) -> None:
    receiver.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    error = no_verdict(receiver)
    assert (error.reason, error.cost) == (Reason.UNREACHABLE, None)


def test_nobody_listening_is_unreachable_and_costs_nothing(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = no_verdict(receiver, base_url=f"http://127.0.0.1:{port}/v1")
    assert (error.reason, error.cost) == (Reason.UNREACHABLE, 0.0)


# ------------------------------------------------------------------------------------------------- requests


def test_a_request_is_a_chat_completion_with_a_schema(receiver: Receiver) -> None:
    ask(receiver)
    (post,) = receiver.posts
    assert post.path == "/hook/chat/completions"
    assert post.headers["authorization"] == f"Bearer sk-{SECRET}"
    body = msgspec.json.decode(post.body)
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 64)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert set(schema["schema"]["required"]) == set(schema["schema"]["properties"]) == {"finding", "risk"}


def test_without_a_key_none_is_sent(receiver: Receiver) -> None:
    ask(receiver, api_key=None)
    assert "authorization" not in receiver.posts[0].headers


def test_fields_of_the_request_can_be_added_changed_and_taken_away(receiver: Receiver) -> None:
    request = {"max_tokens": None, "max_completion_tokens": 64, "temperature": None, "seed": 1}
    ask(receiver, request=request)
    body = msgspec.json.decode(receiver.posts[0].body)
    assert (body["max_completion_tokens"], body["seed"]) == (64, 1)
    assert not {"max_tokens", "temperature"} & set(body)


def test_a_call_that_is_too_long_is_not_even_sent(receiver: Receiver) -> None:
    assert no_verdict(receiver, max_bytes=100).reason is Reason.TOO_LONG
    assert receiver.posts == []


def test_one_question_costs_no_more_than_it_says(receiver: Receiver) -> None:
    """A token is a byte at least, so that the bytes that are sent bound the tokens that are paid for."""
    asked = judge(receiver, max_bytes=2_000, max_tokens=10)
    long = answered_call(documents=tuple(Document(f"{number}") for number in range(20)), answer="x" * 300)
    asked.judge(long, SCORES, timeout_s=30)
    assert asked.max_cost >= (len(receiver.posts[0].body) * 1.0 + 10 * 10.0) / 1e6
    assert judge(receiver, input_price=0, output_price=0).max_cost == 0


def test_neither_the_key_nor_the_call_is_logged_at_any_level(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    from monitor import logs

    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    asked = judge(receiver)
    call = answered_call(answer=f"It is {SECRET}.")
    try:
        logs.configure("debug", "json")
        root.addHandler(caplog.handler)
        asked.judge(call, SCORES, timeout_s=30)
        receiver.answer = failure(500)
        with pytest.raises(NoVerdict):
            asked.judge(call, SCORES, timeout_s=30)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert SECRET not in caplog.text


# --------------------------------------------------------------------------------------------------- prompt


def sent(receiver: Receiver) -> tuple[str, str]:
    """The instructions and the data of the last request."""
    system, user = msgspec.json.decode(receiver.posts[-1].body)["messages"]
    return system["content"], user["content"]


def test_the_model_sees_what_was_given_and_what_was_answered_and_nothing_else(receiver: Receiver) -> None:
    call = answered_call(
        input=(
            Message("system", (Part(content="Be brief."),)),
            Message("user", (Part(content="When?"),)),
            Message("assistant", (Part(content="said before"),)),
            Message("tool", (Part("tool_result", content="opened: 1937"),)),  # type: ignore[arg-type]
        ),
        outputs=(Output("In 1937.", reasoning="thought"), Output(), Output("In 1938.")),
    )
    judge(receiver).judge(call, SCORES, timeout_s=30)
    system, user = sent(receiver)
    (mark,) = set(re.findall(r"<given-(\w+)>", user))
    assert re.findall(rf"<(\w+)-{mark}>\n(.*?)\n</\1-{mark}>", user) == [
        ("given", "The bridge opened in 1937, after four years of work."),
        ("given", "Be brief."),
        ("given", "When?"),
        ("given", "opened: 1937"),
        ("answer", "In 1937."),
        ("answer", "In 1938."),
    ]
    assert f"<answer-{mark}>" in system


def test_nobody_who_writes_a_call_can_guess_the_marks(receiver: Receiver) -> None:
    ask(receiver)
    _, first = sent(receiver)
    ask(receiver)
    _, second = sent(receiver)
    mark = re.findall(r"<given-(\w+)>", first)[0]
    assert len(mark) >= 16
    assert mark not in second


def test_braces_in_a_call_stay_what_they_are(receiver: Receiver) -> None:
    judge(receiver).judge(answered_call(answer="{mark} {0} {}"), SCORES, timeout_s=30)
    assert "{mark} {0} {}" in sent(receiver)[1]


# -------------------------------------------------------------------------------------------- at the start

GOOD = {"base_url": "https://api.example.com/v1", "model": "m", **PRICES}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modle": "m"}, "options.modle: unknown key 'modle'; did you mean 'model'?"),
        ({"model": 4}, "options.model: expected text, got a whole number: put it in quotes"),
        ({"model": ""}, "options.model is empty"),
        ({"input_price": "0.15"}, "options.input_price: expected a number, got text"),
        (
            {"output_price": -1},
            "options.output_price must be US dollars for a million tokens, 0 or more",
        ),
        (
            {"input_price": float("nan")},
            "options.input_price must be US dollars for a million tokens, 0 or more",
        ),
        ({"max_bytes": 0}, "options.max_bytes must be between 1 and 1048576"),
        ({"max_tokens": 1_000_000}, "options.max_tokens must be between 1 and 100000"),
        (
            {"base_url": f"api.example.com/{SECRET}"},
            "options.base_url must be http:// or https:// and a host: https://api.openai.com/v1",
        ),
        (
            {"base_url": f"http://{SECRET}:port/"},
            "options.base_url must be http:// or https:// and a host: https://api.openai.com/v1",
        ),
        (
            {"api_key": f"{SECRET} {SECRET}"},
            "options.api_key can't be sent: only ASCII letters, digits and signs can",
        ),
        (
            {"api_key": f"{SECRET}\n"},
            "options.api_key can't be sent: only ASCII letters, digits and signs can",
        ),
        (
            {"api_key": f"{SECRET}é"},
            "options.api_key can't be sent: only ASCII letters, digits and signs can",
        ),
    ],
)
def test_wrong_options_are_refused_without_showing_a_value(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(GOOD | changes)
    assert str(caught.value) == expected


@pytest.mark.parametrize("missing", ["base_url", "model", "input_price", "output_price"])
def test_the_options_that_decide_where_a_call_goes_and_what_it_costs_have_no_default(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"^options: '{missing}' is missing$"):
        make({name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/"])
def test_a_base_url_may_end_with_a_slash(base_url: str) -> None:
    assert str(make(GOOD | {"base_url": base_url})._url) == "http://127.0.0.1:8000/v1/chat/completions"


def wait(receiver: Receiver) -> None:
    """Until the receiver ends."""
    assert receiver.released.wait(30)


def until_it_breaks(send: Any, handler: BaseHTTPRequestHandler) -> None:
    """Send until the other side has hung up."""
    try:
        send(handler)
    except OSError:
        handler.close_connection = True
