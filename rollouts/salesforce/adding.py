"""What adding orgs to a push request came to, row by row, in either of the two ways of adding.

A collection call answers one result for each row in the order they were sent. A bulk job tells it
afterwards in three CSV lists without an order, where a refusal reads ``CODE:message:fields --``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from rollouts.domain.ids import ORG, BadId, long_id
from rollouts.salesforce.gateway import Added
from rollouts.salesforce.outcomes import PASSING_TROUBLE, first_error, tidy
from rollouts.salesforce.rows import Unreadable

ORG_COLUMN = "SubscriberOrganizationKey"
ERROR_COLUMN = "sf__Error"
NEVER_TRIED = ("NOT_PROCESSED", "Salesforce did not come to this row")
# There already: as good as added.
_THERE = "DUPLICATE_VALUE"
# Refusals of one row that a later try may not meet.
_AGAIN = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "PROCESSING_HALTED",
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
    }
)
_BULK_ERROR = re.compile(r"([A-Z][A-Z0-9_]*)\s*:(.*?)(?::[^:]*--)?\s*", re.DOTALL)


class _Sorting:
    """Puts each row where it belongs."""

    def __init__(self) -> None:
        self._accepted = 0
        self._refused: dict[str, tuple[str, str]] = {}
        self._again: dict[str, tuple[str, str]] = {}

    def accept(self, count: int = 1) -> None:
        self._accepted += count

    def refuse(self, org: str, code: str, message: str) -> None:
        if code == _THERE:
            self.accept()
        elif code in _AGAIN or PASSING_TROUBLE in message.lower():
            self._again[org] = (code, message)
        else:
            self._refused[org] = (code or "UNKNOWN_REFUSAL", message)

    def leave(self, org: str) -> None:
        self._again[org] = NEVER_TRIED

    def result(self) -> Added:
        return Added(self._accepted, self._refused, self._again)


def of_collection(answer: object, orgs: Sequence[str]) -> Added:
    """Read the answer of a collection call to which these orgs were sent.

    Raises:
        Unreadable: not one readable result for each org.
    """
    if not isinstance(answer, list) or len(answer) != len(orgs):
        raise Unreadable("not one result for each org")
    sorting = _Sorting()
    for org, result in zip(orgs, answer, strict=True):
        if not isinstance(result, dict) or not isinstance(result.get("success"), bool):
            raise Unreadable("a result without a word of success")
        if result["success"]:
            sorting.accept()
        else:
            sorting.refuse(org, *first_error(result.get("errors") or []))
    return sorting.result()


def of_bulk(successful: str, failed: str, unprocessed: str) -> Added:
    """Read the three result lists of a bulk job.

    Raises:
        Unreadable: one of them is no such list.
    """
    sorting = _Sorting()
    sorting.accept(sum(1 for _ in result_rows(successful)))
    for row in result_rows(failed, needs=(ERROR_COLUMN,)):
        sorting.refuse(_org(row), *bulk_error(row[ERROR_COLUMN]))
    for row in result_rows(unprocessed):
        sorting.leave(_org(row))
    return sorting.result()


def upload(request_id: str, orgs: Iterable[str]) -> str:
    """Write the CSV of an upload: one push job for each org."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["PackagePushRequestId", ORG_COLUMN])
    writer.writerows([request_id, org] for org in orgs)
    return out.getvalue()


def result_rows(text: str, needs: Sequence[str] = ()) -> list[Mapping[str, str]]:
    """Read one result list by its header; the order of columns means nothing.

    Raises:
        Unreadable: a row that does not fit the header, or a column that is not there.
    """
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        raise Unreadable("no CSV") from None
    lines = [line for line in lines if line]
    if not lines:
        return []
    header = lines[0]
    if not {ORG_COLUMN, *needs} <= set(header):
        raise Unreadable("no result list")
    if any(len(line) != len(header) for line in lines):
        raise Unreadable("a row that does not fit")
    return [dict(zip(header, line, strict=True)) for line in lines[1:]]


def bulk_error(text: str) -> tuple[str, str]:
    """Take a bulk row's error apart into (code, message)."""
    found = _BULK_ERROR.fullmatch(text.strip())
    return (found[1], tidy(found[2])) if found else ("", tidy(text))


def _org(row: Mapping[str, str]) -> str:
    try:
        return long_id(row[ORG_COLUMN], prefix=ORG)
    except BadId:
        raise Unreadable("a row without an org") from None
