"""The sObjects: their fields, what each field may be used for, and since which API version.

Capability letters: W in WHERE, O in ORDER BY, G in GROUP BY, C settable on create, U settable on
update, N may be null. The matrix is that of the object reference (releases 250 to 264).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

OLDEST_API: Final = 38
NEWEST_API: Final = 68


class Kind(StrEnum):
    """Field types, in the words of describe."""

    ID = "id"
    REFERENCE = "reference"
    STRING = "string"
    PICKLIST = "picklist"
    INT = "int"
    BOOLEAN = "boolean"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `column` is SQL over the table alias `{t}`."""

    name: str
    kind: Kind
    can: str
    column: str
    since: int = OLDEST_API
    refers_to: str = ""
    relationship: str = ""
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    length: int = 0
    exact_case: bool = False  # org keys differ by case alone

    @property
    def column_name(self) -> str:
        """The bare column, for INSERT and UPDATE."""
        return self.column.removeprefix("{t}.")


@dataclass(frozen=True, slots=True)
class Child:
    """A relationship from a parent down to its children."""

    name: str
    sobject: str
    field: str


@dataclass(frozen=True, slots=True)
class SObject:
    """One object type."""

    name: str
    label: str
    prefix: str
    table: str
    fields: tuple[Field, ...]
    children: tuple[Child, ...] = ()
    writable: bool = False
    needs_push: bool = False
    needs_dev_hub: bool = False

    def field(self, name: str, api: int) -> Field | None:
        """The field of that name in any letter case, if this API version has it."""
        wanted = name.lower()
        for field in self.fields:
            if field.name.lower() == wanted and field.since <= api:
                return field
        return None

    def parent(self, relationship: str, api: int) -> Field | None:
        """The reference field behind a parent relationship name."""
        wanted = relationship.lower()
        for field in self.fields:
            if field.relationship.lower() == wanted and field.since <= api and field.relationship:
                return field
        return None

    def child(self, relationship: str) -> Child | None:
        """The child relationship of that name in any letter case."""
        wanted = relationship.lower()
        return next((child for child in self.children if child.name.lower() == wanted), None)

    def visible_fields(self, api: int) -> list[Field]:
        """The fields this API version shows."""
        return [field for field in self.fields if field.since <= api]


def _id() -> Field:
    return Field("Id", Kind.ID, "WOG", "{t}.id", length=18)


def _modstamp() -> Field:
    return Field("SystemModstamp", Kind.DATETIME, "WO", "{t}.modstamp")


def _text(
    name: str, can: str, column: str, *, length: int = 255, exact_case: bool = False
) -> Field:
    return Field(name, Kind.STRING, can, "{t}." + column, length=length, exact_case=exact_case)


def _number(name: str, can: str, column: str) -> Field:
    return Field(name, Kind.INT, can, "{t}." + column)


def _choice(
    name: str,
    can: str,
    column: str,
    values: tuple[str, ...],
    *,
    since: int = 38,
    closed: bool = False,
) -> Field:
    return Field(
        name, Kind.PICKLIST, can, "{t}." + column, since=since, picklist=values, restricted=closed
    )


def _to(
    name: str, can: str, column: str, target: str, relationship: str, *, since: int = 38
) -> Field:
    return Field(
        name,
        Kind.REFERENCE,
        can,
        "{t}." + column,
        since=since,
        refers_to=target,
        relationship=relationship,
        length=18,
    )


def _flag(name: str, can: str, column: str, *, since: int = 38) -> Field:
    return Field(name, Kind.BOOLEAN, can, "{t}." + column, since=since)


def _ran() -> tuple[Field, ...]:
    """Start, end and duration: neither filterable nor sortable, on requests and jobs alike."""
    return (
        Field("StartTime", Kind.DATETIME, "CUN", "{t}.started", since=51),
        Field("EndTime", Kind.DATETIME, "CUN", "{t}.ended", since=51),
        Field("DurationSeconds", Kind.INT, "GN", "(({t}.ended - {t}.started) / 1000)", since=51),
    )


STATUSES: Final = ("Created", "Pending", "InProgress", "Succeeded", "Failed", "Canceled")
ERROR_TYPES: Final = (
    "ApexTestFailure",
    "DeployError",
    "FeatureMissing",
    "IneligibleUpgrade",
    "LimitExceeded",
    "LockingFailure",
    "PACError",
    "UnclassifiedError",
)

PACKAGE: Final = SObject(
    "MetadataPackage",
    "Metadata Package",
    "033",
    "package",
    (
        _id(),
        _text("Name", "WOG", "name"),
        _text("NamespacePrefix", "WOGN", "namespace", length=15),
        _choice(
            "PackageCategory",
            "WOGN",
            "category",
            ("Package", "Package2", "Application", "Module"),
            since=49,
        ),
        _modstamp(),
    ),
    children=(Child("MetadataPackageVersions", "MetadataPackageVersion", "MetadataPackageId"),),
    needs_push=True,
)

VERSION: Final = SObject(
    "MetadataPackageVersion",
    "Metadata Package Version",
    "04t",
    "version",
    (
        _id(),
        _text("Name", "WOG", "name"),
        _to("MetadataPackageId", "WOGN", "package_id", "MetadataPackage", "MetadataPackage"),
        _number("MajorVersion", "WOGN", "major"),
        _number("MinorVersion", "WOGN", "minor"),
        _number("PatchVersion", "WOGN", "patch"),
        _number("BuildNumber", "WOGN", "build"),
        _choice("ReleaseState", "WOGN", "release_state", ("Beta", "Released")),
        _flag("IsDeprecated", "WOG", "is_deprecated", since=46),
        _modstamp(),
    ),
    children=(
        Child("PackagePushRequests", "PackagePushRequest", "PackageVersionId"),
        Child("PackageSubscribers", "PackageSubscriber", "MetadataPackageVersionId"),
    ),
    needs_push=True,
)

