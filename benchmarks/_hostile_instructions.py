"""Calls that are hard for the ``instructions`` score on purpose: what is asked of an answer, and answers."""

from __future__ import annotations

from benchmarks._data import call
from monitor.records import Call, Expected, Output

_SIZE = 5_000_000


def cases() -> dict[str, Call]:
    """The calls by what is hard about them."""
    return {
        "5 MB of white space": _answer(" " * _SIZE, "json"),
        "5 MB of prose in German": _answer("Das ist nicht die Antwort. " * (_SIZE // 27), "markdown", "en"),
        "5 MB of backquotes where HTML was asked for": _answer("`" * _SIZE, "html", "de"),
        "5 MB of stars where plain text was asked for": _answer("**a" * (_SIZE // 3), "plain"),
        "5 MB of opening brackets as a link": _answer("[" * _SIZE, "plain"),
        "5 MB of JSON where CSV was asked for": _answer("[" + "1," * (_SIZE // 2) + "1]", "csv"),
        "1 MB of opening tags": _answer("<a>" * 333_000, "xml"),
        "1 MB of attributes": _answer("<a " + "".join(f'a{n}="" ' for n in range(90_000)) + "/>", "xml"),
        "a billion laughs": _answer(_laughs(), "xml"),
        "an entity from a file": _answer(
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml"
        ),
        "10,000 values": _answer("value 9999", "enum", values=tuple(f"value {n}" for n in range(10_000))),
        "1,000 choices that refuse": call(outputs=(Output("sorry " + "i can't " * 70),) * 1_000),
        "600 newlines": _answer("\n" * 599 + "x"),
        "a tag of 1 MB": _answer("the word of it is that " * 20, language="-".join(["de", *["x"] * 500_000])),
    }


def _answer(text: str, form: str = "", language: str = "", values: tuple[str, ...] = ()) -> Call:
    return call(outputs=(Output(text),), expected=Expected(language, form, values))


def _laughs() -> str:
    """Entities that are ten of the one before, ten deep."""
    declared = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE l [<!ENTITY l0 "ha">{declared}]><l>&l9;</l>'
