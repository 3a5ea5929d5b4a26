"""Whose is an org? A person's word, else a sandbox's parent, else the licence's account.

Salesforce's subscriber table knows no customers; the License Management App does, by licence. An
org of which nobody knows whose it is has no customer, and is then treated by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from django.db.models import F, Q, QuerySet

from rollouts.domain import ids
from rollouts.models import Account, CustomerWord, Licence, Org
from rollouts.pipeline.parts import AT_ONCE, parts
from rollouts.pipeline.transitions import Refusal

V = TypeVar("V")
# For more orgs than that the whole table is read instead of parts of it.
_WHOLE = 9_000


class By(StrEnum):
    """How it is known whose an org is."""

    PERSON = "person"
    PARENT = "parent"
    LICENCE = "licence"


BY_WORDS = {
    By.PERSON: "a person said so",
    By.PARENT: "through the org it is a sandbox of",
    By.LICENCE: "by its licence",
}


@dataclass(frozen=True, slots=True)
class Owned:
    """An org's customer, by the account's row, and how that is known."""

    account: int
    by: By


def customers_of(orgs: Iterable[int]) -> dict[int, Account]:
    """Return the customer of each org, by the orgs' rows; an org without one is not in it."""
    owned = owners(orgs)
    accounts = _accounts({one.account for one in owned.values()})
    return {org: accounts[one.account] for org, one in owned.items()}


def owners(orgs: Iterable[int]) -> dict[int, Owned]:
    """Return whose each org is and how that is known: few queries, however many orgs."""
    wanted = set(orgs)
    rows = _orgs(wanted)
    return owners_of({pk: (key, parent) for pk, key, parent in rows})


def owners_of(
    orgs: Mapping[int, tuple[str, str]], *, said_by: datetime | None = None
) -> dict[int, Owned]:
    """Return the same for orgs whose rows are known already.

    Args:
        orgs: by row, the 18-character ids of the org and of the org it is a sandbox of, or "".
        said_by: count only what people had said at this moment; licences are today's.
    """
    parents = {parent for _, parent in orgs.values() if parent}
    known = {key: pk for pk, (key, _) in orgs.items()}
    known |= {key: pk for pk, key in _by_key(parents - set(known))}
    words = _words(set(orgs) | {known[key] for key in parents if key in known}, said_by)
    licences = _licences({key for key, _ in orgs.values()} | parents)

    # One value for all orgs of a customer that are known the same way.
    shared: dict[tuple[int, By], Owned] = {}

    def owned(account: int, by: By) -> Owned:
        one = shared.get((account, by))
        if one is None:
            one = shared[account, by] = Owned(account, by)
        return one

    found: dict[int, Owned] = {}
    for pk, (key, parent) in orgs.items():
        over = words.get(known.get(parent, 0)) or licences.get(parent) if parent else None
        speaks = _speaks(words.get(pk), over, licences.get(key))
        if speaks is not None:
            found[pk] = owned(*speaks)
    return found


def moved_since(orgs: Iterable[int], moment: datetime) -> dict[int, str]:
    """Return whose orgs were at a moment, by the account's id or "", if people spoke of them since.

    One query where nobody has.
    """
    words = CustomerWord.objects.filter(at__gt=moment)
    spoken = dict(words.values_list("org_id", "org__key"))
    if not spoken:
        return {}
    keys = set(spoken.values())
    rows = {
        pk: (key, parent) for pk, key, parent in _orgs(set(orgs)) if pk in spoken or parent in keys
    }
    owned = owners_of(rows, said_by=moment)
    accounts = _accounts({one.account for one in owned.values()})
    return {pk: accounts[owned[pk].account].sf_id if pk in owned else "" for pk in rows}


def owner_of(org: Org, licences: Iterable[Licence]) -> tuple[Account, By] | None:
    """Return the same for one org, with its account, as `owners_among` does: one query."""
    return owners_among([org], licences).get(org.pk)


def owners_among(
    orgs: Collection[Org], licences: Iterable[Licence]
) -> dict[int, tuple[Account, By]]:
    """Return whose each of a few hundred orgs is, with the account, by the orgs' rows: one query.

    ``licences`` are those of the orgs and of those they are sandboxes of, with their accounts.
    """
    keys = {org.key for org in orgs} | {org.parent_key for org in orgs} - {""}
    rows = CustomerWord.objects.filter(org__key__in=keys)
    words = {
        word.org.key: word.account for word in rows.select_related("org", "account").order_by("pk")
    }
    by_licence = {
        licence.org_key: licence.account
        for licence in sorted(licences, key=_listed_last)
        if licence.account is not None
    }
    found = {}
    for org in orgs:
        parent = org.parent_key
        over = words.get(parent) or by_licence.get(parent) if parent else None
        speaks = _speaks(words.get(org.key), over, by_licence.get(org.key))
        if speaks is not None:
            found[org.pk] = speaks
    return found


