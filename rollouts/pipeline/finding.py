"""Which org is meant: by its id in any spelling, an address, a whole mail, a part of a name."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, replace
from typing import Literal

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When, Window

from rollouts.domain import ids
from rollouts.domain.my_domain import my_domain, words_of
from rollouts.models import Account, Org, OrgDomain
from rollouts.pipeline.ownership import owned_by, owner
from rollouts.pipeline.subscribers import fold

LIMIT = 50
MOST_IDS = 200
NEAR_SHOWN = 5
_LONGEST = 4_000
_ALPHABET = string.digits + string.ascii_letters
Kind = Literal["empty", "one", "many", "none", "bad_id", "address"]

TOKEN_NOTE = "You pasted a session ID. We kept only the org ID."  # noqa: S105 - a sentence
TAKEN_NOTE = "We took the org ID out of what you pasted."


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up came to: orgs, a note on how the text was read, and a sentence if nothing.

    ``text`` is what was searched with, without any token, ``domain`` the My Domain in it. ``near``
    are orgs whose id differs from a pasted one in one character, or whose name is like the domain.
    """

    kind: Kind
    orgs: tuple[Org, ...] = ()
    note: str = ""
    sentence: str = ""
    more: int = 0
    near: tuple[Org, ...] = ()
    text: str = ""
    domain: str = ""


def clean(text: str) -> tuple[str, str]:
    """Return (text to search with, note); a session token is cut before it goes anywhere.

    Of an address, or of any longer text with an org id in it, only the id is kept.
    """
    text = text.strip()[:_LONGEST]
    cut = ids.without_tokens(text).strip()
    note = TOKEN_NOTE if cut != text else ""
    if re.fullmatch(r"00[Dd][A-Za-z0-9]{8,20}", cut) or len(listed_ids(cut)) > 1:
        return cut, note
    found = ids.find_org_id(cut)
    if found:
        return found, note or ("" if _is_address(cut) else TAKEN_NOTE)
    return cut, note


def _is_address(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def find(text: str) -> Found:
    """Look an org up by id (15, 18, case lost) or by a part of its name, accents or not."""
    wanted, note = clean(text)
    return replace(_found(wanted, note), text=wanted)


def _found(wanted: str, note: str) -> Found:
    if not wanted:
        return Found("empty", note=note)
    if re.fullmatch(r"00[Dd][A-Za-z0-9]{8,20}", wanted):
        return _by_id(wanted, note)
    domain = my_domain(wanted)
    if domain:
        return _by_domain(domain, note)
    if _is_address(wanted):
        return Found(
            "address",
            note=note,
            sentence="That address holds no org ID. Paste the ID, or type a part of the name.",
        )
    listed = listed_ids(wanted)
    return _listed(listed, note) if listed else _by_name(wanted, note)


def _by_domain(label: str, note: str) -> Found:
    linked = OrgDomain.objects.filter(label=label).select_related("org", "by").first()
    if linked is not None:
        said = f"{linked.by} linked {label} to this org on {linked.at:%d %b %Y}."
        return Found("one", (linked.org,), note=f"{note} {said}".strip(), domain=label)
    return Found(
        "address",
        note=note,
        sentence=f"Nobody has said yet which org {label} is.",
        near=tuple(_ranked(words_of(label))[:NEAR_SHOWN]),
        domain=label,
    )


def listed_ids(text: str) -> list[str]:
    """Read one or several org ids, in any spelling, apart by spaces, commas or lines, else nothing.

    Every word must be one: “Acme 00D…” asks for a name. Session tokens are thrown away.
    """
    words = re.split(r"[\s,;]+", ids.without_tokens(text).strip())[:MOST_IDS]
    found = []
    for word in words:
        try:
            found.append(ids.org_id(word))
        except ids.BadId:
            return []
    return list(dict.fromkeys(found))


def _listed(keys: list[str], note: str) -> Found:
    orgs = tuple(Org.objects.filter(key__in=keys).order_by("folded", "key"))
    if not orgs:
        return Found("none", note=note, sentence=f"None of these {len(keys)} orgs is known here.")
    missing = len(keys) - len(orgs)
    if missing:
        note = f"{note} {missing} of {len(keys)} IDs are not known here.".strip()
    return Found("many", orgs, note=note)


def _by_id(wanted: str, note: str) -> Found:
    try:
        key = ids.org_id(wanted)
    except ids.BadId as bad:
        near = one_away(wanted[: ids.SHORT]) if len(wanted) in {ids.SHORT, ids.LONG} else ()
        return Found("bad_id", note=note, sentence=f"{bad}.", near=near)
    if len(wanted) == ids.LONG and wanted != key:
        note = (note + " Case repaired.").strip()
    org = Org.objects.filter(key=key).first()
    if org is not None:
        return Found("one", (org,), note=note)
    return Found(
        "none",
        note=note,
        sentence=f"No org with the ID {key} has one of our packages.",
        near=one_away(key[: ids.SHORT]),
    )


def one_away(short: str) -> tuple[Org, ...]:
    """Find orgs whose 15-character id is this one or has one other character: one query.

    The last three of 18 characters only encode capitals, so a wrong digit passes their test.
    """
    variants = {short} | {
        short[:place] + char + short[place + 1 :]
        for place in range(len(ids.ORG), ids.SHORT)
        for char in _ALPHABET
    }
    keys = [variant + ids.checksum(variant) for variant in variants]
    found = sorted(Org.objects.filter(key__in=keys), key=lambda org: (org.folded, org.key))
    exact = [org for org in found if org.key.startswith(short)]
    return tuple(exact or found[:NEAR_SHOWN])


def _by_name(wanted: str, note: str) -> Found:
    # Finding them is the work; counting apart would do it twice.
    rows = list(_ranked(wanted).annotate(matches=Window(Count("pk")))[:LIMIT])
    orgs: tuple[Org, ...] = tuple(rows)
    if not orgs:
        return Found(
            "none",
            note=note,
            sentence=f"No org or customer has “{wanted[:80]}” in its name. Try fewer letters, or "
            "the org ID.",
        )
    if len(orgs) == 1:
        return Found("one", orgs, note=note)
    return Found("many", orgs, note=note, more=rows[0].matches - len(orgs))


def _ranked(wanted: str) -> QuerySet[Org]:
    """The whole name first, then its beginning, a word's beginning, any part, the customer's."""
    folded = fold(wanted)
    accounts = Account.objects.filter(name__icontains=wanted).values("pk")
    rows = Org.objects.alias(owner=owner("")).filter(
        Q(folded__contains=folded) | owned_by(accounts, "")
    )
    rank = Case(
        When(folded=folded, then=Value(0)),
        When(folded__startswith=folded, then=Value(1)),
        When(folded__contains=f" {folded}", then=Value(2)),
        When(folded__contains=folded, then=Value(3)),
        default=Value(4),
        output_field=IntegerField(),
    )
    sleeps = Case(When(status="Inactive", then=Value(1)), default=Value(0))
    return rows.order_by(rank, "-is_production", sleeps, "folded", "key")
