"""What a reading of subscribers changes: orgs, installations, history. One transaction, no loops.

Everything is compared in memory; each kind of change is then written at once, so that a reading of
20,000 orgs is a dozen statements whether it finds nothing new or everything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from django.db import transaction

from rollouts.domain.lifecycle import AttemptState
from rollouts.models import (
    Attempt,
    Installation,
    Org,
    Package,
    Since,
    SyncRun,
    VersionChange,
)
from rollouts.models.rows import insert_rows
from rollouts.pipeline import history
from rollouts.pipeline.parts import parts
from rollouts.salesforce.gateway import SfSubscriber

RETIRE_PERCENT, RETIRE_AT_LEAST = 2.0, 20
# Keys in one IN list: enough to be few statements, below every database's limit of parameters.
_AT_ONCE = 5_000
_PUSHED = [AttemptState.IN_PROGRESS.value, AttemptState.SUCCEEDED.value, AttemptState.STUCK.value]
_ORG_FIELDS = ("name", "folded", "is_production", "status", "instance", "parent_key")
_NAME_LIMIT, _FOLDED_LIMIT = 255, 512
_FIRST = itemgetter(0)
# Keys of an org and of a version, and whether the customer blocks pushes.
_Fresh = tuple[int, int, bool | None]


class TooManyGone(Exception):
    """A full reading no longer lists suspiciously many orgs; nothing was changed."""

    def __init__(self, keys: list[str], known: int) -> None:
        super().__init__(f"{len(keys)} of {known}")
        self.keys = keys
        self.known = known


@dataclass(slots=True)
class Tally:
    """What a reading came to, in installations; ``strange`` are at versions nobody knows."""

    listed: int = 0
    new: int = 0
    changed: int = 0
    retired: int = 0
    strange: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """An installation as our table has it."""

    pk: int
    version: int
    blocked: bool | None
    gone: bool


def fold(name: str) -> str:
    """Return the form that names are searched by: no accents, no width, no case, ß as ss."""
    if name.isascii():
        return name.lower()[:_FOLDED_LIMIT]
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))[:_FOLDED_LIMIT]


@transaction.atomic
def store(
    package: Package,
    rows: Sequence[SfSubscriber],
    run: SyncRun,
    *,
    complete: bool,
    let_through: int = 0,
) -> Tally:
    """Take a reading over; ``complete`` if it lists every org that has the package.

    Args:
        package: whose subscribers were read.
        rows: all pages of the reading.
        run: when it was read.
        complete: installations that it does not list are retired.
        let_through: so many retirements beyond the usual a person has agreed to.

    Raises:
        TooManyGone: nothing was changed.
    """
    listed = {row.org: row for row in rows if row.package_id == package.sf_id}
    here = {key: row for key, row in listed.items() if row.installed}
    versions = dict(package.versions.values_list("sf_id", "pk"))
    strange = {key for key, row in here.items() if row.version_id not in versions}
    known = _known(package, None if complete else listed)
    gone = _gone(known, here, None if complete else listed)
    if complete:
        # Checked before anything is written, so that a refusal costs nothing.
        limit = max(RETIRE_AT_LEAST, RETIRE_PERCENT / 100 * len(known)) + let_through
        if len(gone) > limit:
            raise TooManyGone(gone, len(known))
    orgs = _store_orgs([row for key, row in here.items() if key not in strange], run.read_at)
    tally = Tally(listed=len(here), strange=len(strange))
    fresh: list[_Fresh] = []
    moved: dict[int, tuple[int, bool | None]] = {}
    same: list[int] = []
    for key, row in here.items():
        if key in strange:
            continue
        version, old = versions[row.version_id], known.get(key)
        if old is None:
            fresh.append((orgs[key], version, row.blocks))
        elif old.version != version or old.gone or old.blocked != row.blocks:
            moved[old.pk] = (version, row.blocks)
        else:
            same.append(old.pk)
    tally.retired = _retire([known[key].pk for key in gone], run.read_at)
    tally.changed = _move(moved, run)
    untouched = {known[key].pk for key in strange if key in known}
    _seen_again(package, None if complete else same, untouched, run)
    tally.new = _begin(package, sorted(fresh, key=_FIRST), run)
    return tally


@transaction.atomic
def store_gone(package: Package, org: Org, read_at: datetime) -> bool:
    """Retire one org's installation after a read about this very org that did not list it."""
    rows = Installation.objects.present().filter(package=package, org=org)
    return bool(_retire(list(rows.values_list("pk", flat=True)), read_at))


def _known(package: Package, only: Iterable[str] | None) -> dict[str, _Known]:
    """Read our installations; ``only`` those of some orgs, after a reading of changes."""
    found = Installation.objects.filter(package=package)
    columns = ("org__key", "pk", "version_id", "blocked", "gone_at")
    if only is None:
        rows = list(found.values_list(*columns))
    else:
        rows = [
            row
            for part in parts(sorted(only), _AT_ONCE)
            for row in found.filter(org__key__in=part).values_list(*columns)
        ]
    return {
        key: _Known(pk, version, blocked, gone is not None)
        for key, pk, version, blocked, gone in rows
    }


