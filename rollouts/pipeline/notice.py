"""Who is to be told what, and when at the earliest: a list for whoever writes to customers."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.domain.forecast import Forecast
from rollouts.domain.lifecycle import TargetState
from rollouts.domain.planner import WORDS, Because
from rollouts.models import Org, Rollout
from rollouts.pipeline.customers import customers_of

HEADER = (
    "org_id", "org", "customer", "type", "from", "to", "wave", "earliest_start_utc", "not_in_it",
)  # fmt: skip
_GOING = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)


def lines(rollout: Rollout, told: Forecast) -> Iterator[tuple[object, ...]]:
    """Give a line for each org: those to be upgraded by wave, then those left out with the reason.

    The start is the forecast's for the wave, if everything is approved at once; an org's own hours
    may come later. Those left out are listed too, since who was missed asks why.
    """
    starts = {walked.step.number: walked.first_start for walked in told.waves}
    rows = list(
        rollout.targets.filter(state__in=_GOING)
        .select_related("org", "from_version", "wave")
        .order_by("wave__number", "place")
    )
    out = Org.objects.in_bulk(list(rollout.left_out), field_name="key")
    customers = customers_of([row.org_id for row in rows] + [org.pk for org in out.values()])

    def whose(pk: int) -> str:
        return customers[pk].name if pk in customers else ""

    for row in rows:
        start = starts.get(row.wave.number)
        yield (
            row.org.key, row.org.name, whose(row.org_id), _type(row.org), row.from_version.label,
            rollout.to_version.label, f"{row.wave.number} {row.wave.name}",
            start.strftime("%Y-%m-%d %H:%M") if start else "", "",
        )  # fmt: skip
    for key, because in sorted(rollout.left_out.items()):
        org = out.get(key)
        if org is not None and because not in (Because.ALREADY_CURRENT.value, Because.NEWER.value):
            yield (
                key, org.name, whose(org.pk), _type(org), "", "", "", "", WORDS[Because(because)]
            )  # fmt: skip


def _type(org: Org) -> str:
    return "production" if org.is_production else "sandbox"


def message(rollout: Rollout, told: Forecast) -> str:
    """Write the notice to customers before the upgrade, with the dates of the forecast."""
    starts = [walked.first_start for walked in told.waves if walked.first_start]
    between = f"between {min(starts):%d %B %Y} and {told.finish[1]:%d %B %Y}" if starts else "soon"
    return (
        f"We will upgrade {rollout.to_version.package.name} in your orgs to "
        f"{rollout.to_version.label} {between}, at night in your time zone, sandboxes first.\n"
        "What changes: (link to the release notes)\n"
        "What you need to do before and after: (actions, or “nothing”)\n"
        "If a date does not suit you, answer with your org ID and a better one, or register the "
        "org IDs that should wait.\n"
    )
