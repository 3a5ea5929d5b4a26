"""Live reads about many orgs, in whichever way takes fewer calls: by org, or by package.

A query that names its orgs holds about 460 of them (the length of an address), a page of a query
that does not holds 2,000 rows. Either way rows are held against the orgs that were asked about:
Salesforce is known to answer about others (its bug W-6129024).
"""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.models import Installation, Package
from rollouts.salesforce.gateway import Gateway, SfSubscriber

ORGS_A_CALL, ROWS_A_CALL = 460, 2_000


def installed(package: Package, orgs: Sequence[str], gateway: Gateway) -> dict[str, SfSubscriber]:
    """Read what these orgs have of a package; an org that has none of it is not in the answer."""
    wanted = set(orgs)
    by_org = -(-len(wanted) // ORGS_A_CALL)
    if by_org > 1:
        listed = Installation.objects.present().filter(package=package).count()
        if -(-listed // ROWS_A_CALL) <= by_org:
            pages = gateway.subscribers(package.sf_id)
            return {row.org: row for page in pages for row in page if row.org in wanted}
    return {row.org: row for row in gateway.installed(package.sf_id, orgs)}


def jobs(
    package: Package, request_id: str, orgs: Sequence[str], gateway: Gateway
) -> tuple[list[str], list[str]]:
    """Read (orgs of a request's jobs, those of these orgs that have open jobs elsewhere).

    Of a large batch only jobs that have not ended are listed: one that has is missing then, and
    a batch with a missing job is not armed.
    """
    if len(orgs) <= ORGS_A_CALL:
        mine = [job.org for job in gateway.jobs([request_id])]
        found = gateway.open_jobs_of(package.sf_id, orgs)
        return mine, [job.org for job in found if job.request_id != request_id]
    wanted = set(orgs)
    mine, foreign = [], []
    for job in gateway.open_jobs(package.sf_id):
        if job.request_id == request_id:
            mine.append(job.org)
        elif job.org in wanted:
            foreign.append(job.org)
    return mine, foreign
