"""From Salesforce's JSON to the value types of the gateway.

Nothing is guessed: a row that can't be read, or a status that is not known, raises Unknown with
the raw word, because a wrong state on a page is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from rollouts.domain.ids import JOB, ORG, REQUEST, VERSION, BadId, long_id
from rollouts.domain.ids import PACKAGE as PACKAGE_PREFIX
from rollouts.salesforce.errors import Unknown
from rollouts.salesforce.gateway import (
    SfError,
    SfJob,
    SfPackage,
    SfRequest,
    SfStatus,
    SfSubscriber,
    SfVersion,
)

Row = Mapping[str, object]

_INTERNAL_CATEGORIES = frozenset({"Application", "Module"})


class Unreadable(ValueError):
    """An answer does not have the shape that Salesforce documents."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query. ``following`` is the path of the next page, or ""."""

    rows: Sequence[Row]
    total: int
    following: str


def page(answer: object) -> Page:
    """Read one page.

    Raises:
        Unreadable: not a page.
    """
    if not isinstance(answer, dict):
        raise Unreadable("not an object")
    rows, total, done = answer.get("records"), answer.get("totalSize"), answer.get("done")
    following = answer.get("nextRecordsUrl") or ""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("no records")
    if not isinstance(total, int) or not isinstance(done, bool) or not isinstance(following, str):
        raise Unreadable("no totals")
    # The path is put after the host's name, so anything but a path could change the host.
    if not done and not following.startswith("/services/data/"):
        raise Unreadable("no next page")
    return Page(rows, total, "" if done else following)


def _unknown(field: str, raw: object) -> Unknown:
    return Unknown(
        f"Salesforce answered {field} “{str(raw)[:80]}”, which Pushboard does not know.",
        code="UNKNOWN_VALUE",
    )


def text(row: Row, field: str) -> str:
    """Return a text field, "" for null."""
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unknown(field, value)
    return value


def number(row: Row, field: str) -> int:
    """Return a whole number, 0 for null."""
    value = row.get(field)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unknown(field, value)
    return value


def count(row: Row, field: str) -> int | None:
    """Return a count that Salesforce may write as 12.0, None for null."""
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise _unknown(field, value)
    return int(value)


def day(row: Row, field: str) -> date | None:
    """Return a date, also of an instant, None for null."""
    raw = text(row, field)
    try:
        return date.fromisoformat(raw[:10]) if raw else None
    except ValueError:
        raise _unknown(field, raw) from None


def parent(row: Row, name: str) -> Row:
    """Return the fields of a parent record; none for a record without one."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def flag(row: Row, field: str) -> bool:
    """Return a checkbox, False for null."""
    value = row.get(field)
    if value is not None and not isinstance(value, bool):
        raise _unknown(field, value)
    return bool(value)


# The rows of one answer share their package, version or request.
_known = lru_cache(maxsize=4096)(long_id)


def an_id(row: Row, field: str, prefix: str = "") -> str:
    """Return an id with 18 characters."""
    raw = text(row, field)
    try:
        return _known(raw, prefix=prefix)
    except BadId:
        raise _unknown(field, raw) from None


def maybe_id(row: Row, field: str, prefix: str = "") -> str:
    """Return an id with 18 characters, or "" for null."""
    return an_id(row, field, prefix) if text(row, field) else ""


def moment(row: Row, field: str) -> datetime:
    """Return an instant in UTC; Salesforce writes 2026-11-16T01:00:00.000+0000."""
    raw = text(row, field)
    try:
        value = datetime.fromisoformat(raw)
    except ValueError:
        raise _unknown(field, raw) from None
    if value.tzinfo is None:
        raise _unknown(field, raw)
    return value.astimezone(UTC)


def maybe_moment(row: Row, field: str) -> datetime | None:
    """Return an instant in UTC, or None for null."""
    return moment(row, field) if text(row, field) else None


def status(row: Row, read: Callable[[str], SfStatus]) -> SfStatus:
    """Return the status; ``read`` knows the org's words (`statuses.Statuses.read`)."""
    return read(text(row, "Status"))