def _gone(
    known: dict[str, _Known], here: dict[str, SfSubscriber], listed: dict[str, SfSubscriber] | None
) -> list[str]:
    """Name the orgs that no longer have the package; silence means that only in a full reading."""
    return [
        key
        for key, old in known.items()
        if not old.gone and key not in here and (listed is None or key in listed)
    ]


def _store_orgs(rows: list[SfSubscriber], read_at: datetime) -> dict[str, int]:
    """Store new and changed orgs; returns the key in the table of every org there is."""
    found = Org.objects.all()
    if len(rows) <= _AT_ONCE:
        found = found.filter(key__in=[row.org for row in rows])
    known = {
        key: (pk, values)
        for key, pk, *values in found.values_list(
            "key", "pk", "name", "is_production", "status", "instance", "parent_key"
        )
    }
    fresh, stale = [], []
    for row in rows:
        name = row.org_name[:_NAME_LIMIT]
        values = [name, row.is_production, row.status, row.instance, row.parent]
        old = known.get(row.org)
        if old is None:
            fresh.append((row.org, *values[:1], fold(row.org_name), *values[1:]))
        elif old[1] != values:
            stale.append(
                Org(pk=old[0], **dict(zip(_ORG_FIELDS, (name, fold(row.org_name), *values[1:]),
                                          strict=True)))
            )  # fmt: skip
    # In the order of their keys, so that an index grows at its end and not all over.
    fresh.sort(key=_FIRST)
    insert_rows(Org, ("key", *_ORG_FIELDS), fresh, same={"first_seen_at": read_at})
    Org.objects.bulk_update(stale, _ORG_FIELDS, batch_size=500)
    keys = {key: pk for key, (pk, _) in known.items()}
    if fresh:
        new = Org.objects.filter(first_seen_at=read_at).values_list("key", "pk")
        keys |= dict(new)
    return keys


def _begin(package: Package, fresh: list[_Fresh], run: SyncRun) -> int:
    """Store installations seen for the first time."""
    insert_rows(
        Installation,
        ("org", "version", "blocked"),
        fresh,
        same={
            "package": package.pk,
            "read_at": run.read_at,
            "since_before": run.read_at,
            "since_proof": Since.FIRST_SEEN.value,
            "generation": run.pk,
        },
    )
    return len(fresh)


def _seen_again(package: Package, only: list[int] | None, but: set[int], run: SyncRun) -> None:
    """Renew the age of what is as it was; a newer word, read to prove a push, stays newer."""
    rows = Installation.objects.present().filter(package=package, read_at__lte=run.read_at)
    if only is None:
        # Those that are gone or have moved have been written before.
        rows = rows.exclude(pk__in=but) if but else rows
        rows.update(read_at=run.read_at, generation=run.pk)
        return
    for part in parts(only, _AT_ONCE):
        rows.filter(pk__in=part).update(read_at=run.read_at, generation=run.pk)


def _move(moved: dict[int, tuple[int, bool | None]], run: SyncRun) -> int:
    """Take changed rows over; a changed version becomes history, with its proof."""
    written = 0
    for part in parts(sorted(moved), _AT_ONCE):
        rows = [
            row
            for row in Installation.objects.select_for_update().filter(pk__in=part).order_by("pk")
            # Read again since this reading began, to prove a push: that word is newer.
            if row.read_at <= run.read_at
        ]
        pushes = _pushes(rows, {moved[row.pk][0] for row in rows})
        changes = []
        for row in rows:
            version, blocked = moved[row.pk]
            if row.version_id != version or row.gone_at is not None:
                push = pushes.get((row.org_id, version))
                proof = Since.PUSH if push else Since.SEEN
                changes.append(
                    VersionChange(
                        installation=row,
                        from_version_id=None if row.gone_at else row.version_id,
                        to_version_id=version,
                        after=row.read_at,
                        before=run.read_at,
                        proof=proof,
                        attempt_id=push,
                    )
                )
                row.since_after, row.since_before = row.read_at, run.read_at
                row.since_proof = proof
            row.version_id, row.blocked, row.gone_at = version, blocked, None
            row.read_at, row.generation = run.read_at, run.pk
        history.write(changes)
        Installation.objects.bulk_update(
            rows,
            ["version", "blocked", "gone_at", "read_at", "generation", "since_after",
             "since_before", "since_proof"],
            batch_size=200,
        )  # fmt: skip
        written += len(changes)
    return written


def _pushes(rows: list[Installation], versions: set[int]) -> dict[tuple[int, int], int]:
    """Find our pushes that can have brought these orgs to these versions."""
    found = Attempt.objects.filter(
        org__in=[row.org_id for row in rows], version__in=versions, state__in=_PUSHED
    )
    return {(org, version): pk for org, version, pk in found.values_list("org", "version", "pk")}


def _retire(gone: list[int], read_at: datetime) -> int:
    retired = 0
    for part in parts(gone, _AT_ONCE):
        rows = list(
            Installation.objects.select_for_update()
            .filter(pk__in=part, gone_at=None, read_at__lte=read_at)
            .values_list("pk", "version_id", "read_at")
        )
        history.write(
            [
                VersionChange(
                    installation_id=pk,
                    from_version_id=version,
                    to_version=None,
                    after=after,
                    before=read_at,
                    proof=Since.SEEN,
                )
                for pk, version, after in rows
            ]
        )
        Installation.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(
            gone_at=read_at, read_at=read_at
        )
        retired += len(rows)
    return retired
