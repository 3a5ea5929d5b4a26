"""What an approval binds to: one hash over exactly what will be pushed, to whom, when and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class FrozenPlan:
    """Everything that a person says yes to.

    ``orgs`` maps the 18-character org id to the 04t id of the version it has (the from-version);
    ``hours`` maps it to its window, its zones by commas and where these come from, all as frozen;
    ``batches`` are sizes in order; times are aware UTC; ``policy`` is the policy's own JSON, with
    its retry rule and guardrails; ``bake`` is in seconds and ``approvals`` says how many people.
    """

    package: str
    to_version: str
    orgs: Mapping[str, str]
    batches: tuple[int, ...]
    not_before: datetime
    end_by: datetime
    window: str
    policy: Mapping[str, object]
    bake: int
    approvals: int
    hours: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)


def digest(plan: FrozenPlan) -> str:
    """Return the SHA-256 of the plan's canonical form: sorted, compact JSON, UTC times."""
    body = asdict(plan)
    body["orgs"] = sorted(plan.orgs.items())
    body["hours"] = sorted(plan.hours.items())
    if not plan.hours:
        # Lists from before windows were kept: their digests were taken without.
        del body["hours"]
    body["not_before"] = plan.not_before.astimezone(UTC).isoformat()
    body["end_by"] = plan.end_by.astimezone(UTC).isoformat()
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def short(value: str) -> str:
    """Return the form people read out: the first eight characters, halved by a dash."""
    return f"{value[:4]}-{value[4:8]}" if value else ""


def same_set(wanted: frozenset[str], found: list[str]) -> str:
    """Compare sets, not counts: say how the found list differs from the wanted set, or "".

    A doubled org is a difference too, though the sets may be equal.
    """
    seen = set(found)
    missing, extra = wanted - seen, seen - wanted
    doubled = len(found) - len(seen)
    if not (missing or extra or doubled):
        return ""
    return f"{len(missing)} missing, {len(extra)} extra, {doubled} doubled"
