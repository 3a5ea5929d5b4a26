"""A connection proves itself: one line per thing that must be so, each asked of Salesforce now.

The result is stored with its time. What could not be asked is unknown, never taken for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from rollouts.domain.connecting import AuthKind, OrgRole
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import BLOCKING_READ_FROM, BLOCKING_UNKNOWN
from rollouts.domain.policy import Policy
from rollouts.models import Batch, Connection, Person, RemoteCall, SelfTestRequest
from rollouts.pipeline import clock, connections, holds
from rollouts.pipeline.transitions import Refusal, demand
from rollouts.pipeline.troubles import Kind, Trouble, explain, trouble
from rollouts.salesforce.connect import forget_gateway, gateway_for, hosts_allowed
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Budget, Identity, SfPackage
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.values import Capabilities, Shown

T = TypeVar("T")

PUSH_OBJECTS = (
    "MetadataPackage",
    "MetadataPackageVersion",
    "PackageSubscriber",
    "PackagePushRequest",
    "PackagePushJob",
    "PackagePushError",
)
CREATED_OBJECTS = ("PackagePushRequest", "PackagePushJob")
LMA_OBJECTS = ("sfLma__License__c", "sfLma__Package__c", "sfLma__Package_Version__c")
NAMES_SHOWN = 6


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it came out, a sentence, and what to do ("" when ok)."""

    key: str
    title: str
    verdict: Verdict
    says: str
    do: str = ""
    kind: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON, in a row or on standard output."""
        return {key: str(value) for key, value in asdict(self).items()}

    def line(self) -> str:
        """Return it for a terminal."""
        mark = {Verdict.OK: "ok     ", Verdict.BAD: "NOT OK ", Verdict.UNKNOWN: "unknown"}
        return f"  {mark[self.verdict]}  {self.title}: {self.says} {self.do}".rstrip()


_TITLES = {
    "address": "Login address",
    "sign_in": "Sign-in",
    "org": "Org",
    "user": "User",
    "api": "API version",
    "clock": "Clock",
    "calls": "API calls",
    "objects": "Push upgrades enabled",
    "permission": "Permission to push",
    "packages": "Packages",
    "review": "Security review",
    "licences": "Licences",
}
_OF_ROLE = {
    OrgRole.LMO: ("address", "sign_in", "org", "user", "api", "clock", "calls", "licences"),
}
_OF_SOURCES = tuple(key for key in _TITLES if key != "licences")


def stored(link: Connection) -> list[Check]:
    """Return what the last proof said; empty when there was none."""
    return [
        Check(**{**row, "verdict": Verdict(row["verdict"])})
        for row in link.proof
        if row.get("key") in _TITLES
    ]


def signed_in(checks: list[Check]) -> bool:
    """Say whether the sign-in worked and led to the right org."""
    good = {check.key for check in checks if check.verdict is Verdict.OK}
    return {"sign_in", "org"} <= good


def all_good(checks: list[Check]) -> bool:
    """Say whether nothing is wrong; what is unknown is not wrong."""
    return bool(checks) and all(check.verdict is not Verdict.BAD for check in checks)


def prove(link: Connection, *, by: Person | None = None) -> list[Check]:
    """Ask Salesforce everything anew (about seven calls), store the answers and return them.

    Raises:
        Forbidden: somebody who may not change connections asked for it.
    """
    if by is not None:
        demand(by, Permission.CONNECT, clock.now())
    forget_gateway(link)
    checks = _Proof(link).run()
    now = clock.now()
    values: dict[str, object] = {"proof": [check.as_dict() for check in checks], "proved_at": now}
    if signed_in(checks):
        values |= {"answered_at": now, "failure": ""}
    else:
        wrong = next((check for check in checks if check.verdict is Verdict.BAD), None)
        values |= {"failed_at": now, "failure": f"{wrong.says} {wrong.do}" if wrong else ""}
    Connection.objects.filter(pk=link.pk).update(**values)
    link.refresh_from_db()
    return checks


class _Proof:
    """One run over one connection; a check that can't be made leaves the later ones unknown."""

    def __init__(self, link: Connection) -> None:
        self.link = link
        self.role = OrgRole(link.role)
        self.done: dict[str, Check] = {}

    def run(self) -> list[Check]:
        """Make the checks in their order."""
        gateway = self._signed_in()
        if gateway is not None and self._org(gateway):
            self._calls(gateway)
            self._clock(gateway)
            if self.role is OrgRole.LMO:
                self._licences(gateway)
            else:
                self._objects(gateway)
        keys = _OF_ROLE.get(self.role, _OF_SOURCES)
        return [self.done.get(key) or self._unknown(key) for key in keys]

    def _ok(self, key: str, says: str) -> None:
        self.done[key] = Check(key, _TITLES[key], Verdict.OK, says)

    def _bad(self, key: str, wrong: Trouble) -> None:
        self.done[key] = Check(key, _TITLES[key], Verdict.BAD, wrong.what, wrong.do, wrong.kind)

    def _open(self, key: str, says: str, do: str = "") -> None:
        self.done[key] = Check(key, _TITLES[key], Verdict.UNKNOWN, says, do)

    def _unknown(self, key: str) -> Check:
        why = "Not asked, because something above it is not right."
        return Check(key, _TITLES[key], Verdict.UNKNOWN, why)

    def _ask(self, key: str, call: Callable[[], T]) -> T | None:
        """Make a call for a check; what goes wrong is written down there."""
        try:
            return call()
        except SalesforceError as error:
            wrong = explain(error, self.link)
            if key == "org" and error.code == "NOT_FOUND":
                # Every org has itself; what is not found is the version in the address.
                key, wrong = "api", trouble(Kind.OLD_API, self.link)
            self._bad("calls" if wrong.kind is Kind.QUOTA_GONE else key, wrong)
            return None

    def _signed_in(self) -> SalesforceGateway | None:
        address = self.link.login_url
        if self._ask("address", lambda: hosts_allowed().login(address)) is None:
            return None
        self._ok("address", f"{address} is on the list of hosts that may be asked.")
        gateway = self._ask("sign_in", lambda: gateway_for(self.link))
        if gateway is None:
            return None
        try:
            gateway.login.access()
        except SalesforceError as error:
            wrong = explain(error, self.link)
            if wrong.kind is Kind.WRONG_ORG:
                self._ok("sign_in", "Salesforce accepts the credentials.")
            self._bad("org" if wrong.kind is Kind.WRONG_ORG else "sign_in", wrong)
            return None
        self._ok("sign_in", f"Signed in by {self.link.auth_words}.")
        return gateway

    def _org(self, gateway: SalesforceGateway) -> bool:
        identity = self._ask("org", gateway.identity)
        if identity is None:
            return False
        try:
            connections.pin(self.link, identity, clock.now())
        except Refusal as refusal:
            self._bad("org", trouble(Kind.WRONG_ORG, self.link, what=str(refusal)))
            return False
        name = identity.org_name or "An org whose name can't be read"
        self._ok("org", f"{name}, {identity.org_id}: the org this connection is bound to.")
        self._user(identity)
        return True

    def _user(self, identity: Identity) -> None:
        wanted = self.link.username if self.link.auth == AuthKind.JWT.value else ""
        if not identity.username:
            self._open(
                "user",
                "Salesforce does not tell which user this is.",
                "Add the scope “Access the identity URL service” to the app to see it here.",
            )
        elif wanted and wanted.casefold() != identity.username.casefold():
            says = f"Signed in as {identity.username}, not as {wanted}."
            self._bad("user", trouble(Kind.NOT_APPROVED, self.link, what=says))
        else:
            self._ok("user", f"Signed in as {identity.username}.")

    def _clock(self, gateway: SalesforceGateway) -> None:
        drift = gateway.clock_drift()
        most = Policy().clock_limit
        words = f"{abs(drift.total_seconds()):.0f} s"
        if abs(drift.total_seconds()) > most:
            side = "behind" if drift.total_seconds() > 0 else "ahead of"
            says = f"This machine's clock is {words} {side} Salesforce's; {most} s are allowed."
            self._bad("clock", trouble(Kind.CLOCK_OFF, self.link, what=says))
        else:
            self._ok("clock", f"The clocks differ by {words}; {most} s are allowed.")

    def _calls(self, gateway: SalesforceGateway) -> None:
        budget = self._ask("calls", gateway.daily_calls) or gateway.budget()
        if "calls" in self.done:
            return
        if budget is None:
            self._open("calls", "Salesforce does not tell how many API calls are left.")
            return
        Connection.objects.filter(pk=self.link.pk).update(
            calls_used=budget.used, calls_limit=budget.limit
        )
        self._judge_calls(budget)

    def _judge_calls(self, budget: Budget) -> None:
        says = f"{max(0, budget.left):,} of {budget.limit:,} API calls of 24 hours are left."
        if budget.left < holds.calls_reserve():
            self._bad("calls", trouble(Kind.QUOTA_GONE, self.link, what=says))
        else:
            self._ok("calls", says)

    def _objects(self, gateway: SalesforceGateway) -> None:
        seen = self._ask("objects", gateway.capabilities)
        if seen is None:
            return
        self._version(seen)
        shown = seen.objects
        missing = [name for name in PUSH_OBJECTS if not _readable(shown, name)]
        if missing:
            self._bad("objects", trouble(Kind.PUSH_NOT_ENABLED, self.link))
            return
        self._ok(
            "objects",
            "Salesforce shows all six push objects. Whether major versions are enabled too, no "
            "read tells.",
        )
        if all(shown[name].creatable for name in CREATED_OBJECTS):
            self._ok("permission", "The user may create push requests and push jobs.")
        else:
            self._bad("permission", trouble(Kind.MISSING_PERMISSION, self.link))
        packages = self._ask("packages", gateway.packages)
        if packages is not None:
            self._packages(packages)

    def _version(self, seen: Capabilities) -> None:
        if seen.api_version in seen.api_versions and float(seen.api_version) < BLOCKING_READ_FROM:
            says = f"Version {seen.api_version}, which this org answers. Nobody can read"
            self._open("api", f"{says} {BLOCKING_UNKNOWN}; until then nothing is planned or armed.",
                       "Set PUSHBOARD_SF_API_VERSION to 60.0 or newer.")  # fmt: skip
        elif seen.api_version in seen.api_versions:
            self._ok("api", f"Version {seen.api_version}, which this org answers.")
        else:
            newest = seen.api_versions[-1] if seen.api_versions else "none"
            says = f"This org does not answer version {seen.api_version}; its newest is {newest}."
            self._bad("api", trouble(Kind.OLD_API, self.link, what=says))

    def _packages(self, packages: list[SfPackage]) -> None:
        if not packages:
            self._open(
                "packages",
                "This org owns no package that Pushboard could see.",
                "Connect the org that owns the package: the packaging org, or the Dev Hub.",
            )
            return
        names = ", ".join(package.name for package in packages[:NAMES_SHOWN])
        more = len(packages) - NAMES_SHOWN
        self._ok("packages", f"{names}{f' and {more} more' if more > 0 else ''}.")
        self._review([package.id for package in packages])

    def _review(self, packages: list[str]) -> None:
        """Only creating a request tells; Pushboard's own requests are what there is to go by."""
        refused = _refused_for_review(self.link)
        made = _made_requests(self.link)
        if refused is not None and (made is None or refused > made):
            self._bad("review", trouble(Kind.NOT_REVIEWED, self.link))
        elif made is not None:
            what = "the package" if len(packages) == 1 else "a package of this org"
            self._ok("review", f"Salesforce has accepted push requests for {what}.")
        else:
            self._open(
                "review",
                "Whether the package has passed the security review shows only when a push "
                "request is created.",
                "Run the self-test below; it creates an empty one and cancels it.",
            )

    def _licences(self, gateway: SalesforceGateway) -> None:
        seen = self._ask("licences", gateway.capabilities)
        if seen is None:
            return
        self._version(seen)
        shown = seen.objects
        if all(_readable(shown, name) for name in LMA_OBJECTS):
            self._ok("licences", "Licences, packages and package versions of the app are readable.")
        else:
            self._bad("licences", trouble(Kind.NO_LMA, self.link))


def _readable(shown: Mapping[str, Shown], name: str) -> bool:
    one = shown.get(name)
    return one is not None and one.readable


def _refused_for_review(link: Connection) -> datetime | None:
    """When Salesforce last refused a request of ours because of the review."""
    calls = RemoteCall.objects.filter(
        batch__connection=link, kind="create", outcome="refused", note__icontains="security review"
    ).order_by("-sent_at")
    tests = SelfTestRequest.objects.filter(
        connection=link, note__icontains="security review"
    ).order_by("-made_at")
    moments = [
        calls.values_list("sent_at", flat=True).first(),
        tests.values_list("made_at", flat=True).first(),
    ]
    return max((moment for moment in moments if moment), default=None)


def _made_requests(link: Connection) -> datetime | None:
    """When a request of ours was last created."""
    batches = Batch.objects.filter(connection=link).exclude(sf_id=None)
    tests = SelfTestRequest.objects.filter(connection=link).exclude(sf_id="")
    moments = [
        batches.order_by("-created_sent_at").values_list("created_sent_at", flat=True).first(),
        tests.order_by("-made_at").values_list("made_at", flat=True).first(),
    ]
    return max((moment for moment in moments if moment), default=None)
