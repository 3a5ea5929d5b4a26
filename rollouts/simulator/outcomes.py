"""How a push ends in an org: scripted by a test, or drawn from the seed.

A draw depends on seed, version, org and the number of the try only, so that a world always fails
in the same places whatever order things are pushed in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypedDict

from .chance import draw
from .store import Work


class Outcome(StrEnum):
    """The ways a job can go."""

    SUCCESS = "success"
    FAIL = "fail"
    FAIL_SILENTLY = "fail_silently"  # Failed, without any error row
    STUCK = "stuck"  # InProgress for ever
    GONE = "gone"  # the org uninstalled the package before its turn


class ErrorRow(TypedDict, total=False):
    """The content of one PackagePushError."""

    ErrorType: str
    ErrorSeverity: str
    ErrorTitle: str | None
    ErrorMessage: str | None
    ErrorDetails: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """An entry of the catalogue. `passes` means that a second try succeeds."""

    type: str
    title: str | None
    message: str | None
    details: str | None = None
    passes: bool = False
    weight: int = 0

    def row(self) -> ErrorRow:
        """The error row it leaves."""
        return {
            "ErrorType": self.type,
            "ErrorSeverity": "Error",
            "ErrorTitle": self.title,
            "ErrorMessage": self.message,
            "ErrorDetails": self.details,
        }


# Texts marked * in the sheet are quoted from public reports; the others are ours, since no sample
# is public: LockingFailure, LimitExceeded, FeatureMissing, PACError, ApexTestFailure.
CATALOGUE: Final = {
    "LockingFailure": Failure(
        "LockingFailure",
        "Locking Failure",
        "Another package install or metadata deployment is in progress in the subscriber's "
        "organization. Try again later.",
        passes=True,
        weight=30,
    ),
    "UnexpectedFailure": Failure(
        "UnclassifiedError",
        "Unexpected Failure",
        "An unexpected failure was experienced during the upgrade. The subscriber's organization "
        "was unaffected. Contact salesforce.com Support through your normal channels and provide "
        "the following error number: {gack}.",
        passes=True,
        weight=25,
    ),
    "OracleTimeout": Failure(
        "UnclassifiedError",
        "Unexpected Error",
        "System.DmlException: Upsert failed. First exception on row 0; first error: "
        "UNKNOWN_EXCEPTION, ORA-04021: timeout occurred while waiting to lock object: []\n"
        "Class.hbr.PostInstall.refreshSettings: line 41, column 1",
        passes=True,
        weight=10,
    ),
    "DeployError": Failure(
        "DeployError",
        "Deployment Failure",
        "Definition for js://hbr.BerthBoard not found",
        "0,,,20,AuraDefinitionBundle",
        passes=True,
        weight=12,
    ),
    "LimitExceeded": Failure(
        "LimitExceeded",
        "Limit Exceeded",
        "The upgrade would exceed the subscriber organization's limit of custom objects.",
        weight=8,
    ),
    "FeatureMissing": Failure(
        "FeatureMissing",
        "Missing Organization Feature",
        "The subscriber's organization lacks a feature this package requires: Person Accounts.",
        weight=6,
    ),
    "DependentPackage": Failure(
        "IneligibleUpgrade",
        "Dependent Package Conflict",
        "This package requires that a newer version of a dependent package be installed before "
        "the upgrade can proceed: Harbor Base, Version 2.4. Have the subscriber install it, then "
        "try again.",
        weight=6,
    ),
    "ValidationRule": Failure(
        "UnclassifiedError",
        "Unexpected Error",
        "System.DmlException: Insert failed. First exception on row 0; first error: "
        "FIELD_CUSTOM_VALIDATION_EXCEPTION, Approval code is required: [Approval_Code__c]\n"
        "Class.hbr.PostInstall.seedBerths: line 88, column 1",
        weight=3,
    ),
    "ApexTestFailure": Failure(
        "ApexTestFailure",
        "Apex Test Failure",
        "System.AssertException: Assertion Failed: Expected: 3, Actual: 2\n"
        "Class.hbr.BerthAllocatorTest.keepsOrderAcrossTerminals: line 117, column 1",
        "hbr.BerthAllocatorTest.keepsOrderAcrossTerminals",
    ),
    "PACError": Failure("PACError", "PAC Error", "The package access check failed."),
    "Uninstalled": Failure(
        "UnclassifiedError",
        "Package Uninstalled",
        "The package is no longer installed in the subscriber's organization.",
    ),
    "Expired": Failure(
        "UnclassifiedError",
        "Salesforce Subscription Expired",
        "The subscriber's Salesforce subscription has expired.",
    ),
    "Ineligible": Failure(
        "IneligibleUpgrade",
        "Ineligible for Upgrade",
        "The subscriber's organization already has this version or a newer one installed.",
    ),
    "Blocked": Failure(
        "IneligibleUpgrade",
        "Push Upgrade Blocked",
        "The subscriber has restricted push upgrades for this package.",
    ),
    "Excluded": Failure(
        "IneligibleUpgrade",
        "Push Upgrade Excluded",
        "The organization is on the package's push upgrade exclusion list.",
    ),
    "NotYetAvailable": Failure(
        "IneligibleUpgrade",
        "Ineligible for Upgrade",
        "This package is not yet available.",
        passes=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one job goes, and the error rows it leaves."""

    outcome: Outcome
    errors: tuple[ErrorRow, ...] = ()


