"""Which org an address belongs to, by people's words."""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.my_domain import label_of
from rollouts.domain.permissions import Permission
from rollouts.models import Org, OrgDomain, Person
from rollouts.pipeline.transitions import Refusal, demand, record, writing


@writing()
def link(org: Org, label: str, *, by: Person, now: datetime) -> OrgDomain:
    """Remember that a My Domain is this org's, instead of what was said before.

    Raises Refusal for a label that can't be one, or when the same is said already.
    """
    demand(by, Permission.LINK_DOMAIN, now)
    clean = label_of(label)
    if not clean:
        raise Refusal("That is no My Domain. Paste the org's address, https://….my.salesforce.com.")
    old = OrgDomain.objects.select_for_update(of=("self",)).select_related("org").filter(
        label=clean
    ).first()  # fmt: skip
    if old is not None and old.org_id == org.pk:
        raise Refusal(f"“{clean}” is linked to this org already.")
    made = old or OrgDomain(label=clean)
    before = made.org.key if old is not None else ""
    made.org, made.by, made.at = org, by, now
    made.save()
    record("link_domain", f"org {org.key}", now=now, by=by, before=before, after=clean[:40],
           detail={"domain": clean})  # fmt: skip
    return made
