"""How the token endpoint says no, and how its forms are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from rollouts.simulator.messages import Request, Response, json_response

FORM: Final = "application/x-www-form-urlencoded"


class OAuthError(Exception):
    """The token endpoint refuses; its errors are objects, unlike those of REST."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    def response(self) -> Response:
        """The answer with status 400, or 401 for an unknown client secret."""
        status = 401 if self.error == "invalid_client" else 400
        return json_response(status, {"error": self.error, "error_description": self.description})


def posted_form(request: Request) -> Mapping[str, str]:
    """The fields of a posted form. Raises OAuthError."""
    if request.method != "POST":
        raise OAuthError("invalid_request", "must use HTTP POST")
    if request.header("Content-Type").partition(";")[0].strip().lower() != FORM:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    try:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the form is not UTF-8") from None


def needed(form: Mapping[str, str], name: str) -> str:
    """A field that must be there. Raises OAuthError."""
    value = form.get(name, "")
    if not value:
        raise OAuthError("invalid_request", f"missing required parameter: {name}")
    return value
