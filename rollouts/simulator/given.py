"""A world that a caller describes, in place of an invented one: for rehearsals of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from .ids import long_id, numbered_id
from .store import Work
from .times import DAY, whole_second


class GivenVersion(TypedDict):
    """A version by its number, such as 4.2.1."""

    number: str
    released: bool
    deprecated: bool


class GivenOrg(TypedDict):
    """An org by its id, and what is installed there."""

    key: str
    version: str
    production: bool
    own: bool
    instance: str


def replace_world(
    work: Work,
    name: str,
    namespace: str,
    versions: Sequence[GivenVersion],
    orgs: Sequence[GivenOrg],
) -> Mapping[str, str]:
    """Leave one package with these versions and orgs; gives each version's id by its number.

    Names are invented from the orgs' places. Raises ValueError for an org with an unknown version.
    """
    for table in ("customization", "subscriber", "version", "package"):
        work.db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    package = work.new_id("033")
    work.db.execute(
        "INSERT INTO package VALUES (?,?,?,?,?)",
        (package, name, namespace or None, "Package", work.second - 700 * DAY),
    )
    ids = {}
    for place, version in enumerate(versions):
        ids[version["number"]] = made = work.new_id("04t")
        major, minor, patch = (int(part) for part in version["number"].split("."))
        row: tuple[Any, ...] = (
            made, version["number"], package, major, minor, patch, 1,
            "Released" if version["released"] else "Beta", int(version["deprecated"]), 0,
            work.second - (len(versions) - place + 2) * DAY,
        )  # fmt: skip
        work.db.execute("INSERT INTO version VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
    unknown = {org["version"] for org in orgs} - ids.keys()
    if unknown:
        raise ValueError(f"no such version: {', '.join(sorted(unknown))}")
    long_ago = whole_second(work.now - 90 * DAY)
    work.db.executemany(
        "INSERT INTO subscriber VALUES (" + ",".join("?" * 15) + ")",  # noqa: S608 - our own names
        [
            (
                numbered_id("0Sb", 1_000_003 + place * 131), package, ids[org["version"]],
                long_id(org["key"])[:15], f"Org {place + 1}",
                "Demo" if org["own"] else "Active",
                "Production" if org["production"] else "Sandbox", org["instance"], None, "i",
                "None", 0, 0, int(org["own"]), long_ago,
            )
            for place, org in enumerate(orgs)
        ],
    )  # fmt: skip
    return ids
