"""The ways the platform says no, with the error codes and texts of the fact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from .messages import Response, json_response


class ErrorBody(TypedDict, total=False):
    """One element of the array that every REST error answers with."""

    message: str
    errorCode: str
    fields: list[str]


class RecordError(TypedDict):
    """One error of one record in an sObject Collections answer."""

    statusCode: str
    message: str
    fields: list[str]


class Refusal(Exception):
    """The call is refused; nothing it wrote stays."""

    def __init__(
        self, status: int, code: str, message: str, fields: Sequence[str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def response(self) -> Response:
        """The answer to a single call."""
        body: ErrorBody = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return json_response(self.status, [body])

    def record_error(self) -> RecordError:
        """The same no, as a row of a collection reports it."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields or ()),
        }


def no_session() -> Refusal:
    """The access token is missing, wrong or expired."""
    return Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    """There is nothing under this address."""
    return Refusal(404, "NOT_FOUND", message)


def wrong_method(method: str, allowed: str) -> Refusal:
    """The resource has no such method."""
    return Refusal(
        405,
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{method}' not allowed. Allowed are {allowed}",
    )


def quota_spent() -> Refusal:
    """The calls of the last 24 hours have used up the allowance."""
    return Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def something_bad() -> Refusal:
    """The random whole-batch failure that made CumulusCI grow a retry."""
    return Refusal(
        400,
        "UNKNOWN_EXCEPTION",
        "Something bad has happened. Please verify your input and try again.",
    )


def not_json(detail: str) -> Refusal:
    """The body can't be read as what the call takes."""
    return Refusal(400, "JSON_PARSER_ERROR", detail)


def not_eligible() -> Refusal:
    """Refused job: the org can't receive this version."""
    return Refusal(
        400,
        "INVALID_OPERATION",
        "The specified SubscriberOrganizationKey is not eligible to receive this upgrade. "
        "It may not have the package installed, or has a beta version installed.",
    )
