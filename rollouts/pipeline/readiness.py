"""Is a package ready to be pushed: what Salesforce and our tables prove, and what people note."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.checklists import Item, Mark, Proof, Said
from rollouts.domain.lifecycle import AttemptState
from rollouts.domain.versions import Jump
from rollouts.models import Attempt, Connection, Exclusion, Installation, Licence, Package, SyncRun
from rollouts.pipeline import checklists, proof

ENROLMENT, CASES = "Enrolment", "Cases with Salesforce"
CONNECTION, BEFORE = "Connection, checked automatically", "Before the first rollout"
_MAJORS = (Jump.MINOR.value, Jump.MAJOR.value)
SYNC_OLD = timedelta(hours=24)


def key_of(package: Package) -> str:
    """Return what addresses name a package by: its namespace, or its id when it has none."""
    return package.namespace or package.sf_id


def items(package: Package, now: datetime) -> list[Item]:
    """Return the whole list of a package, in order: a few queries, no call to Salesforce."""
    said = checklists.said_of(package=package)
    link = package.connection
    checks = {check.key: check for check in proof.stored(link)}
    pushed = _pushed(package)

    def proved(key: str, title: str) -> Proof:
        check = checks.get(key)
        if check is None:
            return Proof(None, f"{title} was not asked of Salesforce yet.", link.proved_at)
        holds = {"ok": True, "bad": False}.get(check.verdict.value)
        return Proof(holds, f"{check.says} {check.do}".strip(), link.proved_at)

    review = proved("review", "The security review")
    if pushed:
        review = Proof(True, f"Salesforce has pushed this package to {pushed} orgs.")
    return [
        Item(
            "partner",
            ENROLMENT,
            "Enrolled in the partner program",
            "Salesforce enables push upgrades for partners only.",
            said=said.get("partner"),
        ),
        Item(
            "review",
            ENROLMENT,
            "Security review passed",
            "Without it Salesforce refuses every push request.",
            proof=review if review.holds is not None else None,
            said=said.get("review"),
        ),
        Item(
            "push_patch",
            CASES,
            "Push Patch enabled",
            "Salesforce enables it by a case that names the packaging org.",
            proof=proved("objects", "Whether push upgrades are enabled"),
            said=said.get("push_patch"),
            text=case_text(package, major=False),
            asks=True,
        ),
        Item(
            "push_major",
            CASES,
            "Push Major enabled",
            "A separate case. No read tells; a minor or major push that went through proves it.",
            proof=_majors_proof(package),
            said=said.get("push_major"),
            text=case_text(package, major=True),
            asks=True,
        ),
        Item(
            "connected",
            CONNECTION,
            "Connected, and the sign-in works",
            "Every read and push goes through it.",
            proof=_connected(link),
            said=said.get("connected"),
            url_name="connection",
            url_args=(link.pk,),
        ),
        Item(
            "permission",
            CONNECTION,
            "The user may push",
            "First-generation packages need “Upload AppExchange Packages”; second-generation ones "
            "“Create and Update Second-Generation Packages”.",
            proof=proved("permission", "Whether the user may create pushes"),
            url_name="connection",
            url_args=(link.pk,),
        ),
        Item(
            "subscribers",
            CONNECTION,
            "Subscribers readable",
            "Who has which version comes from here.",
            proof=_subscribers(package, now),
            url_name="status",
        ),
        Item(
            "licences",
            CONNECTION,
            "License org connected",
            "Customers' names, zones and licences come from there; plans work without.",
            proof=_licences(package),
            said=said.get("licences"),
            may_skip=True,
            url_name="connections",
        ),
        Item(
            "own_orgs",
            BEFORE,
            "Own test orgs marked",
            "No customer is the first to get a version.",
            proof=_own_orgs(package),
            url_name="find",
        ),
        Item(
            "exclusions",
            BEFORE,
            "Exclusion list looked through",
            "Salesforce keeps a list of its own in Setup; compare the two.",
            said=said.get("exclusions"),
            facts=_exclusions(package, now),
        ),
        Item(
            "calendar",
            BEFORE,
            "Freezes and Salesforce dates entered",
            "Nothing starts in a freeze or on a release weekend that is known.",
            said=said.get("calendar"),
        ),
        Item(
            "practices",
            BEFORE,
            "Salesforce's push upgrade best practices read",
            "By everybody who plans or approves.",
            said=said.get("practices"),
            link="https://developer.salesforce.com/docs/atlas.en-us.pkg2_dev.meta/pkg2_dev/"
            "push_upgrade_best_practices.htm",
        ),
        Item(
            "alerts",
            BEFORE,
            "Somebody hears of a halt at night",
            "A halt stops pushes by itself; a person must still look.",
            said=said.get("alerts"),
        ),
    ]


def majors_enabled(package: Package) -> bool | None:
    """Say whether minors and majors may be pushed; None when nobody knows.

    False while a person has noted that Salesforce was asked and has not answered yet.
    """
    if _majors_proof(package) is not None:
        return True
    word = checklists.said_of(package=package).get("push_major")
    return _heard(word)


def _heard(word: Said | None) -> bool | None:
    if word is None or word.mark not in (Mark.DONE, Mark.ASKED):
        return None
    return word.mark is Mark.DONE


def reviewed(package: Package) -> bool | None:
    """Say whether the package may be pushed at all as far as the review goes; None: unknown."""
    if _pushed(package):
        return True
    known = {check.key: check.verdict.value for check in proof.stored(package.connection)}
    judged = {"ok": True, "bad": False}.get(known.get("review", ""))
    if judged is not None:
        return judged
    word = checklists.said_of(package=package).get("review")
    return True if word is not None and word.mark is Mark.DONE else None


def case_text(package: Package, *, major: bool) -> str:
    """Write the case for Salesforce, ready to paste, with the packaging org's id."""
    what = "Push Major Upgrade" if major else "Push Upgrade for patch versions (Push Patch)"
    org = package.connection.org_id or "(connect the packaging org first)"
    return (
        f"Please enable {what} for our managed package {package.name}"
        f"{f' (namespace {package.namespace})' if package.namespace else ''}.\n"
        f"Packaging org ID: {org}\n"
        f"Package ID: {package.sf_id}\n"
        "We are enrolled in the partner program and the package has passed the security review.\n"
        "We stage every upgrade: own orgs first, then sandboxes, a small canary and growing waves."
    )


