"""Customised push upgrades: which orgs may block pushes, and which do (API 60.0 and later).

A row stands for one package and one org, though no documented field says which. New ones are made
by Apex in the owning org only (`PushUpgradeCustomizationRepository.create`), so the API makes none
here; changes through the API are ours to guess, as the page lists the fields as updateable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .refusals import Refusal
from .store import Work
from .witness import note

_COLUMNS: Final = {
    "CustomUpgradeType": "kind",
    "ExpirationDays": "days",
    "HasRestrictionEnabled": "restricted",
    "IsCustomUpgradeAllowed": "allowed",
    "IsRestrictionOverridden": "overridden",
    "PushUpgradeBlockInitiatedDate": "initiated",
}


def create() -> str:
    """Raises Refusal: the API has no field to say whose row it would be."""
    raise Refusal(
        400,
        "INVALID_OPERATION",
        "Push upgrade customizations are created by Apex in the org that owns the package.",
    )


def update(work: Work, row_id: str, values: Mapping[str, object]) -> None:
    """Change a row, and what the subscriber's row shows of it."""
    columns = {_COLUMNS[name]: value for name, value in values.items()}
    columns["modstamp"] = work.second
    work.db.execute(
        f"UPDATE customization SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",  # noqa: S608 - our own names
        (*columns.values(), row_id),
    )
    org_key, package_id = work.db.execute(
        "SELECT org_key, package_id FROM customization WHERE id = ?", (row_id,)
    ).fetchone()
    work.db.execute(
        "UPDATE subscriber SET (custom_upgrade_type, has_restriction, custom_upgrade_allowed,"
        " modstamp) = (SELECT kind, restricted, allowed, modstamp FROM customization WHERE id = ?)"
        " WHERE org_key = ? AND package_id = ?",
        (row_id, org_key, package_id),
    )
    note(work, "customization_changed", org=org_key, detail={"package_id": package_id, **values})


def block(work: Work, org_key: str, package_id: str, *, blocked: bool) -> None:
    """The subscriber blocks pushes of a package, or lets them through again."""
    row = work.db.execute(
        "SELECT id FROM customization WHERE org_key = ? AND package_id = ?", (org_key, package_id)
    ).fetchone()
    row_id = row[0] if row else work.new_id("12C")
    if row is None:
        work.db.execute(
            "INSERT INTO customization VALUES (?,?,?,'None',NULL,0,0,0,NULL,?)",
            (row_id, package_id, org_key, work.second),
        )
    update(
        work,
        row_id,
        {
            "CustomUpgradeType": "BlockedBySubscriber" if blocked else "None",
            "HasRestrictionEnabled": int(blocked),
            "IsCustomUpgradeAllowed": int(blocked),
            "PushUpgradeBlockInitiatedDate": work.second if blocked else None,
        },
    )


def adopt_all(work: Work) -> None:
    """A row for each subscriber of a new world that may block pushes."""
    for org_key, package_id, kind, restricted, allowed, modstamp in work.db.execute(
        "SELECT org_key, package_id, custom_upgrade_type, has_restriction, custom_upgrade_allowed,"
        " modstamp FROM subscriber WHERE custom_upgrade_allowed OR has_restriction ORDER BY rowid"
    ).fetchall():
        work.db.execute(
            "INSERT INTO customization VALUES (?,?,?,?,-1,?,?,0,?,?)",
            (
                work.new_id("12C"),
                package_id,
                org_key,
                kind,
                restricted,
                allowed,
                modstamp,
                modstamp,
            ),
        )
