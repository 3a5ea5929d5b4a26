"""Which versions can be pushed, and to whom; what the platform says otherwise."""

from __future__ import annotations

from . import installations
from .refusals import Refusal, not_eligible
from .store import Work


def check_target(work: Work, version_id: str) -> None:
    """The version can be pushed: ours, released, reviewed. Raises Refusal."""
    row = work.db.execute(
        "SELECT v.release_state, v.is_deprecated, p.name FROM version v"
        " JOIN package p ON p.id = v.package_id WHERE v.id = ?",
        (version_id,),
    ).fetchone()
    if row is None:
        raise bad_reference("PackageVersionId")
    if row[2] in work.options.unreviewed_packages:
        # Clients know this by its text; its code is not published.
        raise Refusal(
            400,
            "INVALID_INPUT",
            "Specify a package that has passed the AppExchange security review.",
            ["PackageVersionId"],
        )
    if row[0] != "Released" or row[1]:
        raise Refusal(
            400,
            "INVALID_INPUT",
            "Specify a package version that is released and isn't deprecated.",
            ["PackageVersionId"],
        )


def check_duplicate(work: Work, request_id: str, org_key: str) -> None:
    """The org is in no request in which it would be in the way. Raises Refusal."""
    unknowns = work.options.unknowns
    if not unknowns.duplicate_jobs:
        twin = work.db.execute(
            "SELECT id FROM push_job WHERE request_id = ? AND org_key = ?", (request_id, org_key)
        ).fetchone()
        if twin is not None:
            raise Refusal(
                400,
                "DUPLICATE_VALUE",
                "duplicate value found: SubscriberOrganizationKey duplicates value on record "
                f"with id: {twin[0][:15]}",
                ["SubscriberOrganizationKey"],
            )
    if unknowns.org_in_one_open_request_only:
        other = work.db.execute(
            "SELECT 1 FROM push_job WHERE org_key = ? AND request_id <> ?"
            " AND status IN ('Created', 'Pending', 'InProgress', 'In Progress')",
            (org_key, request_id),
        ).fetchone()
        if other is not None:
            raise not_eligible()


def check_eligible(work: Work, org_key: str, version_id: str) -> None:
    """The org can take the version. Raises Refusal."""
    installed = installations.installation(work, org_key, version_id)
    if installed is None or installed.status == "Inactive" or not installed.upgradable:
        raise not_eligible()
    unknowns = work.options.unknowns
    if installed.blocked and unknowns.blocked_org_refused_at_create:
        raise not_eligible()
    if org_key in work.options.excluded_orgs and not unknowns.excluded_org_fails_at_run:
        raise not_eligible()
    if unknowns.patch_needs_same_minor and not _same_minor(work, installed.version_id, version_id):
        raise not_eligible()


def _same_minor(work: Work, installed: str, target: str) -> bool:
    """Whether the target is no patch, or a patch of what is installed."""
    row = work.db.execute(
        "SELECT t.patch = 0 OR (t.major, t.minor) = (i.major, i.minor) FROM version t, version i"
        " WHERE t.id = ? AND i.id = ?",
        (target, installed),
    ).fetchone()
    return bool(row[0])


def check_room(work: Work, request_id: str, most: int) -> None:
    """The request may have another job. Raises Refusal."""
    count = work.db.execute(
        "SELECT COUNT(*) FROM push_job WHERE request_id = ?", (request_id,)
    ).fetchone()[0]
    if count >= most:
        raise Refusal(400, "LIMIT_EXCEEDED", f"A push request can't have more than {most} jobs.")


def bad_reference(field: str) -> Refusal:
    """The id is of the right kind, but there is no such record."""
    return Refusal(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field])
