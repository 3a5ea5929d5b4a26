"""An audience's conditions as sentences, for people who did not write them."""

from __future__ import annotations

from collections.abc import Collection

from rollouts.domain.audience import OWN, PRODUCTION, SANDBOX, Audience, Past
from rollouts.models import Account, PackageVersion

_TYPES = {PRODUCTION: "production orgs", SANDBOX: "sandboxes", OWN: "our own orgs"}
_PAST = {
    Past.FAILED.value: "at least one push has failed",
    Past.CLEAN.value: "no push has failed",
}


def sentences(audience: Audience) -> list[str]:
    """Say each condition that is set; none for everybody."""
    labels = {
        version.sf_id: version.label
        for version in PackageVersion.objects.filter(sf_id__in=audience.from_versions)
    }
    names = dict(Account.objects.filter(sf_id__in=audience.customers).values_list("sf_id", "name"))
    said = (
        _any("are", [_TYPES[kind] for kind in sorted(audience.types)]),
        _any("are now on", [labels.get(one, one) for one in audience.from_versions]),
        audience.version_from and f"are on {audience.version_from} or newer",
        audience.version_to and f"are on {audience.version_to} or older",
        _any("are", sorted(audience.statuses), "in Salesforce"),
        audience.instance_prefix and f"are on an instance like {audience.instance_prefix}…",
        _any("are in the region", sorted(audience.regions)),
        _any("belong to", [names.get(one, one) for one in sorted(audience.customers)]),
        _any("have the tag", sorted(audience.tags)),
        _any("do not have the tag", sorted(audience.without_tags)),
        _any("are in the ring", sorted(audience.rings)),
        audience.past and _PAST[audience.past],
        _any("have a licence that is", sorted(audience.licences)),
        audience.ends_from and f"have a licence that ends on {audience.ends_from} or later",
        audience.ends_to and f"have a licence that ends on {audience.ends_to} or earlier",
        audience.seats_from is not None and f"have {audience.seats_from} seats or more",
        audience.seats_to is not None and f"have {audience.seats_to} seats or fewer",
        audience.org_ids and f"are among {len(audience.org_ids):,} listed orgs",
    )
    return [sentence for sentence in said if sentence]


def _any(verb: str, words: Collection[str], after: str = "") -> str:
    listed = list(words)
    if not listed:
        return ""
    last = listed[-1] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
    return " ".join(part for part in (verb, last, after) if part)
