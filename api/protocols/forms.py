"""Reads the forms of OAuth: each parameter at most once, and few of them. PURE."""

from urllib.parse import parse_qsl

from api.protocols.wire import Fault

MEDIA_TYPE = b"application/x-www-form-urlencoded"
FORM_BYTES = 32 * 1024
"""Twice the largest token; RFC 7662, section 2.1, allows parameters about the context beside it."""
MOST_PARAMETERS = 32


def form_of(body: bytes) -> dict[str, str]:
    """The form's parameters.

    Raises:
        Fault: it is none, or a parameter is there twice, which RFC 6749, section 3.2, forbids: two readers would see
            two requests. One without a value is as if it were not there (likewise).
    """
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise Fault(400, "invalid_request", "The body is no form, or has too many parameters.") from None
    named = dict(pairs)
    if len(named) < len(pairs):
        raise Fault(400, "invalid_request", "A parameter is there more than once.")
    return {name: value for name, value in named.items() if value}


def token_of(form: dict[str, str]) -> bytes:
    """The token that a form is about; it is text of any kind, and what it is comes out when it is read.

    Raises:
        Fault: there is none.
    """
    token = form.get("token")
    if token is None:
        raise Fault(400, "invalid_request", "The parameter token is missing.")
    return token.encode()
