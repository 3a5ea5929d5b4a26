"""The daily allowance of API calls, over the last 24 simulated hours."""

from __future__ import annotations

from .refusals import Refusal, quota_spent
from .store import Work
from .times import DAY, HOUR


def count_call(work: Work) -> None:
    """Count one call. Raises Refusal when the allowance is spent."""
    hour, tenant = work.now // HOUR, work.options.role.tenant
    if used(work) >= work.options.daily_calls:
        raise quota_spent()
    work.db.execute(
        "INSERT INTO usage VALUES (?, ?, 1)"
        " ON CONFLICT (hour, tenant) DO UPDATE SET calls = calls + 1",
        (hour, tenant),
    )


def used(work: Work) -> int:
    """Calls to this org in the last 24 hours, counted by whole hours."""
    found = work.db.execute(
        "SELECT COALESCE(SUM(calls), 0) FROM usage WHERE hour > ? AND tenant = ?",
        (work.now // HOUR - 24, work.options.role.tenant),
    ).fetchone()
    return int(found[0])


def batches_used(work: Work) -> int:
    """Bulk uploads and bulk queries of the last 24 hours, in both Bulk APIs."""
    found = work.db.execute(
        "SELECT COUNT(*) FROM effect WHERE kind = 'bulk_uploaded' AND at > ?", (work.now - DAY,)
    ).fetchone()
    return int(found[0])


def check_batches(work: Work) -> None:
    """Raise Refusal when the allowance of bulk batches is spent."""
    if batches_used(work) >= work.options.daily_bulk_batches:
        raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "ApiBatchItems Limit exceeded.")


def header(work: Work) -> str:
    """The value of Sforce-Limit-Info."""
    return f"api-usage={used(work)}/{work.options.daily_calls}"


def limits(work: Work) -> dict[str, object]:
    """The answer of `/limits`."""
    most = work.options.daily_calls
    return {
        "DailyApiRequests": {"Max": most, "Remaining": max(0, most - used(work))},
        "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
        "DailyBulkApiBatches": {
            "Max": work.options.daily_bulk_batches,
            "Remaining": max(0, work.options.daily_bulk_batches - batches_used(work)),
        },
    }
