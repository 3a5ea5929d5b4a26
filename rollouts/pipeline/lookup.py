"""Which version does this org have, since when, how do we know, and why not the newest?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Case, IntegerField, QuerySet, Value, When

from rollouts.domain import ids
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState, WaveState
from rollouts.models import (
    Attempt,
    Exclusion,
    Installation,
    Org,
    PackageVersion,
    Since,
    Target,
    VersionChange,
)
from rollouts.pipeline.sync import fold

LIMIT = 50
_ENDS = [state.value for state in ROLLOUT_ENDS]
Kind = Literal["empty", "one", "many", "none", "bad_id"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up came to: orgs, a note on how the text was read, and a sentence if nothing."""

    kind: Kind
    orgs: tuple[Org, ...] = ()
    note: str = ""
    sentence: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One package in one org, in the words that support reads out."""

    installation: Installation
    version: PackageVersion
    since: str
    read_at: datetime
    newest: PackageVersion | None
    why_not: str
    last_attempt: Attempt | None


def clean(text: str) -> tuple[str, str]:
    """Return (text to search with, note); a session id is cut before it goes anywhere."""
    text = text.strip()[:400]
    if re.match(r"00[Dd][A-Za-z0-9]{12,15}!", text):
        return text.split("!", 1)[0], "You pasted a session ID. We kept only the org ID."
    if text.lower().startswith(("http://", "https://")):
        return ids.find_org_id(text) or "", "" if ids.find_org_id(text) else (
            "That address holds no org ID. Paste the ID, or type a part of the name."
        )
    return text, ""


def find(text: str) -> Found:
    """Look an org up by id (15, 18, case lost) or by a part of its name, accents or not."""
    wanted, note = clean(text)
    if not wanted:
        return Found("bad_id" if note else "empty", note=note, sentence=note)
    if re.fullmatch(r"00[Dd][A-Za-z0-9]{8,20}", wanted):
        return _by_id(wanted, note)
    return _by_name(wanted, note)


def _by_id(wanted: str, note: str) -> Found:
    try:
        key = ids.org_id(wanted)
    except ids.BadId as bad:
        return Found("bad_id", note=note, sentence=f"{bad}.")
    if len(wanted) == ids.LONG and wanted != key:
        note = (note + " Case repaired.").strip()
    org = Org.objects.filter(key=key).first()
    if org is not None:
        return Found("one", (org,), note=note)
    near = _one_away(key)
    hint = f" One character away: {near.name} ({near.key})." if near else ""
    return Found(
        "none",
        note=note,
        sentence=f"No org with the ID {key} has one of our packages.{hint}",
    )


def _one_away(key: str) -> Org | None:
    short = key[: ids.SHORT]
    for place in range(3, ids.SHORT):
        head, tail = short[:place], short[place + 1 :]
        for org in Org.objects.filter(key__startswith=head)[:50]:
            if org.key[place + 1 : ids.SHORT] == tail:
                return org
        if Org.objects.filter(key__startswith=head).count() == 0:
            return None
    return None


def _by_name(wanted: str, note: str) -> Found:
    folded = fold(wanted)
    rows = Org.objects.filter(folded__contains=folded).annotate(
        rank=Case(
            When(folded=folded, then=Value(0)),
            When(folded__startswith=folded, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
    )
    ordered = rows.order_by("rank", "-is_production", "status", "folded", "key")
    orgs = tuple(ordered[: LIMIT + 1])
    if not orgs:
        return Found(
            "none",
            note=note,
            sentence=f"No org's name has “{wanted[:80]}” in it. Try fewer letters, or the org ID.",
        )
    if len(orgs) == 1:
        return Found("one", orgs, note=note)
    more = rows.count() - LIMIT if len(orgs) > LIMIT else 0
    return Found("many", orgs[:LIMIT], note=note, more=more)


def org_answer(org: Org, now: datetime) -> list[Answer]:
    """Answer for each package of an org; the newest version is the newest that can be pushed."""
    answers = []
    rows = org.installations.select_related("version__package", "package").order_by("package__name")
    for row in rows:
        newest = row.package.versions.pushable().newest_first().first()
        answers.append(
            Answer(
                installation=row,
                version=row.version,
                since=since_words(row),
                read_at=row.read_at,
                newest=newest,
                why_not=why_not_newest(row, newest, now),
                last_attempt=Attempt.objects.filter(org=org, version__package=row.package)
                .select_related("version", "batch__wave__rollout")
                .order_by("-pk")
                .first(),
            )
        )
    return answers


def since_words(row: Installation) -> str:
    """Say since when, and by what proof."""
    day = f"{row.since_before:%d %b %Y, %H:%M} UTC"
    if row.since_proof == Since.PUSH:
        return f"since {day}, by our confirmed push"
    if row.since_proof == Since.SEEN and row.since_after:
        return f"since between {row.since_after:%d %b %Y, %H:%M} and {day}, seen between two reads"
    return f"at least since {day}, when we first saw this org"


def why_not_newest(row: Installation, newest: PackageVersion | None, now: datetime) -> str:
    """Say in one sentence why the org is or is not on the newest version."""
    if row.gone_at:
        return f"The package was no longer installed on {row.gone_at:%d %b %Y}."
    if newest is None or row.version.number >= newest.number:
        return "It is on the newest version."
    reasons = (
        ("The customer blocks pushes to this org.", row.blocked),
        ("The org is inactive in Salesforce, and inactive orgs can't receive pushes.",
         not row.org.is_active),
        ("A beta is installed; the customer must uninstall it first.", not row.version.released),
    )  # fmt: skip
    fixed = next((text for text, applies in reasons if applies), "")
    if fixed:
        return fixed
    exclusion = Exclusion.objects.in_force(now).filter(org=row.org).first()
    if exclusion:
        until = f" until {exclusion.until:%d %b %Y}" if exclusion.until else ""
        return f"It is on the exclusion list{until}: {exclusion.reason}."
    return _from_targets(row, newest)


def _from_targets(row: Installation, newest: PackageVersion) -> str:
    target = (
        Target.objects.filter(org=row.org, rollout__to_version__package=row.package)
        .select_related("rollout__to_version", "wave")
        .order_by("-rollout__created_at")
        .first()
    )
    if target is None:
        return f"No rollout of {newest.label} has this org in its plan yet."
    version, wave = target.rollout.to_version.label, target.wave
    place = f"rollout {target.rollout.slug}, wave {wave.number}"
    ended = target.rollout.state in _ENDS
    match TargetState(target.state):
        case TargetState.PLANNED if not ended:
            waiting = {
                WaveState.PLANNED: "the wave is not frozen yet",
                WaveState.FROZEN: "the wave waits for approval",
                WaveState.APPROVED: "the wave is approved and waits for its turn",
            }.get(WaveState(wave.state), "its batch comes next")
            return f"{version} is planned: {place}; {waiting}."
        case TargetState.IN_FLIGHT:
            return f"{version} is being pushed right now: {place}."
        case TargetState.FAILED:
            return f"The push of {version} failed: {place}. {_failure(target)}"
        case TargetState.EXCLUDED:
            return f"{version}: left out of {place}, {target.reason}."
        case _:
            return f"Not in a rollout that still runs; last: {place}, {target.state}."


def _failure(target: Target) -> str:
    attempt = target.attempts.order_by("-number").first()
    return f"{attempt.reason}." if attempt and attempt.reason else ""


def history(org: Org) -> QuerySet[VersionChange]:
    """Return the org's version changes, newest first."""
    return (
        VersionChange.objects.filter(installation__org=org)
        .select_related("installation__package", "from_version", "to_version", "attempt__batch")
        .order_by("-before", "-pk")
    )


def attempts(org: Org) -> QuerySet[Attempt]:
    """Return every push attempt of the org, newest first, with its errors."""
    return (
        org.attempts.select_related("version__package", "batch__wave__rollout")
        .prefetch_related("errors")
        .order_by("-pk")
    )
