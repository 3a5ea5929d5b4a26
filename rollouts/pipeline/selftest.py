"""The self-test: what Salesforce leaves undocumented, asked of the org itself.

An opt-in that a person confirms by typing the org's name. Questions 1, 2, 3 and 5 take one empty
request a month ahead; 4, 6 and 7 an org that is named as own; 8 stays open. Each request is
remembered before it is created and is canceled and read back whatever happens: by the test itself,
else by the watcher's sweep.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from rollouts.domain.connecting import OrgRole, Writes
from rollouts.domain.ids import BadId, org_id
from rollouts.domain.permissions import Permission
from rollouts.models import (
    Attempt,
    Batch,
    Connection,
    Installation,
    PackageVersion,
    Person,
    PlatformAnswer,
    SelfTestRequest,
)
from rollouts.pipeline import clock, timing, troubles
from rollouts.pipeline.connections import subject
from rollouts.pipeline.leases import leased
from rollouts.pipeline.questions import Answer, Asked, ask_empty, ask_with_org
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record
from rollouts.salesforce import connect
from rollouts.salesforce.errors import Refused, SalesforceError
from rollouts.salesforce.gateway import SF_ENDS, SfRequest, SfStatus
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.tied import TiedHands

log = logging.getLogger(__name__)

# A day more than the hands are tied to, for a test that takes its time.
AHEAD = timedelta(days=31)
# An odd second, so that a start kept to the minute shows.
ODD_SECOND = 37


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person asked for: the typed name, and an own org for questions 4, 6 and 7, or ""."""

    typed: str
    org: str = ""


def run(
    link: Connection,
    wanted: Wanted,
    *,
    by: Person,
    now: datetime,
    wait: Callable[[float], None] = time.sleep,
) -> list[Answer]:
    """Ask the questions, clean up, store the answers and return them.

    Raises:
        Forbidden: not an admin. Refusal: another name was typed, there is nothing to ask about, or
            Salesforce refused the first request. Overtaken: a self-test runs already.
    """
    demand(by, Permission.CONNECT, now)
    if " ".join(wanted.typed.split()) != link.confirm_name:
        raise Refusal(f"Type the org's name exactly as it stands here: {link.confirm_name}")
    if link.role == OrgRole.LMO.value:
        raise Refusal("A License org has no push requests to ask about.")
    key, version = _about(link, wanted.org)
    with leased(_lease(link), now) as mine:
        if not mine:
            raise Overtaken("A self-test of this connection is running. Look again in a minute.")
        record("self_test", subject(link), now=now, by=by, detail={"org": key})
        return _run(link, version, key, now, wait)


def _run(
    link: Connection,
    version: PackageVersion,
    key: str,
    now: datetime,
    wait: Callable[[float], None],
) -> list[Answer]:
    try:
        hands = _hands(link, now, key)
    except SalesforceError as error:
        raise Refusal(troubles.worded(link, error)) from None
    asked = Asked(hands, lambda: _create(link, hands, version), now, wait)
    try:
        answers = ask_empty(asked)
        if key:
            answers += ask_with_org(asked, key)
    except SalesforceError as error:
        raise Refusal(
            f"{troubles.worded(link, error)} What the self-test had made is being canceled."
        ) from None
    finally:
        _sweep(link, hands.reads, lambda: hands)
    _store(link, answers)
    return answers


def _about(link: Connection, org: str) -> tuple[str, PackageVersion]:
    """Choose the version to ask with: any that can be pushed or, with an org, a newer one."""
    versions = PackageVersion.objects.filter(package__connection=link).pushable().newest_first()
    newest = versions.first()
    if newest is None:
        raise Refusal("No version that can be pushed is known of this org; sync it first.")
    if not org.strip():
        return "", newest
    try:
        key = org_id(org.strip())
    except BadId as bad:
        raise Refusal(f"{bad}. Give the ID of an org of your own.") from None
    if Attempt.objects.live().filter(org__key=key).exists():
        raise Refusal("A push of that org is under way; take another one.")
    rows = Installation.objects.filter(
        org__key=key, org__is_own=True, package__connection=link, gone_at=None
    ).select_related("version")
    for row in rows:
        for version in versions.filter(package=row.package_id):
            if version.number > row.version.number:
                return key, version
    raise Refusal(
        "That org is not marked as your own, or has no package of this connection in an older "
        "version. Mark it with manage.py own_orgs, or take another one."
    )


def _lease(link: Connection) -> str:
    return f"self-test {link.pk}"


def _hands(link: Connection, now: datetime, key: str = "") -> TiedHands:
    """Build a gateway that nobody else holds, and tie its hands."""
    gateway = connect.build_gateway(
        link.login_url, name=link.name, connection=link, writes=lambda: Writes.ALL
    )
    gateway.login.bind(link.org_id)
    ours = SelfTestRequest.objects.filter(connection=link).exclude(sf_id="")
    known = frozenset(ours.values_list("sf_id", flat=True))
    return TiedHands(gateway, now, org=key, request_ids=known)


