"""An org that answers by script: the next answer for each call, and every call kept.

For what the simulator would never do. A script item is (status, body) or an exception to raise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter

from rollouts.salesforce.auth import ClientCredentials, Login
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
ORIGIN = "https://example.my.salesforce.com"
ORG = "00D000000000001EAA"
USER = "005000000000001AAA"
TOKEN_PATH = "/services/oauth2/token"


@dataclass(frozen=True)
class Call:
    """One request as it went out."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: str

    @property
    def soql(self) -> str:
        """The query text, "" for other calls."""
        return next(iter(self.query.get("q", [])), "")

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def token(number: int, *, instance: str = ORIGIN, org: str = ORG) -> dict[str, str]:
    """Return what Salesforce answers to a login."""
    return {
        "access_token": f"{org[:15]}!token.{number}",
        "instance_url": instance,
        "id": f"https://login.salesforce.com/id/{org}/{USER}",
        "token_type": "Bearer",
    }


@dataclass
class ScriptedOrg(BaseAdapter):
    """Answers logins by itself unless ``logins`` has something else, and calls by ``script``."""

    script: list[Any] = field(default_factory=list)
    logins: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Call] = field(default_factory=list)

    def __hash__(self) -> int:
        return id(self)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Take the next answer from the script."""
        parts = urlsplit(request.url or "")
        body = request.body or b""
        call = Call(
            method=request.method or "",
            path=parts.path,
            query=parse_qs(parts.query),
            headers=dict(request.headers),
            body=body.decode() if isinstance(body, bytes) else str(body),
        )
        self.seen.append(call)
        if parts.path == TOKEN_PATH:
            given = self.logins.pop(0) if self.logins else (200, token(len(self.token_calls)))
        else:
            given = self.script.pop(0)
        if isinstance(given, Exception):
            raise given
        status, content = given
        answer = requests.Response()
        answer.status_code = status
        answer.url = request.url or ""
        answer.request = request
        answer.headers["Content-Type"] = "application/json;charset=UTF-8"
        answer.headers.update(self.headers)
        text = content if isinstance(content, str) else json.dumps(content)
        answer._content = text.encode()
        return answer

    def close(self) -> None:
        """Nothing is open."""

    @property
    def calls(self) -> list[Call]:
        """The calls that were no logins."""
        return [call for call in self.seen if call.path != TOKEN_PATH]

    @property
    def token_calls(self) -> list[Call]:
        """The logins."""
        return [call for call in self.seen if call.path == TOKEN_PATH]


def gateway_to(
    org: BaseAdapter, *, writes_allowed: bool = True, org_id: str = "", url: str = ORIGIN
) -> SalesforceGateway:
    """Return a gateway whose only way out is this org."""
    transport = Transport(Hosts(), timeout=2, now=lambda: NOW, carrier=lambda: org)
    login = Login(transport, url, ClientCredentials("id", "secret"), name="Test org", org_id=org_id)
    return SalesforceGateway(
        transport, login, api_version="67.0", writes_allowed=writes_allowed, name="Test org"
    )


def page(*rows: Mapping[str, Any], total: int | None = None, following: str = "") -> Any:
    """Return a page of a query's answer."""
    return (
        200,
        {
            "totalSize": len(rows) if total is None else total,
            "done": not following,
            "records": list(rows),
        }
        | ({"nextRecordsUrl": following} if following else {}),
    )


def problem(status: int, code: str, message: str = "told so") -> Any:
    """Return an error answer in the shape of Salesforce's REST API."""
    return status, [{"message": message, "errorCode": code}]
