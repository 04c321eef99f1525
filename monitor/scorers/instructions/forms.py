"""The form of an answer: a text and the form that was asked for come in, what is plainly wrong goes out.

Only what is certain counts, and each check is one pass. JSON and XML can be told right from wrong. Nearly any
text is right as HTML, Markdown, CSV, YAML or plain text, so of those only plain mistakes are found, such as a
code fence around the answer, or JSON in its place. A form that is not known here is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

from monitor.scorers.strict import Broken, parse

#: Characters of an XML answer that are parsed; a longer one is not judged.
MAX_XML = 1_000_000
#: Characters of any other answer that are searched for markup.
MAX_SEARCHED = 20_000

_FENCE = "```"
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_HTML_DOCUMENT = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"^#{1,6} \S|^```|\*\*[^*\n]{1,200}\*\*|\[[^\]\[\n]{1,200}\]\(https?:|^\|? ?:?-{3,}:? ?\|", re.MULTILINE
)
_MARKDOWN_FENCE = re.compile(r"```(?:markdown|md)\b")


def mistake(text: str, form: str, values: tuple[str, ...]) -> str | None:
    """What is wrong with the form of ``text``, in words that quote nothing of it; ``None`` if nothing is.

    Args:
        text: an answer that is not blank.
        form: the form that was asked for, as in ``Expected.format``.
        values: the only texts allowed, for the form ``enum``.
    """
    stripped = text.strip()
    if form == "enum":
        return "none of the values" if values and stripped not in values else None
    check = _CHECKS.get(form)
    return check(stripped) if check else None


def _json(text: str) -> str | None:
    """RFC 8259, strictly, as the ``json`` score has it."""
    try:
        parse(text)
    except Broken as broken:
        return None if broken.beyond else _fenced(text) or broken.reason
    return None


def _xml(text: str) -> str | None:
    """XML 1.0, section 2.1: one well-formed document. One that declares a type or an entity isn't judged.

    Nothing is fetched or expanded, since the parser is stopped before anything can be.
    """
    if len(text) > MAX_XML:
        return None
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _stop
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        return _fenced(text) or expat.ErrorString(error.code)
    except _Declared:
        return None
    return None


class _Declared(Exception):
    """A document type begins, inside which entities may be declared."""


def _stop(*_declaration: object) -> None:
    raise _Declared


def _html(text: str) -> str | None:
    if wrong := _fenced(text) or _is_json(text):
        return wrong
    searched = text[:MAX_SEARCHED]
    return "Markdown" if _MARKDOWN.search(searched) and not _TAG.search(searched) else None


def _markdown(text: str) -> str | None:
    if _MARKDOWN_FENCE.match(text) and text.endswith(_FENCE):
        return "in a code fence"
    return "HTML" if _HTML_DOCUMENT.match(text) else _is_json(text)


def _plain(text: str) -> str | None:
    if _HTML_DOCUMENT.match(text):
        return "HTML"
    return "Markdown" if _MARKDOWN.search(text[:MAX_SEARCHED]) else _is_json(text)


def _table(text: str) -> str | None:
    return _fenced(text) or _is_json(text)


def _fenced(text: str) -> str | None:
    """Whether all of it stands in a Markdown code fence."""
    return "in a code fence" if text.startswith(_FENCE) and text.endswith(_FENCE) else None


def _is_json(text: str) -> str | None:
    """Whether it is a JSON object or array: a number or a word is as good as any text."""
    if not (text.startswith(("{", "[")) and text.endswith(("}", "]"))):
        return None
    try:
        parse(text)
    except Broken:
        return None
    return "JSON"


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "json": _json,
    "xml": _xml,
    "html": _html,
    "markdown": _markdown,
    "plain": _plain,
    "csv": _table,
    "yaml": _fenced,
}
