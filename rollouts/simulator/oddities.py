"""What queries of a real org do now and then, each behind an option."""

from __future__ import annotations

import re
from typing import Final

from .chance import draw
from .fields import SObject
from .refusals import Refusal
from .store import Work

_BY_KEY: Final = re.compile(r"\bOrgKey\s+IN\b", re.IGNORECASE)
_NARROWED: Final = re.compile(r"\bWHERE\b.*\bInstanceName\b", re.IGNORECASE | re.DOTALL)
_EXTRA: Final = 2


def found(work: Work, sobject: SObject, soql: str, row_ids: list[int]) -> list[int]:
    """The rows that are answered in place of the right ones. Raises Refusal for a time-out.

    Large queries for subscribers time out unless they name an instance, as the object reference
    warns; and queries by org key may bring orgs that were not asked for (W-6129024, told by
    package-manager).
    """
    if sobject.name != "PackageSubscriber":
        return row_ids
    most = work.options.query_timeout_rows
    if most is not None and len(row_ids) > most and not _NARROWED.search(soql):
        raise Refusal(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
    if work.options.extra_rows and _BY_KEY.search(soql):
        here = set(row_ids)
        others = work.db.execute("SELECT rowid FROM subscriber ORDER BY rowid").fetchall()
        row_ids = row_ids + [row[0] for row in others if row[0] not in here][:_EXTRA]
    return row_ids


def page(work: Work, soql: str, start: int, asked: int) -> int:
    """How many rows a page holds: as many as were asked for, or now and then fewer."""
    if draw(work.seed, "short page", soql, start) >= work.options.short_pages:
        return asked
    return max(1, int(asked * (0.2 + 0.6 * draw(work.seed, "page", soql, start))))
