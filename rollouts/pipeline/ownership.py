"""Whose orgs they are, asked of the database: for lists and searches over tens of thousands.

The proofs and their order are those of `customers`: a person's word, the org it is a sandbox of,
the licence. A test holds the two against each other.
"""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from rollouts.models import CustomerWord, Licence

NOBODY = 0


def owner(at: str) -> Coalesce:
    """Return the row of an org's customer, or `NOBODY`, as an expression to call ``owner``.

    ``at`` is the way to the org: "" from an org, "org__" from an installation.
    """
    words = CustomerWord.objects.order_by("-pk").values("account")
    # A listed licence speaks before one that is gone; of several the one changed last.
    rights = (
        Licence.objects.exclude(account=None)
        .exclude(org_key="")
        .order_by(F("gone_at").desc(nulls_first=True), "-modified", "-pk")
        .values("account")
    )
    return Coalesce(
        Subquery(words.filter(org=OuterRef(f"{at}pk"))[:1]),
        Subquery(words.filter(org__key=OuterRef(f"{at}parent_key"))[:1]),
        Subquery(rights.filter(org_key=OuterRef(f"{at}parent_key"))[:1]),
        Subquery(rights.filter(org_key=OuterRef(f"{at}key"))[:1]),
        Value(NOBODY),
        output_field=BigIntegerField(),
    )


def owned_by(accounts: QuerySet[Any, Any], at: str) -> Q:
    """Return the condition that one of these accounts is the org's customer.

    Args:
        accounts: their rows' keys, as a subquery.
        at: as for `owner`, which must stand beside it under the name ``owner``.
    """
    licensed = Licence.objects.filter(account__in=accounts).exclude(org_key="").values("org_key")
    said = CustomerWord.objects.filter(account__in=accounts)
    # Who may be theirs is found by indexes; only of these the owner is worked out.
    near = (
        Q(**{f"{at}key__in": licensed})
        | Q(**{f"{at}parent_key__in": licensed})
        | Q(**{f"{at}pk__in": said.values("org")})
        | Q(**{f"{at}parent_key__in": said.values("org__key")})
    )
    return near & Q(owner__in=accounts)
