"""No secret reaches a log, in whatever shape it comes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from pushboard.logs import MASK, HumanLines, JsonLines, redact

SESSION = "00D5g000004abcd!AQEAQPx.y_z1234567890abcdefGHIJK"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJwdXNoYm9hcmQifQ.c2lnbmF0dXJl-_x"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"Authorization: Bearer {SESSION}", SESSION),
        ("{'Authorization': 'Bearer abcdefghijklmnop'}", "abcdefghijklmnop"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('"Authorization": "OAuth abcdefghijklmnop"', "abcdefghijklmnop"),
        (f"session {SESSION} expired", "AQEAQPx"),
        (f"sid={SESSION}", "AQEAQPx"),
        (f"assertion {JWT} refused", "c2lnbmF0dXJl"),
        ("client_secret=s3cr3tvalue&grant_type=client_credentials", "s3cr3tvalue"),
        ('{"access_token": "s3cr3tvalue", "scope": "api"}', "s3cr3tvalue"),
        ("{'refresh_token': 's3cr3tvalue'}", "s3cr3tvalue"),
        ("password='two words'", "two words"),
        ("Password: hunter22", "hunter22"),
        ("PUSHBOARD_SECRET_KEY=s3cr3tvalue", "s3cr3tvalue"),
        ("redis://:s3cr3tvalue@broker:6379/0 is away", "s3cr3tvalue"),
        ("postgresql://pushboard:s3cr3tvalue@db/pushboard", "s3cr3tvalue"),
        (f"key is {PEM} done", "MIIEpAIB"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ cut off", "MIIEvQ"),
        ("csrfmiddlewaretoken=abcdefgh", "abcdefgh"),
        ("Cookie: sessionid=abcdefgh; theme=dark", "abcdefgh"),
    ],
)
def test_secrets_are_removed(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in redact(line)
    assert MASK in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "wave 2 batch 3: 00D5g000004abcd moved to 4.2.0",
        "https://example.my.salesforce.com/services/data/v67.0/query answered 200",
        "the password of pia@pushboard.example was changed",
        "request 0DV5g000000TN1G is Pending",
        "12 of 40 orgs failed; limit is 5",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert redact(line) == line


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("rollouts.x", logging.WARNING, "x.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_arguments_and_tracebacks_are_redacted_too() -> None:
    try:
        raise ValueError(f"Bearer {SESSION}")
    except ValueError:
        line = record("token %s", SESSION)
        line.exc_info = sys.exc_info()

    for formatter in (HumanLines(), JsonLines()):
        assert "AQEAQPx" not in formatter.format(line)


def test_machines_get_one_object_per_line() -> None:
    line = JsonLines().format(record("batch %d\nis armed", 3, batch=3, access_token="s3cr3tvalue"))
    read = json.loads(line)

    assert "\n" not in line
    assert read["message"] == "batch 3\nis armed"
    assert read["level"] == "warning"
    assert read["logger"] == "rollouts.x"
    assert read["batch"] == "3"
    assert read["access_token"] == MASK
    assert read["at"].endswith("+00:00")


def test_people_get_a_short_line() -> None:
    assert HumanLines().format(record("batch 3 is armed"))[8:] == (
        " WARNING rollouts.x: batch 3 is armed"
    )
