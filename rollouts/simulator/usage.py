"""The daily allowance of API calls, over the last 24 simulated hours."""

from __future__ import annotations

from .refusals import quota_spent
from .store import Work
from .times import HOUR


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


def header(work: Work) -> str:
    """The value of Sforce-Limit-Info."""
    return f"api-usage={used(work)}/{work.options.daily_calls}"


def limits(work: Work) -> dict[str, object]:
    """The answer of `/limits`."""
    most = work.options.daily_calls
    return {
        "DailyApiRequests": {"Max": most, "Remaining": max(0, most - used(work))},
        "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
        "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000},
    }