def _pushed(package: Package, kinds: tuple[str, ...] = ()) -> int:
    rows = Attempt.objects.filter(
        batch__wave__rollout__to_version__package=package, state=AttemptState.CONFIRMED.value
    )
    if kinds:
        rows = rows.filter(batch__wave__rollout__kind__in=kinds)
    return rows.values("org").distinct().count()


def _majors_proof(package: Package) -> Proof | None:
    went = _pushed(package, _MAJORS)
    return Proof(True, f"Minor or major pushes have reached {went} orgs.") if went else None


def _connected(link: Connection) -> Proof:
    if link.disconnected_at is not None:
        return Proof(False, "It is disconnected.", link.disconnected_at)
    if link.failed_at and (link.answered_at is None or link.failed_at > link.answered_at):
        return Proof(False, f"The last call failed: {link.failure}", link.failed_at)
    if link.answered_at is None:
        return Proof(None, "It has never answered yet.")
    return Proof(True, f"“{link.name}” answers.", link.answered_at)


def _subscribers(package: Package, now: datetime) -> Proof:
    latest = SyncRun.objects.filter(package=package, ok=True).order_by("-read_at").first()
    if latest is None:
        return Proof(False, "They were never read whole.")
    count = Installation.objects.present().filter(package=package).count()
    old = now - latest.read_at > SYNC_OLD
    return Proof(not old, f"{count:,} orgs{', read too long ago' if old else ''}.", latest.read_at)


def _licences(package: Package) -> Proof:
    rows = Licence.objects.filter(gone_at=None, package_sf_id=package.sf_id)
    latest = rows.order_by("-read_at").values_list("read_at", flat=True).first()
    if latest is None:
        return Proof(False, "No licence of this package is known.")
    return Proof(True, f"{rows.count():,} licences.", latest)


def _own_orgs(package: Package) -> Proof:
    rows = Installation.objects.present().filter(package=package, org__is_own=True)
    count = rows.count()
    sandboxes = rows.filter(org__is_production=False).count()
    if not count:
        return Proof(False, "None of yours has this package; mark them with manage.py own_orgs.")
    return Proof(True, f"{count} own orgs, {sandboxes} of them sandboxes.")


def _exclusions(package: Package, now: datetime) -> tuple[str, ...]:
    orgs = Installation.objects.present().filter(package=package)
    listed = Exclusion.objects.in_force(now).filter(org__in=orgs.values("org")).count()
    blocked = orgs.filter(blocked=True).count()
    return (
        f"{listed:,} orgs of this package are excluded here.",
        f"{blocked:,} customers block pushes at Salesforce.",
    )