SUBSCRIBER: Final = SObject(
    "PackageSubscriber",
    "Package Subscriber",
    "0Sb",  # the real prefix is not published
    "subscriber",
    (
        _id(),
        _to(
            "MetadataPackageId",
            "WOGN",
            "package_id",
            "MetadataPackage",
            "MetadataPackage",
            since=49,
        ),
        _to(
            "MetadataPackageVersionId",
            "WOGN",
            "version_id",
            "MetadataPackageVersion",
            "MetadataPackageVersion",
        ),
        _text("OrgKey", "WOGN", "org_key", length=15, exact_case=True),
        _text("OrgName", "WOGN", "org_name", length=80),
        _choice("OrgStatus", "WOGN", "org_status", ("Active", "Demo", "Free", "Inactive", "Trial")),
        _choice("OrgType", "WOGN", "org_type", ("Production", "Sandbox")),
        _text("InstanceName", "WOGN", "instance_name", length=20),
        _text("ParentOrg", "WOGN", "parent_org", length=15, exact_case=True),
        _choice("InstalledStatus", "WOGN", "installed_status", ("i",)),
        _choice(
            "CustomUpgradeType",
            "WOGN",
            "custom_upgrade_type",
            ("None", "BlockedBySubscriber"),
            since=60,
        ),
        _flag("HasRestrictionEnabled", "WOG", "has_restriction", since=60),
        _flag("IsCustomUpgradeAllowed", "WOG", "custom_upgrade_allowed", since=60),
        _modstamp(),
    ),
    needs_push=True,
)

PUSH_REQUEST: Final = SObject(
    "PackagePushRequest",
    "Package Push Request",
    "0DV",
    "push_request",
    (
        _id(),
        _to(
            "PackageVersionId",
            "WOGCUN",
            "version_id",
            "MetadataPackageVersion",
            "PackageVersion",
        ),
        Field("ScheduledStartTime", Kind.DATETIME, "WOCUN", "{t}.scheduled"),
        _choice("Status", "WOGCUN", "status", STATUSES, closed=True),
        *_ran(),
        # In no object reference, but the CLI reads, filters and writes it.
        _flag("IsMigration", "WCN", "is_migration", since=59),
        _modstamp(),
    ),
    children=(Child("PackagePushJobs", "PackagePushJob", "PackagePushRequestId"),),
    writable=True,
    needs_push=True,
)

PUSH_JOB: Final = SObject(
    "PackagePushJob",
    "Package Push Job",
    "0DX",
    "push_job",
    (
        _id(),
        _to(
            "PackagePushRequestId",
            "WOGCUN",
            "request_id",
            "PackagePushRequest",
            "PackagePushRequest",
        ),
        _text("SubscriberOrganizationKey", "WOGCUN", "org_key", length=18, exact_case=True),
        _choice("Status", "WOGCN", "status", STATUSES, closed=True),
        *_ran(),
        _modstamp(),
    ),
    children=(Child("PackagePushErrors", "PackagePushError", "PackagePushJobId"),),
    writable=True,
    needs_push=True,
)

PUSH_ERROR: Final = SObject(
    "PackagePushError",
    "Package Push Error",
    "0DY",
    "push_error",
    (
        _id(),
        _to("PackagePushJobId", "WOGN", "job_id", "PackagePushJob", "PackagePushJob"),
        _choice("ErrorSeverity", "WOGN", "severity", ("Error", "Warning")),
        _choice("ErrorType", "WOGN", "type", ERROR_TYPES),
        _text("ErrorTitle", "ON", "title"),
        _text("ErrorMessage", "ON", "message", length=32_000),
        _text("ErrorDetails", "ON", "details", length=32_000),
        _modstamp(),
    ),
    needs_push=True,
)

ORGANIZATION: Final = SObject(
    "Organization",
    "Organization",
    "00D",
    "organization",
    (
        _id(),
        _text("Name", "WOG", "name", length=80),
        _text("Division", "WOGN", "division", length=80),
        _text("NamespacePrefix", "WOGN", "namespace", length=15),
        _text("InstanceName", "WOGN", "instance_name", length=5),
        _choice("OrganizationType", "WOGN", "type", ("Developer Edition", "Enterprise Edition")),
        _flag("IsSandbox", "WOG", "is_sandbox"),
        Field("TrialExpirationDate", Kind.DATETIME, "WON", "{t}.trial_ends"),
        _choice("TimeZoneSidKey", "WOGN", "time_zone", ("America/Los_Angeles", "Europe/Berlin")),
        _modstamp(),
    ),
)

USER: Final = SObject(
    "User",
    "User",
    "005",
    "person",
    (
        _id(),
        _text("Username", "WOG", "username", length=80),
        _text("Name", "WOG", "name", length=121),
        _text("Email", "WOG", "email", length=128),
        _modstamp(),
    ),
)

SCRATCH_ORG: Final = SObject(
    "ScratchOrgInfo",
    "Scratch Org Info",
    "2SR",
    "scratch_org",
    (_id(), _modstamp()),
    needs_dev_hub=True,
)

SOBJECTS: Final = (
    PACKAGE,
    VERSION,
    SUBSCRIBER,
    PUSH_REQUEST,
    PUSH_JOB,
    PUSH_ERROR,
    ORGANIZATION,
    USER,
    SCRATCH_ORG,
)

# Shown only by the switch `created_date_readable`: no source says whether they exist.
CREATED_FIELDS: Final = (
    Field("CreatedDate", Kind.DATETIME, "WO", "{t}.created"),
    _to("CreatedById", "WOG", "created_by", "User", "CreatedBy"),
)
