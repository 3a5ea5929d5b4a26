"""The questions of a preflight that Salesforce answers: connection, version, release, data."""

from __future__ import annotations

from datetime import timedelta

from rollouts.domain.findings import Facts, Finding, block, ok, warn
from rollouts.domain.versions import Jump

# Salesforce tells publishers to give a new version a day to reach every instance, and to wait
# three to four weeks after one of its own releases before a major upgrade.
SPREADS = timedelta(hours=24)
AFTER_RELEASE = timedelta(days=28)
DATA_OLD = timedelta(hours=24)
HOUR = timedelta(hours=1)


def plural(count: int, one: str, many: str = "") -> str:
    """Say a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def connection(facts: Facts) -> Finding:
    """Can the connection push: mode, permission, review?"""
    link, code = facts.link, "connection"
    at = ("connection", (link.pk,))
    if not link.live:
        return block(code, f"“{link.name}” is disconnected.", "Connect it again, then plan.", *at)
    if link.permission is False:
        return block(
            code,
            f"The user of “{link.name}” may not create pushes.",
            "Give the integration user the permission that the connection's checks "
            "name, then run them again.",
            *at,
        )
    if link.reviewed is False:
        return block(
            code,
            "Salesforce refuses pushes of this package: it has not passed the security review.",
            "Pass the review, then note it on the readiness page.",
            "package-readiness",
            (facts.namespace,),
        )
    if not link.pushes:
        return warn(
            code,
            f"“{link.name}” only observes: nothing of this can start yet.",
            "An admin turns push mode on before the first wave.",
            *at,
        )
    if link.permission is None or link.reviewed is None:
        unknown = "may push" if link.permission is None else "is reviewed"
        whom = "the user" if link.permission is None else "the package"
        return warn(
            code,
            f"Whether {whom} {unknown} was not asked of Salesforce.",
            "Run the checks of the connection.",
            *at,
        )
    return ok(code, f"“{link.name}” can push: the user may, the package is reviewed.")


def majors(facts: Facts) -> Finding:
    """Is Push Major there for what needs it?"""
    code = "push_major"
    if facts.kind is Jump.PATCH:
        return ok(code, "A patch needs Push Patch only.")
    if facts.majors_enabled is None:
        return warn(
            code,
            f"A {facts.kind} upgrade needs Push Major. No read of "
            "Salesforce tells whether it is enabled, and nobody has noted it.",
            "Note the case on the readiness page.",
            "package-readiness",
            (facts.namespace,),
        )
    if not facts.majors_enabled:
        return block(
            code,
            f"A {facts.kind} upgrade needs Push Major, which is "
            "still asked for: only patches can be pushed.",
            "Wait for Salesforce's case, then note it.",
            "package-readiness",
            (facts.namespace,),
        )
    return ok(code, "Push Major is enabled.")


def released(facts: Facts) -> Finding:
    """Is the version promoted, and long enough to be everywhere?"""
    code = "released"
    if facts.refusal:
        return block(
            code, f"{facts.version} can't be pushed: {facts.refusal}.", "Choose another version."
        )
    if facts.changed_at is None:
        return warn(
            code,
            f"When {facts.version} was promoted is not known.",
            "Read the catalog again; a version needs about a day to reach every instance.",
            "status",
        )
    starts = facts.forecast.begins or facts.begin
    if starts - facts.changed_at < SPREADS:
        ready = facts.changed_at + SPREADS
        return warn(
            code,
            f"{facts.version} was changed at Salesforce less than a "
            "day before the first start, so it may not be on every instance yet.",
            f"Start after {ready:%a %d %b %H:%M} UTC.",
        )
    return ok(code, f"{facts.version} is released, and for more than a day when it first starts.")


def newer(facts: Facts) -> Finding:
    """Is there something newer to push instead?"""
    if facts.newer:
        return warn(
            "newer",
            f"{facts.newer} is released too: customers would be pushed twice.",
            f"Plan {facts.newer} instead, or say why not.",
            "rollout-new",
        )
    return ok("newer", f"No newer version than {facts.version} is released.")


def salesforce(facts: Facts) -> Finding:
    """Is a release of Salesforce's own too near?"""
    code, calendar = "salesforce_release", "calendar"
    if not facts.calendar_known:
        return warn(
            code,
            "The calendar holds no Salesforce release for this time.",
            "Enter or import the next releases.",
            calendar,
        )
    if facts.release_ahead:
        name, at = facts.release_ahead
        return ok(
            code,
            f"{name} reaches instances of these orgs on {at:%d %b %Y}; "
            "the plan waits over that weekend.",
            calendar,
        )
    if facts.kind is Jump.MAJOR and facts.platform_release:
        name, at = facts.platform_release
        starts = facts.forecast.begins or facts.begin
        if timedelta() <= starts - at < AFTER_RELEASE:
            since = (starts - at).days
            return warn(
                code,
                f"{name} will be {plural(since, 'day')} old; "
                "Salesforce's guidance is to wait three to four weeks before a major "
                "upgrade.",
                f"Start after {at + AFTER_RELEASE:%d %b %Y}.",
                calendar,
            )
    return ok(code, "No Salesforce release is too near.")


def data(facts: Facts) -> Finding:
    """How old is what the plan is made from?"""
    if facts.data_as_of is None:
        return block(
            "data_age",
            "The orgs of this package were never read whole.",
            "Read them now.",
            "status",
        )
    age = facts.now - facts.data_as_of
    if age > DATA_OLD:
        return warn(
            "data_age",
            f"The org data is {age.days * 24 + age.seconds // 3600} hours old.",
            "Read it again.",
            "status",
        )
    return ok("data_age", "The org data is less than a day old.")
