"""Making connections, binding each to its org, and letting it push or not.

Secrets are in `credentials`. Every change is a line of history that holds no secret, and raises
the row's revision where it changes how to sign in, which every process notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from rollouts.domain.connecting import AuthKind, Mode, OrgRole
from rollouts.domain.permissions import Permission
from rollouts.models import Batch, Connection, Person
from rollouts.models.connection import may_push_on_this_database
from rollouts.pipeline import clock
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record
from rollouts.salesforce.connect import hosts_allowed
from rollouts.salesforce.gateway import Identity
from rollouts.salesforce.hosts import HostRefused

NAME_LIMIT = 80


class NotConfigured(RuntimeError):
    """The settings name no Salesforce org; the text says which to set."""


@dataclass(frozen=True, slots=True)
class Described:
    """A connection as a person or a command describes it; secrets come apart from it."""

    name: str
    role: OrgRole
    auth: AuthKind
    login_url: str
    client_id: str
    username: str = ""


def from_settings() -> Connection:
    """Return the connection of the settings, made at the first call.

    A simulated org may come back at another port; a real one never changes its address silently.
    """
    chosen = settings.SALESFORCE
    if not chosen["login_url"]:
        raise NotConfigured(
            "No Salesforce org is set up: set PUSHBOARD_SF_LOGIN_URL, PUSHBOARD_SF_CLIENT_ID and "
            "a secret or a key, as docs/salesforce-setup.md says."
        )
    now = clock.now()
    # The simulated org is there to be pushed to; a real one is only read until an admin says so.
    pushed = {"mode": Mode.PUSH.value, "pushed_since": now} if settings.SIMULATION else {}
    link, _ = Connection.objects.get_or_create(
        name=chosen["name"],
        defaults={
            "simulated": settings.SIMULATION,
            "login_url": chosen["login_url"],
            "created_at": now,
            **pushed,
        },
    )
    if link.auth != AuthKind.SETTINGS.value:
        raise NotConfigured(
            f"“{link.name}” has credentials of its own, so those of the settings are not used. "
            "Give the org of the settings another PUSHBOARD_SF_NAME, or remove its variables."
        )
    if link.login_url == chosen["login_url"]:
        return link
    if not (link.simulated and settings.SIMULATION):
        raise NotConfigured(
            f"“{link.name}” was made for {link.login_url}, the settings say "
            f"{chosen['login_url']}. Give another org another PUSHBOARD_SF_NAME."
        )
    Connection.objects.filter(pk=link.pk).update(login_url=chosen["login_url"])
    link.refresh_from_db()
    return link


@transaction.atomic
def make(described: Described, *, by: Person | None, now: datetime) -> Connection:
    """Store a new connection, in observe mode and without secrets.

    Raises:
        Refusal: the address is not on the list of hosts, or the name is taken.
    """
    if by is not None:
        demand(by, Permission.CONNECT, now)
    name = described.name.strip()
    if not name or len(name) > NAME_LIMIT:
        raise Refusal(f"Give the connection a name of at most {NAME_LIMIT} characters.")
    url = login_address(described.login_url)
    try:
        with transaction.atomic():
            link = Connection.objects.create(
                name=name,
                role=described.role.value,
                auth=described.auth.value,
                login_url=url,
                client_id=described.client_id.strip(),
                username=described.username.strip(),
                simulated=settings.SIMULATION,
                created_at=now,
            )
    except IntegrityError:
        raise Refusal(f"There is a connection “{name}” already; choose another name.") from None
    record(
        "add_connection",
        subject(link),
        now=now,
        by=by,
        after=Mode.OBSERVE.value,
        detail=told(link),
    )
    return link


@transaction.atomic
def describe_again(
    described: Described, *, by: Person | None, now: datetime, reason: str = ""
) -> Connection:
    """Store a connection, or what has changed of the one with this name.

    Raises:
        Refusal: see `make`; or it is bound to an org already and would get another address or role,
            or its credentials are those of the settings.
    """
    link = Connection.objects.filter(name=described.name.strip()).first()
    if link is None:
        return make(described, by=by, now=now)
    if by is not None:
        demand(by, Permission.CONNECT, now)
    if link.auth == AuthKind.SETTINGS.value:
        raise Refusal(
            f"“{link.name}” takes its credentials from the settings; give this one another name."
        )
    url = login_address(described.login_url)
    if link.org_id and (url, described.role.value) != (link.login_url, link.role):
        raise Refusal(
            f"“{link.name}” is {link.role_words} {link.org_name or link.org_id} at "
            f"{link.login_url}. For another org or address add a connection with another name."
        )
    fresh = {
        "role": described.role.value,
        "auth": described.auth.value,
        "login_url": url,
        "client_id": described.client_id.strip(),
        "username": described.username.strip(),
    }
    if any(getattr(link, name) != value for name, value in fresh.items()):
        change(link, **fresh)
        record(
            "change_connection", subject(link),
            now=now, by=by, reason=reason.strip(), detail=told(link),
        )  # fmt: skip
    return link


def login_address(url: str) -> str:
    """Return the address as it is stored; raises Refusal when it is not on the list of hosts."""
    try:
        return hosts_allowed().login(url.strip().rstrip("/"))
    except HostRefused as refused:
        raise Refusal(str(refused)) from None


def told(link: Connection) -> dict[str, object]:
    """Return what the history may hold of a connection: no secret."""
    return {
        "name": link.name,
        "role": link.role,
        "auth": link.auth,
        "login_url": link.login_url,
        "client_id": link.client_id,
        "username": link.username,
    }


def subject(link: Connection) -> str:
    """Name a connection in the history."""
    return f"connection {link.pk} {link.name}"


def change(link: Connection, **values: object) -> None:
    """Store values and raise the revision, so that every process signs in anew."""
    Connection.objects.filter(pk=link.pk).update(revision=F("revision") + 1, **values)
    link.refresh_from_db()


@transaction.atomic
def pin(link: Connection, identity: Identity, now: datetime) -> None:
    """Bind a connection to the org that its first sign-in led to; it stays that org's for ever.

    Raises:
        Refusal: another live connection reads this org already.
    """
    if link.org_id:
        if identity.org_name and identity.org_name != link.org_name:
            Connection.objects.filter(pk=link.pk).update(org_name=identity.org_name)
            link.org_name = identity.org_name
        return
    other = _other_of(link, identity.org_id)
    try:
        with transaction.atomic():
            bound = other is None and Connection.objects.filter(pk=link.pk, org_id="").update(
                org_id=identity.org_id, org_name=identity.org_name
            )
    except IntegrityError:
        # Another connection was bound to this org a moment ago.
        other, bound = _other_of(link, identity.org_id), 0
    if other is not None:
        raise Refusal(
            f"This sign-in leads to {identity.org_name or identity.org_id}, which the connection "
            f"“{other.name}” reads already. Use that one, or disconnect it first."
        )
    link.refresh_from_db()
    if bound:
        record(
            "bind_connection",
            subject(link),
            now=now,
            after=identity.org_id,
            detail={"org_name": identity.org_name, "username": identity.username},
        )


def _other_of(link: Connection, org_id: str) -> Connection | None:
    """Find another live connection to this org that does the same work: owning packages, or LMA."""
    rows = Connection.objects.live().filter(org_id=org_id).exclude(pk=link.pk)
    lmo = OrgRole.LMO.value
    return (rows.filter(role=lmo) if link.role == lmo else rows.exclude(role=lmo)).first()


def push_refusal(link: Connection) -> str:
    """Say why push mode can't be turned on for this connection, or ""."""
    if link.disconnected_at is not None:
        return "It is disconnected."
    if link.role == OrgRole.LMO.value:
        return "Nothing is pushed through a License org; it is only read."
    if not link.org_id:
        return "It has never signed in, so nobody knows which org would be pushed from."
    if not may_push_on_this_database():
        return (
            "A real org is not pushed from while Pushboard's data is on SQLite. Move it to "
            "PostgreSQL (PUSHBOARD_DATABASE_URL), then turn push mode on."
        )
    return ""


