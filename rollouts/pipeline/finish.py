"""What is left to do when a rollout has ended: the remainder, the old version, who is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rollouts.domain.checklists import Item, Proof, summary
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.permissions import Permission
from rollouts.models import (
    Event,
    Exclusion,
    Installation,
    PackageVersion,
    Person,
    Rollout,
    Target,
)
from rollouts.pipeline import checklists, report
from rollouts.pipeline.transitions import Refusal, demand, record, writing

_ENDS = [state.value for state in ROLLOUT_ENDS]
DECIDE, SALESFORCE, PEOPLE = "Decide", "At Salesforce", "People and traces"


def is_over(rollout: Rollout) -> bool:
    """Say whether nothing of it can start any more."""
    return rollout.state in _ENDS


def unfinished(rollout: Rollout) -> bool:
    """Say whether it is done at Salesforce and its list is not."""
    return is_over(rollout) and rollout.finished_at is None


@dataclass(frozen=True, slots=True)
class Known:
    """What a caller has read already: targets by state with "total", and the previous version."""

    counts: Counter[str]
    previous: PackageVersion | None


def items(rollout: Rollout, now: datetime, known: Known | None = None) -> list[Item]:
    """Return the list of one rollout, in order; a few queries, no call to Salesforce.

    With what is ``known`` already it takes three queries, and the items come without their facts.
    """
    said = checklists.said_of(rollout=rollout)
    version = rollout.to_version
    listed = [
        _remainder(rollout, known.counts if known else counts(rollout)),
        _shown_by_salesforce(known.previous) if known else _deprecate(rollout),
        Item(
            "listing",
            SALESFORCE,
            f"Update the AppExchange listing to {version.label}",
            "New customers install what the listing offers.",
            facts=("Publishing console: the listing, its version and its trial.",),
            may_skip=True,
        ),
        Item(
            "trialforce",
            SALESFORCE,
            "Update the Trialforce source org and template",
            "Trials start from the template; a push reaches the source org, not the template.",
            may_skip=True,
        ),
    ]
    if version.patch:
        listed.append(
            Item(
                "merge",
                SALESFORCE,
                "Merge the patch back into the main development org",
                "Else the next version loses what the patch mended.",
                may_skip=True,
            )
        )
    listed += [
        Item(
            "tell",
            PEOPLE,
            "Tell customers and support",
            "Those who were missed ask why; those who were pushed ask what changed.",
            text="" if known else message(rollout),
            may_skip=True,
        ),
        _holds(rollout, now),
        Item(
            "cases",
            PEOPLE,
            "Close cases and known issues",
            "What failed in customers' orgs is theirs or ours to mend, and somebody must say so.",
            facts=() if known else _failures(rollout),
            may_skip=True,
        ),
        Item(
            "lessons",
            PEOPLE,
            "Write down what was learnt",
            "The next rollout starts from it.",
            facts=() if known else _trips(rollout),
            may_skip=True,
        ),
    ]
    return [replace(item, said=said.get(item.code)) for item in listed]


def counts(rollout: Rollout) -> Counter[str]:
    """Count the targets by state, with "total" and "left out" of the plan."""
    found = Counter(rollout.targets.values_list("state", flat=True))
    found["total"] = sum(found.values())
    return found


def _remainder(rollout: Rollout, found: Counter[str]) -> Item:
    failed = found[TargetState.FAILED.value]
    done = found[TargetState.DONE.value] + found[TargetState.ALREADY_CURRENT.value]
    left = found["total"] - done - failed
    says = f"{found['total']:,} planned: {done:,} have it, {failed:,} failed, {left:,} left out"
    facts = (f"{says}; {len(rollout.left_out):,} were never in the plan.",)
    nobody = Proof(True, "Nobody is left.") if not failed + left else None
    return Item(
        "remainder",
        DECIDE,
        "Decide on the remainder",
        "Each org that did not get it is retried, left alone or part of the next rollout.",
        proof=nobody,
        facts=facts,
        may_skip=True,
        url_name="rollout",
        url_args=(rollout.slug,),
    )


def previous_version(rollout: Rollout) -> PackageVersion | None:
    """Return the version that most orgs of the rollout came from."""
    found = Counter(rollout.targets.values_list("from_version", flat=True))
    if not found:
        return None
    return PackageVersion.objects.get(pk=found.most_common(1)[0][0])


def left_behind(rollout: Rollout, previous: PackageVersion) -> tuple[int, int, int]:
    """Count (orgs on older versions, of them on the previous one, of them in no plan, unexcused).

    An org is planned when a rollout that has not ended holds it, and excused when it is excluded,
    blocks pushes or is inactive.
    """
    package = previous.package
    rows = Installation.objects.present().filter(package=package).select_related("version", "org")
    behind = [row for row in rows if row.version.number < rollout.to_version.number]
    planned = set(
        Target.objects.exclude(rollout__state__in=_ENDS)
        .filter(rollout__to_version__package=package)
        .values_list("org_id", flat=True)
    )
    excused = set(Exclusion.objects.filter(ended_at=None).values_list("org_id", flat=True))
    loose = [
        row
        for row in behind
        if row.org_id not in planned | excused and not row.blocked and row.org.is_active
    ]
    return len(behind), sum(row.version_id == previous.pk for row in behind), len(loose)


def _deprecate(rollout: Rollout) -> Item:
    previous = previous_version(rollout)
    item = _shown_by_salesforce(previous)
    if previous is None:
        return item
    behind, on_it, loose = left_behind(rollout, previous)
    warns = (
        f"{loose:,} of them are in no plan and nobody has excused them." if loose else ""
    )  # said before anybody deprecates: it can't be taken back for those who install anew
    said = f"{behind:,} orgs are still on older versions, {on_it:,} of them on {previous.label}."
    return replace(item, facts=(said,), warns=warns)


def _shown_by_salesforce(previous: PackageVersion | None) -> Item:
    title = f"Deprecate {previous.label}" if previous else "Deprecate the previous version"
    why = "Done in the main development org: Packages, the package, Versions, Deprecate."
    if previous is None:
        return Item("deprecate", SALESFORCE, title, why, proof=Proof(True, "There is none."))
    state = Proof(
        previous.deprecated,
        "Salesforce shows it as deprecated."
        if previous.deprecated
        else "Salesforce still offers it.",
        previous.seen_at,
    )
    return Item("deprecate", SALESFORCE, title, why, proof=state, may_skip=True)


def _holds(rollout: Rollout, now: datetime) -> Item:
    open_holds = rollout.holds.in_force().count()
    kept = Exclusion.objects.in_force(now).filter(reason__icontains=rollout.slug).count()
    nothing = not open_holds + kept
    says = (
        "No pause and no exclusion names this rollout as its reason."
        if nothing
        else f"{open_holds} pauses and {kept} exclusions name this rollout as their reason."
    )
    return Item(
        "holds",
        PEOPLE,
        "Lift the holds that were for this rollout only",
        "Else orgs are left out of the next one for no reason.",
        proof=Proof(nothing, says),
        may_skip=True,
    )


def _failures(rollout: Rollout) -> tuple[str, ...]:
    return tuple(
        f"{cluster.count:,} orgs: {cluster.signature}" for cluster in report.failures(rollout)[:5]
    ) or ("No org failed.",)


def _trips(rollout: Rollout) -> tuple[str, ...]:
    rows = Event.objects.filter(rollout=rollout, action="halt").order_by("sequence")
    return tuple(f"Halted: {row.reason}" for row in rows[:5]) or ("No guardrail halted it.",)


def message(rollout: Rollout) -> str:
    """Write the message to customers and support, with the real numbers."""
    found = counts(rollout)
    version = rollout.to_version
    ended = rollout.ended_at
    return (
        f"{version} is rolled out"
        f"{f' since {ended.astimezone(UTC):%d %B %Y}' if ended else ''}.\n"
        f"{found[TargetState.DONE.value]:,} orgs have it; {found[TargetState.FAILED.value]:,} "
        "could not be upgraded yet, and we are in touch with those.\n"
        "What changed: (link to the release notes)\n"
        "If something looks different than before, answer this message with your org ID."
    )


@writing()
def finish(rollout: Rollout, *, by: Person, now: datetime) -> None:
    """Close the list. Raises Refusal while an item is neither done, skipped nor handed over."""
    demand(by, Permission.CHECK_OFF, now)
    if not is_over(rollout):
        raise Refusal(f"The rollout is {rollout.state}; it can be finished when it has ended.")
    done, of, following = summary(items(rollout, now), now.astimezone(UTC).date())
    if following is not None:
        raise Refusal(f"{done} of {of} are done. Next: {following.title}.")
    changed = Rollout.objects.filter(pk=rollout.pk, finished_at=None).update(finished_at=now)
    if not changed:
        raise Refusal("It is finished already.")
    rollout.refresh_from_db()
    record(
        "finish",
        f"rollout {rollout.slug}",
        now=now,
        by=by,
        rollout=rollout,
        before="done",
        after="finished",
        reason=f"{of} items settled",
    )
