"""How this service answers: headers that keep browsers safe, bodies that are bounded, numbers that fit."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request

#: Bytes that the body of a request may have.
MAX_BODY = 16_384

#: Fields that a form may have.
MAX_FIELDS = 20

#: The largest number that Postgres has for an id.
MAX_ID = 2**63 - 1


class _Number(IntegerConvertor):
    """A whole number that Python reads without complaint, however many digits somebody types."""

    regex = "[0-9]{1,19}"


register_url_convertor("number", _Number())

#: Of every answer: it is of this moment, of the type that it says, and told to nobody else. The referrer
#: policy is not ``no-referrer``, or browsers without ``Sec-Fetch-Site`` would not say where a form came from.
SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def policy(style_hash: str) -> dict[str, str]:
    """The headers of a page: no script, no frame, nothing from elsewhere, and only our own style."""
    return {
        **SAFE,
        "Content-Security-Policy": (
            f"default-src 'none'; style-src '{style_hash}'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        ),
    }


class TooLarge(Exception):
    """The body has more bytes than it may have: the rest was not read."""


async def body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body.

    Raises:
        TooLarge: it has more bytes than that.
    """
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise TooLarge(f"at most {limit:,} bytes")
    return read


async def form(request: Request) -> dict[str, str]:
    """The fields of a form; of one that comes twice, the last.

    Raises:
        TooLarge: it is, or has too many fields.
    """
    text = (await body(request)).decode(errors="replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise TooLarge(f"at most {MAX_FIELDS} fields") from error