SUCCESS: Final = Verdict(Outcome.SUCCESS)


def failed(failure: Failure) -> Verdict:
    """A failure with its one row."""
    return Verdict(Outcome.FAIL, (failure.row(),))


@dataclass(frozen=True, slots=True)
class Case:
    """What the outcome of a job can depend on."""

    version_id: str
    has_defect: bool
    org_key: str
    sandbox: bool
    own: bool
    tries_before: int


def judge(work: Work, case: Case) -> Verdict:
    """How the job goes if its org is eligible. Uses up one go of a limited script."""
    return _scripted(work, case) or _drawn(work, case)


def script(
    work: Work,
    *,
    orgs: Sequence[str],
    outcome: Outcome,
    errors: Sequence[ErrorRow],
    version_id: str | None,
    times: int | None,
) -> None:
    """From now on jobs of these orgs (15-character keys, or `*` for all) go like this.

    A later script goes before an earlier one, and one for an org before one for all; `times`
    limits it to so many jobs of each org.
    """
    work.db.executemany(
        "INSERT INTO script (org, version_id, outcome, errors, times) VALUES (?,?,?,?,?)",
        [(org, version_id, outcome.value, json.dumps(errors), times) for org in orgs],
    )


def _scripted(work: Work, case: Case) -> Verdict | None:
    row = work.db.execute(
        "SELECT seq, outcome, errors, times FROM script WHERE org IN (?, '*')"
        " AND (version_id IS NULL OR version_id = ?) AND (times IS NULL OR times > 0)"
        " ORDER BY org = '*', seq DESC LIMIT 1",
        (case.org_key, case.version_id),
    ).fetchone()
    if row is None:
        return None
    if row[3] is not None:
        work.db.execute("UPDATE script SET times = times - 1 WHERE seq = ?", (row[0],))
    return Verdict(Outcome(row[1]), tuple(json.loads(row[2])))


def _drawn(work: Work, case: Case) -> Verdict:
    seed, options = work.seed, work.options
    if (
        case.has_defect
        and case.sandbox
        and not case.own
        and draw(seed, "defect", case.version_id, case.org_key) < options.defect_rate
    ):
        return failed(CATALOGUE["ApexTestFailure"])
    if case.own or draw(seed, "ambient", case.version_id, case.org_key) >= options.failure_rate:
        return SUCCESS
    failure = _ambient(draw(seed, "kind", case.version_id, case.org_key))
    if failure.passes and case.tries_before:
        return SUCCESS
    if failure.message and "{gack}" in failure.message:
        failure = replace(failure, message=failure.message.format(gack=_gack(work, case)))
    # Now and then Salesforce fails a job and says nothing at all.
    if draw(seed, "silent", case.version_id, case.org_key) < 0.03:  # noqa: PLR2004
        return Verdict(Outcome.FAIL_SILENTLY)
    return failed(failure)


def _ambient(drawn: float) -> Failure:
    total = sum(failure.weight for failure in CATALOGUE.values())
    reached = 0
    for failure in CATALOGUE.values():
        reached += failure.weight
        if drawn * total < reached:
            return failure
    raise AssertionError


def _gack(work: Work, case: Case) -> str:
    """An error number and a stack number; the first differs at each try, the second by place."""
    first = int(draw(work.seed, "gack", case.org_key, case.tries_before) * 2_000_000_000)
    stack = int(draw(work.seed, "stack", case.version_id) * 1_800_000_000)
    return f"{first}-{first % 90_000 + 10_000} (-{stack})"