def _speaks(said: V | None, over: V | None, mine: V | None) -> tuple[V, By] | None:
    """Return whose word counts: a person's, else the parent's account, else the licence's."""
    if said is not None:
        return said, By.PERSON
    if over is not None:
        return over, By.PARENT
    return None if mine is None else (mine, By.LICENCE)


def _listed_last(licence: Licence) -> tuple[bool, datetime, datetime, int]:
    """Order licences as `_licences` does: those that are gone first, then by their last change."""
    gone = licence.gone_at
    return gone is None, gone or licence.modified, licence.modified, licence.pk


def orgs_of(account: Account) -> list[int]:
    """Return the rows of all orgs of a customer: by word, by licence, and their sandboxes."""
    licensed = Licence.objects.filter(account=account).values("org_key")
    said = CustomerWord.objects.filter(account=account).values("org")
    heads = set(Org.objects.filter(key__in=licensed).values_list("pk", flat=True))
    heads |= set(Org.objects.filter(pk__in=said).values_list("pk", flat=True))
    keys = {key for _, key, _ in _orgs(heads)}
    under = {
        pk
        for part in parts(keys)
        for pk in Org.objects.filter(parent_key__in=part).values_list("pk", flat=True)
    }
    mine = owners(heads | under)
    return sorted(org for org, one in mine.items() if one.account == account.pk)


def account_of(text: str) -> Account:
    """Find the one account of this name or id. Raises Refusal when there is none, or several."""
    wanted = " ".join(text.split())
    is_id = len(wanted) in {ids.SHORT, ids.LONG} and wanted.isalnum()
    meant = Q(name__iexact=wanted)
    if is_id:
        meant |= Q(sf_id__startswith=wanted[: ids.SHORT])
    found = list(Account.objects.filter(meant).order_by("name")[:2])
    if not found:
        raise Refusal(f"The License org has no account “{wanted[:60]}”. Give its exact name or ID.")
    if len(found) > 1:
        raise Refusal(f"Several accounts are called “{wanted[:60]}”. Give the account's ID.")
    return found[0]


def _orgs(wanted: Collection[int]) -> list[tuple[int, str, str]]:
    rows = Org.objects.values_list("pk", "key", "parent_key")
    if len(wanted) > _WHOLE:
        return [row for row in rows if row[0] in wanted]
    return [row for part in parts(wanted) for row in rows.filter(pk__in=part)]


def _by_key(keys: Collection[str]) -> list[tuple[int, str]]:
    rows = Org.objects.values_list("pk", "key")
    if len(keys) > _WHOLE:
        return [row for row in rows if row[1] in keys]
    return [row for part in parts(keys) for row in rows.filter(key__in=part)]


def _words(orgs: Collection[int], said_by: datetime | None) -> dict[int, int]:
    """Return the account that people have named for these orgs, newest word last."""
    # People name few customers by hand: the whole table is small beside that of many orgs.
    words = CustomerWord.objects.order_by("pk")
    rows = words if said_by is None else words.filter(at__lte=said_by)
    if len(orgs) <= AT_ONCE:
        rows = rows.filter(org__in=orgs)
    said: dict[int, int | None] = {
        org: account for org, account in rows.values_list("org_id", "account_id") if org in orgs
    }
    return {org: account for org, account in said.items() if account is not None}


def _licences(keys: Collection[str]) -> dict[str, int]:
    """Return the account by org id. The newest licence that is still listed speaks last."""
    rows: QuerySet[Licence, tuple[str, int | None]] = (
        Licence.objects.exclude(account=None)
        .order_by(F("gone_at").asc(nulls_last=True), "modified", "pk")
        .values_list("org_key", "account_id")
    )
    whole = len(keys) > _WHOLE
    asked = [rows] if whole else [rows.filter(org_key__in=part) for part in parts(keys)]
    return {
        key: account
        for found in asked
        for key, account in found
        if account is not None and (not whole or key in keys)
    }


def _accounts(wanted: Collection[int]) -> dict[int, Account]:
    if len(wanted) > _WHOLE:
        return {row.pk: row for row in Account.objects.all() if row.pk in wanted}
    return {row.pk: row for part in parts(wanted) for row in Account.objects.filter(pk__in=part)}