def package(row: Row) -> SfPackage:
    """Read a MetadataPackage row."""
    return SfPackage(
        id=an_id(row, "Id", PACKAGE_PREFIX),
        name=text(row, "Name"),
        namespace=text(row, "NamespacePrefix"),
        generation=2 if text(row, "PackageCategory") == "Package2" else 1,
    )


def is_internal(row: Row) -> bool:
    """Say whether a MetadataPackage row is one of Salesforce's own bookkeeping."""
    return row.get("PackageCategory") in _INTERNAL_CATEGORIES


def package_of(row: Row) -> SfPackage | None:
    """Read the package that a version's row carries, or None for Salesforce's own bookkeeping."""
    parent = row.get("MetadataPackage")
    if not isinstance(parent, dict):
        raise _unknown("a version's package", parent)
    if is_internal(parent):
        return None
    return package({**parent, "Id": row.get("MetadataPackageId")})


def version(row: Row) -> SfVersion:
    """Read a MetadataPackageVersion row."""
    return SfVersion(
        id=an_id(row, "Id", VERSION),
        package_id=an_id(row, "MetadataPackageId", PACKAGE_PREFIX),
        name=text(row, "Name"),
        major=number(row, "MajorVersion"),
        minor=number(row, "MinorVersion"),
        patch=number(row, "PatchVersion"),
        build=number(row, "BuildNumber"),
        released=text(row, "ReleaseState") == "Released",
        deprecated=flag(row, "IsDeprecated"),
        changed=maybe_moment(row, "SystemModstamp"),
    )


def subscriber(row: Row) -> SfSubscriber:
    """Read a PackageSubscriber row."""
    return SfSubscriber(
        org=an_id(row, "OrgKey", ORG),
        org_name=text(row, "OrgName"),
        status=text(row, "OrgStatus"),
        is_production=text(row, "OrgType") == "Production",
        instance=text(row, "InstanceName"),
        parent=maybe_id(row, "ParentOrg", ORG),
        package_id=an_id(row, "MetadataPackageId", PACKAGE_PREFIX),
        version_id=maybe_id(row, "MetadataPackageVersionId", VERSION),
        installed=text(row, "InstalledStatus") == "i",
        blocked=flag(row, "HasRestrictionEnabled")
        or text(row, "CustomUpgradeType") == "BlockedBySubscriber",
        modified=moment(row, "SystemModstamp"),
        may_block=flag(row, "IsCustomUpgradeAllowed"),
        blocking_known="HasRestrictionEnabled" in row,
    )


def request(row: Row, read: Callable[[str], SfStatus]) -> SfRequest:
    """Read a PackagePushRequest row with its version's package."""
    return SfRequest(
        id=an_id(row, "Id", REQUEST),
        version_id=an_id(row, "PackageVersionId", VERSION),
        package_id=maybe_id(parent(row, "PackageVersion"), "MetadataPackageId", PACKAGE_PREFIX),
        status=status(row, read),
        start=maybe_moment(row, "ScheduledStartTime"),
    )


def job(row: Row, read: Callable[[str], SfStatus]) -> SfJob:
    """Read a PackagePushJob row."""
    return SfJob(
        id=an_id(row, "Id", JOB),
        request_id=an_id(row, "PackagePushRequestId", REQUEST),
        org=an_id(row, "SubscriberOrganizationKey", ORG),
        status=status(row, read),
        started=maybe_moment(row, "StartTime"),
        ended=maybe_moment(row, "EndTime"),
    )


def children(row: Row, name: str) -> Sequence[Row] | None:
    """Return the rows of a child relationship; None when the answer holds only some of them."""
    held = row.get(name)
    if held is None:
        return []
    if not isinstance(held, dict) or not isinstance(held.get("records"), list):
        raise _unknown(name, held)
    found = held["records"]
    if not all(isinstance(one, dict) for one in found):
        raise _unknown(name, held)
    whole = held.get("done") is True and held.get("totalSize") == len(found)
    return found if whole else None


def push_error(row: Row) -> SfError:
    """Read a PackagePushError row."""
    return SfError(
        id=an_id(row, "Id"),
        job_id=an_id(row, "PackagePushJobId", JOB),
        severity=text(row, "ErrorSeverity"),
        type=text(row, "ErrorType"),
        title=text(row, "ErrorTitle"),
        message=text(row, "ErrorMessage"),
        details=text(row, "ErrorDetails"),
    )
