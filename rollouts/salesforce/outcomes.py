"""From an HTTP answer, or the lack of one, to one of the four outcomes of a call.

The difference that matters is between a read, which leaves no effect and may simply be asked
again, and a write, whose effect may exist although no answer says so. Error bodies are arrays of
``{message, errorCode}`` (Salesforce REST API, "Status Codes and Error Responses").
"""

from __future__ import annotations

from enum import Enum

from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain, Unknown

# Turned away for the time being, before any work was done.
_TURNED_AWAY = frozenset({"REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE"})
# A read that lost its place or ran out of time starts again.
_READS_AGAIN = frozenset({"INVALID_QUERY_LOCATOR", "QUERY_TIMEOUT", "QUERY_TOO_COMPLICATED"})
# Salesforce itself doesn't know how far it came.
_NOBODY_KNOWS = frozenset({"UNKNOWN_EXCEPTION", "REQUEST_RUNNING_TOO_LONG"})
# Seen on whole calls at random, with several codes; the same call passes a little later.
PASSING_TROUBLE = "something bad has happened"
_LONGEST_MESSAGE = 300


class Kind(Enum):
    """Whether a call can have an effect."""

    READ = "read"
    WRITE = "write"


def tidy(text: object) -> str:
    """Return a message of Salesforce's on one line and not too long for a sentence."""
    line = " ".join(str(text or "").split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def first_error(body: object) -> tuple[str, str]:
    """Return (code, message) of an error body, or ("", "") when it isn't one."""
    rows = body if isinstance(body, list) else [body]
    for row in rows:
        if isinstance(row, dict):
            code = row.get("errorCode") or row.get("statusCode")
            if isinstance(code, str) and code:
                return code[:80], tidy(row.get("message"))
    return "", ""


def of_answer(kind: Kind, what: str, status: int, body: object) -> SalesforceError:
    """Return the outcome of a call that was answered with an error.

    Args:
        kind: whether the call can have had an effect.
        what: what was asked, as in "create a push request".
        status: HTTP status, 300 or more. 401 is not for here: the session is renewed first.
        body: the parsed body, or text.
    """
    code, message = first_error(body)
    said = f"{message} ({code})" if code else f"HTTP {status}"
    sentence = f"Could not {what}: Salesforce says {said}"
    if not code or not 400 <= status < 500 or status in {408, 429}:  # noqa: PLR2004
        return _no_word(kind, sentence, code or f"HTTP_{status}")
    if kind is Kind.READ and (code in _READS_AGAIN or code in _NOBODY_KNOWS):
        return TryAgain(sentence, code=code)
    if code in _TURNED_AWAY or PASSING_TROUBLE in message.lower():
        return TryAgain(sentence, code=code)
    if code in _NOBODY_KNOWS:
        return Unknown(sentence, code=code)
    return Refused(sentence, code=code)


def of_silence(kind: Kind, what: str, *, left: bool) -> SalesforceError:
    """Return the outcome of a call without an answer; ``left`` is whether anything was sent."""
    if not left:
        return TryAgain(
            f"Could not {what}: Salesforce can't be reached; nothing was sent.",
            code="NO_CONNECTION",
        )
    return _no_word(kind, f"Asked to {what}, but Salesforce did not answer", "NO_ANSWER")


def of_distrust(what: str) -> SalesforceError:
    """Return the outcome of a call whose other end showed no certificate that is trusted here.

    The handshake comes before the first byte of the call, so nothing was sent.
    """
    return TryAgain(
        f"Could not {what}: Salesforce's address shows a certificate that is not trusted here; "
        "nothing was sent.",
        code="TLS_REFUSED",
    )


def of_nonsense(kind: Kind, what: str) -> SalesforceError:
    """Return the outcome of a call whose answer says success but can't be read."""
    return _no_word(
        kind, f"Asked to {what}, but Salesforce's answer can't be read", "UNREADABLE_ANSWER"
    )


def _no_word(kind: Kind, sentence: str, code: str) -> SalesforceError:
    if kind is Kind.READ:
        return TryAgain(sentence.removesuffix(".") + ".", code=code)
    return Unknown(f"{sentence.removesuffix('.')}. It may have taken effect.", code=code)
