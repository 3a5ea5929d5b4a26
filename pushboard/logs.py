"""Logging: JSON lines for machines, short lines for people, secrets in neither."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Literal

MASK = "[removed]"

# Order matters: the wider patterns come first, so that a token inside a header goes with it.
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    # Authorization: Bearer x, 'Authorization': 'Basic x'
    (
        re.compile(
            r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|oauth|digest)\s+)?[^\s\"',;}]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|oauth)\s+[A-Za-z0-9._~+/!=-]{8,}"), rf"\1 {MASK}"),
    # client_secret=x, "access_token": "x", password='x', token: x
    (
        re.compile(
            r"(?i)((?:client_secret|client_assertion|access_token|refresh_token|id_token|assertion"
            r"|sessionid|csrfmiddlewaretoken|csrftoken|session_id|security_token|password|passwd|secret_key)"
            r"[\"']?\s*(?:=>|[:=])\s*)(\"[^\"]*\"|'[^']*'|[^\s&\"',;}]+)"
        ),
        rf"\1{MASK}",
    ),
    # Salesforce session ids: the org's id, an exclamation mark, the secret part.
    (re.compile(r"\b00D[A-Za-z0-9]{12,15}!\S{8,}"), MASK),
    # JSON web tokens.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"), MASK),
    # user:password@ in any URL.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@"), rf"\1{MASK}@"),
)


def redact(text: str) -> str:
    """`text` without anything that looks like a secret."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Redacting(logging.Formatter):
    """Base of our formatters: redacts the finished line.

    A formatter rather than a filter, since only here are arguments merged and tracebacks rendered;
    an exception of an HTTP library carries addresses and bodies in its text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        return redact(super().format(record))


class HumanLines(Redacting):
    """`08:15:02 warning rollouts.pipeline.track: words`."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:.7} {name}: {message}", "%H:%M:%S", style="{")


class JsonLines(logging.Formatter):
    """One JSON object per line: at (UTC), level, logger, message, and what `extra` brought."""

    _OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for key, value in record.__dict__.items():
            if key not in self._OWN:
                line[key] = redact(f"{key}={value}").removeprefix(f"{key}=")
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def logging_settings(*, level: str, lines: Literal["human", "json"]) -> dict[str, Any]:
    """LOGGING for Django: everything to standard error, where a supervisor collects it."""
    formatter = HumanLines if lines == "human" else JsonLines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # One handler at the root is enough; Django's own would print lines twice.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # One line per received and per finished bell would be thousands an hour.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }
