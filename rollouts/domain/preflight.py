"""What stands in the way of a plan: one finding per question, each with what to do about it.

A block must be mended before the rollout can be created or the wave frozen. A warning can be
gone past with a typed reason, which stays in history. Whatever could not be asked is a warning,
never an ok: unknown is not good.
"""

from __future__ import annotations

from collections.abc import Callable

from rollouts.domain.findings import (
    Facts,
    Finding,
    Level,
    Link,
    Missing,
    block,
    blocks,
    ok,
    unanswered,
    warn,
)
from rollouts.domain.platform_questions import (
    connection,
    data,
    majors,
    newer,
    plural,
    released,
    salesforce,
)
from rollouts.domain.policy import USUAL_BATCH, WaveKind

__all__ = [
    "QUESTIONS",
    "Facts",
    "Finding",
    "Level",
    "Link",
    "Missing",
    "blocks",
    "check",
    "unanswered",
]

# A share of production that the canary does not stand for, from which on it is worth a word.
UNSEEN_SHARE = 20.0
CALLS_RESERVE = 50

Question = Callable[[Facts], Finding]


def check(facts: Facts) -> tuple[Finding, ...]:
    """Ask every question; blocks first, then warnings, then what is well."""
    found = [question(facts) for question in QUESTIONS]
    order = list(Level)
    return tuple(sorted(found, key=lambda finding: order.index(finding.level)))


def _overlap(facts: Facts) -> Finding:
    code = "overlap"
    if facts.elsewhere:
        listed = ", ".join(f"{slug} ({plural(orgs, 'org')})" for slug, orgs in facts.elsewhere)
        return warn(
            code,
            f"Orgs of this audience are in {listed} and are left out.",
            "Let that rollout end, or take its orgs over in step 2.",
            "rollout",
            (facts.elsewhere[0][0],),
        )
    if facts.beside:
        listed = ", ".join(facts.beside)
        return ok(
            code,
            f"{listed} runs beside it, with other orgs.",
            "rollout",
            (facts.beside[0],),
        )
    return ok(code, "No other rollout that has not ended holds any of these orgs.")


def _dependencies(facts: Facts) -> Finding:
    code = "dependencies"
    if facts.missing:
        one = facts.missing[0]
        more = len(facts.missing) - 1
        absent = f", {one.absent:,} of them without it at all" if one.absent else ""
        rest = f" {plural(more, 'more need')} not met." if more else ""
        return block(
            code,
            f"Wave {one.wave}: {plural(one.orgs, 'org')} "
            f"{'lacks' if one.orgs == 1 else 'lack'} {one.package} "
            f"{one.at_least}{absent}, which {facts.version} needs.{rest}",
            f"Roll {one.package} out to them first, or leave them out.",
            "package",
            (facts.namespace,),
        )
    return ok(code, "Every org has the packages that this version needs.")


def _migration(facts: Facts) -> Finding:
    if facts.migrating:
        return warn(
            "migration",
            f"{plural(facts.migrating, 'org')} still to move "
            "from the first-generation package are left out: a normal push does not "
            "migrate.",
            "Migrate them by Salesforce's own procedure, a few a day.",
        )
    return ok("migration", "No org waits for a move between generations.")


def _audience(facts: Facts) -> Finding:
    if not facts.orgs:
        return block(
            "audience",
            "No org is left in this audience.",
            "Widen the choice, or look at why each org is left out: step 2.",
        )
    return ok("audience", f"{plural(facts.orgs, 'org')} in the plan.")


def _fit(facts: Facts) -> Finding:
    code = "window_fit"
    if facts.forecast.unplaced:
        worst = max(facts.forecast.unplaced, key=lambda walked: walked.unplaced)
        step = worst.step
        if not worst.batches:
            return block(
                code,
                f"Wave {step.number}, {step.name}: no hour is open "
                f"for its {plural(step.orgs, 'org')} before the end date.",
                "Widen the hours or move the freeze.",
                "calendar",
            )
        nights = "one night" if worst.nights == 1 else f"{worst.nights} nights"
        return block(
            code,
            f"Wave {step.number}, {step.name}: {step.orgs:,} orgs do "
            f"not fit into {nights} at this pace; {worst.unplaced:,} are left.",
            "Cut the wave smaller, allow larger batches, widen the hours, or raise what "
            "support can bear.",
        )
    return ok(code, "Every wave fits into its hours before its end date.")


def _budget(facts: Facts) -> Finding:
    code, link = "api_calls", facts.link
    day, whole = facts.forecast.calls_a_day, facts.forecast.calls
    if link.calls_limit is None or link.calls_left is None:
        return warn(
            code,
            f"The busiest day takes about {day:,} API calls; how many this org has is not known.",
            "Run the checks of the connection.",
            "connection",
            (link.pk,),
        )
    of = f"about {day:,} of {link.calls_limit:,} API calls"
    if day > link.calls_limit - CALLS_RESERVE:
        return block(
            code,
            f"The busiest day takes {of} of 24 hours.",
            "Allow larger batches, or spread the waves.",
        )
    if day > link.calls_left - CALLS_RESERVE:
        return warn(
            code,
            f"The busiest day takes {of}, and {link.calls_left:,} are left now.",
            "See what else uses the calls of this org.",
            "connection",
            (link.pk,),
        )
    return ok(code, f"The busiest day takes {of}, the whole about {whole:,}.")


def _own(facts: Facts) -> Finding:
    code = "own_orgs"
    if facts.own:
        return ok(code, f"{plural(facts.own, 'own org')} go first.")
    if facts.own_current:
        return ok(code, f"{plural(facts.own_current, 'own org')} have this version already.")
    says = "No own or volunteer org is in the plan, and none has this version."
    do = "Add one of yours to the audience, or upgrade one first: no customer should be the first."
    production = sum(
        walked.step.orgs
        for walked in facts.forecast.waves
        if walked.step.kind in (WaveKind.CANARY, WaveKind.PRODUCTION)
    )
    # A few named orgs, or sandboxes only, are a test themselves; still somebody must say so.
    if production <= facts.policy.canary_floor:
        return warn(code, says, do, "find")
    return block(code, says, do, "find")


def _canary(facts: Facts) -> Finding:
    code, after = (
        "canary",
        sum(
            walked.step.orgs
            for walked in facts.forecast.waves
            if walked.step.kind is WaveKind.PRODUCTION
        ),
    )
    if not after:
        return ok(code, "Production is no larger than its canary.")
    if not facts.canary:
        return warn(code, "Production begins without a canary.", "Let a few orgs go first: step 3.")
    detects = min(100.0, 300 / facts.canary)
    odd = max(facts.unseen, key=lambda kind: facts.unseen[kind], default="")
    if odd and facts.unseen[odd] >= UNSEEN_SHARE:
        return warn(
            code,
            f"No canary org is like {facts.unseen[odd]:.0f} % of the "
            f"production that follows: {odd}.",
            "Move one such org into the canary: step 3.",
        )
    return ok(
        code,
        f"The canary has every frequent kind of org. If all its "
        f"{facts.canary} succeed, up to {detects:.0f} % may still fail later.",
    )


def _zones(facts: Facts) -> Finding:
    if facts.orgs and 2 * facts.guessed > facts.orgs:
        return warn(
            "zones",
            f"The time zone of {plural(facts.guessed, 'org')} of "
            f"{facts.orgs:,} is a guess, so their hours are cut to what is night in "
            "every candidate.",
            "Set zones, or connect the License org.",
            "calendar",
        )
    return ok(
        "zones",
        f"{facts.orgs - facts.guessed:,} of {facts.orgs:,} orgs have "
        "a zone that is more than a guess.",
    )


def _freezes(facts: Facts) -> Finding:
    if facts.frozen:
        listed = "; ".join(f"{name} ({plural(orgs, 'org')})" for name, orgs in facts.frozen[:3])
        more = f" and {len(facts.frozen) - 3} more" if len(facts.frozen) > 3 else ""  # noqa: PLR2004 - as listed
        return ok("freezes", f"The plan waits for freezes: {listed}{more}.", "calendar")
    return ok("freezes", "No freeze lies in the time of this plan.", "calendar")


def _reach(facts: Facts) -> Finding:
    reach = facts.forecast.reach
    if reach > USUAL_BATCH:
        return warn(
            "stop_reach",
            f"A late stop can miss {reach:,} orgs at a time: "
            "what Salesforce has begun can't be recalled.",
            f"Batches of {USUAL_BATCH} keep it to {USUAL_BATCH}.",
        )
    return ok("stop_reach", f"A late stop can miss {plural(reach, 'org')} at most.")


def _support(facts: Facts) -> Finding:
    tickets, bear = facts.forecast.tickets_a_day, facts.policy.tickets_a_day
    if tickets.high > bear:
        return warn(
            "support",
            f"The busiest day may bring {tickets} failed orgs; support can bear {bear:,} tickets.",
            "Spread the waves, or agree on more with support.",
        )
    return ok(
        "support",
        f"The busiest day may bring {tickets} failed orgs; support can bear {bear:,} tickets.",
    )


QUESTIONS: tuple[Question, ...] = (
    _audience,
    connection,
    majors,
    released,
    newer,
    salesforce,
    _overlap,
    _dependencies,
    _migration,
    _fit,
    _budget,
    _own,
    _canary,
    data,
    _zones,
    _freezes,
    _reach,
    _support,
)
