"""What goes into the simulator and what comes out, free of any web server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

JSON: Final = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `path` is decoded and without query; `query` holds the last value of each name; header names
    are compared in lower case. `scheme` only decides what instance_url the token answer names.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    length_of_url: int = 0
    role: str = ""  # which of the world's orgs is asked; empty means the one it was made for

    def header(self, name: str) -> str:
        """The value of a header, or an empty text."""
        wanted = name.lower()
        for key, value in self.headers.items():
            if key.lower() == wanted:
                return value
        return ""

    @property
    def session(self) -> str:
        """The access token; Bulk API v1 takes it in a header of its own."""
        return self.header("X-SFDC-Session") or self.header("Authorization").partition(" ")[2]

    @property
    def base_url(self) -> str:
        """Scheme, host and port the caller asked, without a final slash."""
        return f"{self.scheme}://{self.header('Host') or 'localhost'}"

    @classmethod
    def of(
        cls,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        scheme: str = "http",
    ) -> Request:
        """Read a request target such as `/services/data/v67.0/query/?q=SELECT+Id`."""
        parts = urlsplit(target)
        return cls(
            method=method.upper(),
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=dict(headers or {}),
            body=body,
            scheme=scheme,
            length_of_url=len(target),
        )


@dataclass(slots=True)
class Response:
    """One answer, and how it travels.

    `held` is how many wall seconds the answer is withheld. `later`, when set, is called after
    that wait and gives the real answer: the effect then happens *after* the wait. `reset` means
    the connection is cut instead of answering; `cut`, that it is cut in the middle of the body;
    `drip`, over how many wall seconds the body trickles out.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    held: float = 0.0
    later: Callable[[], Response] | None = None
    reset: bool = False
    cut: bool = False
    drip: float = 0.0

    def json(self) -> object:
        """The body as Python values; tests use it."""
        return json.loads(self.body)


def json_response(status: int, content: object) -> Response:
    """An answer with a JSON body."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": JSON}, body)


def empty_response(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status)