@transaction.atomic
def turn_push_on(
    link: Connection, *, typed: str, by: Person, now: datetime, reason: str = ""
) -> None:
    """Let a connection push, after the person typed the org's name.

    Raises:
        Forbidden: not an admin. Refusal: see `push_refusal`, or another name was typed.
        Overtaken: it was on already.
    """
    demand(by, Permission.CONNECT, now)
    link = Connection.objects.select_for_update().get(pk=link.pk)
    why = push_refusal(link)
    if why:
        raise Refusal(why)
    if " ".join(typed.split()) != link.confirm_name:
        raise Refusal(f"Type the org's name exactly as it stands here: {link.confirm_name}")
    if link.pushes:
        raise Overtaken("Push mode is on already.")
    Connection.objects.filter(pk=link.pk).update(
        mode=Mode.PUSH.value, pushed_since=link.pushed_since or now
    )
    record(
        "turn_push_on",
        subject(link),
        now=now,
        by=by,
        before=Mode.OBSERVE.value,
        after=Mode.PUSH.value,
        reason=reason.strip(),
        detail={"org_id": link.org_id},
    )


@transaction.atomic
def turn_push_off(link: Connection, *, by: Person, now: datetime, reason: str = "") -> int:
    """Let a connection only read from now on; needs nothing but the click.

    What was armed can still be recalled: cancels are let through. The watcher calls back what
    may not start any more. Returns how many batches that concerns.
    """
    # Whoever may stop everything may do this too: stopping is easier than starting.
    demand(by, Permission.STOP_EVERYTHING, now)
    changed = Connection.objects.filter(pk=link.pk, mode=Mode.PUSH.value).update(
        mode=Mode.OBSERVE.value
    )
    if not changed:
        raise Overtaken("Push mode is off already.")
    record(
        "turn_push_off",
        subject(link),
        now=now,
        by=by,
        before=Mode.PUSH.value,
        after=Mode.OBSERVE.value,
        reason=reason,
    )
    return Batch.objects.open().filter(connection=link).exclude(sf_id=None).count()