def _create(link: Connection, hands: TiedHands, version: PackageVersion) -> SfRequest:
    """Create one empty request: first the row that remembers it, then the call."""
    row = _remember(link, version.sf_id, clock.now())
    try:
        row.sf_id = hands.create(version.sf_id, row.start_at)
    except Refused as refused:
        SelfTestRequest.objects.filter(pk=row.pk).update(ended_at=clock.now(), note=str(refused))
        raise
    SelfTestRequest.objects.filter(pk=row.pk).update(sf_id=row.sf_id)
    return SfRequest(
        row.sf_id, version.sf_id, version.package.sf_id, SfStatus.CREATED, row.start_at
    )


@transaction.atomic
def _remember(link: Connection, version_id: str, now: datetime) -> SelfTestRequest:
    start = (now + AHEAD).replace(second=ODD_SECOND, microsecond=0)
    last = (
        SelfTestRequest.objects.filter(connection=link, start_at__gte=start)
        .order_by("-start_at")
        .values_list("start_at", flat=True)
        .first()
    )
    start = last + timedelta(minutes=1) if last else start
    # Far beyond any batch; still, a start belongs to one thing only.
    while Batch.objects.filter(connection=link, start_at=start).exists():
        start += timedelta(minutes=1)
    return SelfTestRequest.objects.create(
        connection=link, version_id=version_id, start_at=start, made_at=now
    )


def _store(link: Connection, answers: list[Answer]) -> None:
    now = clock.now()
    for answer in answers:
        PlatformAnswer.objects.update_or_create(
            connection=link,
            question=answer.question,
            defaults={"answer": answer.answer, "words": answer.words, "asked_at": now},
        )
        if answer.question == 1 and answer.answer in ("second", "minute"):
            Connection.objects.filter(pk=link.pk).update(whole_minutes=answer.answer == "minute")


# --- cleaning up ----------------------------------------------------------------------------


def sweep(link: Connection) -> None:
    """Cancel what a self-test left behind when it was killed; the watcher calls this.

    Raises:
        SalesforceError: there are no credentials to sign in with.
    """
    if not SelfTestRequest.objects.filter(connection=link, ended_at=None).exists():
        return
    now = clock.now()
    with leased(_lease(link), now) as mine:
        if mine:
            # Reads go through the gateway that everybody shares; writes take one of their own.
            _sweep(link, connect.gateway_for(link), lambda: _hands(link, now))


def _sweep(link: Connection, reads: SalesforceGateway, hands: Callable[[], TiedHands]) -> None:
    for row in SelfTestRequest.objects.filter(connection=link, ended_at=None):
        try:
            _end(row, reads, hands)
        except SalesforceError as error:
            log.warning("self-test request %s waits for its cancel: %s", row.pk, error)


def _end(row: SelfTestRequest, reads: SalesforceGateway, hands: Callable[[], TiedHands]) -> None:
    """Find the request, cancel it, and count it as ended only when read back."""
    if not row.sf_id:
        _find(row, reads)
        if not row.sf_id:
            if clock.now() > row.made_at + timing.late_call():
                _close(row, "it never came to be")
            return
    seen = reads.request(row.sf_id)
    if seen is not None and seen.status not in SF_ENDS:
        hands().cancel(row.sf_id)
        seen = reads.request(row.sf_id)
    if seen is None:
        _close(row, "Salesforce does not list it any more")
    elif seen.status in SF_ENDS:
        _close(row, f"read back as {seen.status.value}")


def _find(row: SelfTestRequest, reads: SalesforceGateway) -> None:
    """Look for a request whose creation was not answered, by the start that only it has."""
    minute = row.start_at.replace(second=0)
    for start in (row.start_at, minute, minute + timedelta(minutes=1)):
        for found in reads.requests_starting(row.version_id, start):
            if not _belongs_elsewhere(found):
                row.sf_id = found.id
                SelfTestRequest.objects.filter(pk=row.pk).update(sf_id=found.id)
                return


def _belongs_elsewhere(found: SfRequest) -> bool:
    return (
        Batch.objects.filter(sf_id=found.id).exists()
        or SelfTestRequest.objects.filter(sf_id=found.id).exists()
    )


def _close(row: SelfTestRequest, note: str) -> None:
    SelfTestRequest.objects.filter(pk=row.pk).update(ended_at=clock.now(), note=note)


def is_ours(request: SfRequest) -> bool:
    """Say whether a request is one of a self-test, for the watcher, which would call it foreign."""
    minute = request.start.replace(second=0) if request.start else None
    by_start = (
        SelfTestRequest.objects.filter(
            version_id=request.version_id,
            sf_id="",
            start_at__gte=minute,
            start_at__lt=minute + timedelta(minutes=1),
        )
        if minute
        else SelfTestRequest.objects.none()
    )
    return SelfTestRequest.objects.filter(sf_id=request.id).exists() or by_start.exists()
