"""Who has the package, whom the planner wants of them, and what speaks against each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollouts.domain import ids
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.planner import Candidate
from rollouts.domain.policy import USUAL_BATCH
from rollouts.models import Exclusion, Installation, PackageVersion, Rollout, Target

_ENDS = [state.value for state in ROLLOUT_ENDS]
_OVER = [TargetState.DONE.value, TargetState.FAILED.value, TargetState.LEFT_OVER.value]


@dataclass(frozen=True, slots=True)
class AudienceChoice:
    """Whom the planner wants; everything empty means everybody who has the package."""

    types: frozenset[str] = frozenset()
    from_versions: tuple[str, ...] = ()
    instance_prefix: str = ""
    org_ids: tuple[str, ...] = ()
    largest_batch: int = USUAL_BATCH

    def as_json(self) -> dict[str, object]:
        """Return the choice as it is stored with the rollout."""
        return {
            "types": sorted(self.types),
            "from_versions": list(self.from_versions),
            "instance_prefix": self.instance_prefix,
            "org_ids": list(self.org_ids),
            "largest_batch": self.largest_batch,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> AudienceChoice:
        """Read what `as_json` wrote; what is not in it was not chosen."""
        return cls(
            types=frozenset(stored.get("types", ())),
            from_versions=tuple(stored.get("from_versions", ())),
            instance_prefix=stored.get("instance_prefix", ""),
            org_ids=tuple(stored.get("org_ids", ())),
            largest_batch=stored.get("largest_batch", USUAL_BATCH),
        )


def parse_ids(text: str) -> tuple[list[str], list[tuple[int, str, str]]]:
    """Read pasted org ids: (18-character ids, refused lines as (number, text, reason)).

    Lines, commas and semicolons separate; a first line that is a header is skipped; a doubled id
    is refused as such, so that the counts add up.
    """
    found: dict[str, None] = {}
    refused: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in line.replace(",", " ").replace(";", " ").replace("\t", " ").split():
            cell = word.strip("\"'")
            if number == 1 and not any(char.isdigit() for char in cell):
                continue
            try:
                key = ids.org_id(cell.split("!", 1)[0])
            except ids.BadId as bad:
                refused.append((number, cell[:40], str(bad)))
                continue
            if key in found:
                refused.append((number, cell[:40], "is in the list twice"))
            found[key] = None
    return list(found), refused


def candidates(
    version: PackageVersion,
    choice: AudienceChoice,
    now: datetime,
    instead_of: Rollout | None = None,
) -> list[Candidate]:
    """Gather every org that has the package, marked with what speaks against it.

    Orgs of the rollout ``instead_of`` are free: it is aborted for this one.
    """
    excluded = dict(Exclusion.objects.in_force(now).values_list("org_id", "reason"))
    elsewhere = dict(
        Target.objects.exclude(rollout__state__in=_ENDS)
        .exclude(rollout=instead_of)
        .exclude(state__in=_OVER)
        .values_list("org_id", "rollout__slug")
    )
    wanted = frozenset(choice.org_ids)
    rows = (
        Installation.objects.present()
        .filter(package=version.package)
        .select_related("org", "version")
        .order_by("org__key")
    )
    return [
        Candidate(
            org=row.org.key,
            number=row.version.number,
            is_production=row.org.is_production,
            is_active=row.org.is_active,
            is_beta=not row.version.released,
            is_own=row.org.is_own,
            instance=row.org.instance,
            blocked=row.blocked,
            excluded=excluded.get(row.org_id, ""),
            elsewhere=elsewhere.get(row.org_id, ""),
            chosen=_is_chosen(row, choice, wanted),
        )
        for row in rows
    ]


def _is_chosen(row: Installation, choice: AudienceChoice, wanted: frozenset[str]) -> bool:
    if wanted and row.org.key not in wanted:
        return False
    if choice.types:
        kind = "production" if row.org.is_production else "sandbox"
        if kind not in choice.types and not (row.org.is_own and "own" in choice.types):
            return False
    if choice.from_versions and row.version.sf_id not in choice.from_versions:
        return False
    return row.org.instance.upper().startswith(choice.instance_prefix.strip().upper())
