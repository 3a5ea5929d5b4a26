"""A client that signs in by every flow, and what it needs for that."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .caller import FORM, START, Caller, Reply

CALLBACK = "http://localhost:8000/connections/callback"
VERIFIER = "a-verifier-that-nobody-guesses-0123456789-abcdef"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
CLIENT = {"client_id": "pushboard-demo", "client_secret": "simulated-secret"}
NOW = int(START.timestamp())


def form(caller: Caller, path: str, fields: Mapping[str, str]) -> Reply:
    """Post a form to an OAuth address, without a session."""
    return caller.send(
        "POST",
        f"/services/oauth2/{path}",
        raw=urlencode(fields).encode(),
        headers={"Content-Type": FORM, "Authorization": ""},
    )


def asked(**changes: str | None) -> dict[str, str]:
    """The parameters of a right request for consent; None leaves one out."""
    fields = {
        "response_type": "code",
        "client_id": CLIENT["client_id"],
        "redirect_uri": CALLBACK,
        "scope": "api id refresh_token",
        "state": "of the browser",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def look(caller: Caller, **changes: str | None) -> Reply:
    """Open the consent page."""
    target = f"/services/oauth2/authorize?{urlencode(asked(**changes))}"
    return caller.send("GET", target, headers={"Authorization": ""})


def decide(caller: Caller, decision: str = "allow", **changes: str | None) -> dict[str, str]:
    """Answer on the consent page; gives what the callback is told."""
    reply = form(caller, "authorize", {**asked(**changes), "decision": decision})
    return landed(reply)


def landed(reply: Reply) -> dict[str, str]:
    """What a redirect to the callback says."""
    assert reply.status == 302, reply.text
    address, _, query = reply.headers["Location"].partition("?")
    assert address == CALLBACK
    assert not urlsplit(reply.headers["Location"]).fragment
    return {name: values[0] for name, values in parse_qs(query).items()}


def exchange(caller: Caller, code: str, **changes: str | None) -> Reply:
    """Redeem a code at the token endpoint; None leaves a field out."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **CLIENT,
        **changes,
    }
    return form(caller, "token", {name: value for name, value in fields.items() if value})


def refresh(caller: Caller, token: str, **changes: str) -> Reply:
    """Ask for a new access token."""
    fields = {"grant_type": "refresh_token", "refresh_token": token, **CLIENT, **changes}
    return form(caller, "token", fields)


def may_call(caller: Caller, token: str) -> bool:
    """Whether an access token opens the org."""
    headers = {"Authorization": f"Bearer {token}"}
    return caller.send("GET", "limits", headers=headers).status == 200


@cache
def key() -> rsa.RSAPrivateKey:
    """The client's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem() -> bytes:
    """What the org knows of it."""
    return key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def assertion(*, alg: str = "RS256", **claims: object) -> str:
    """A signed assertion, right unless a claim is changed."""
    claimed = {
        "iss": CLIENT["client_id"],
        "sub": "releases@harborline.example",
        "aud": "https://login.salesforce.com",
        "exp": NOW + 180,
        **claims,
    }
    signed = ".".join(_packed(part) for part in ({"alg": alg}, claimed))
    signature = key().sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _packed(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
