"""Eight things that go wrong most often: each has its own sentence on the connection's page."""

from __future__ import annotations

from html import unescape

from django.db import transaction

from rollouts.pipeline import proof
from rollouts.pipeline.proof import Verdict
from rollouts.pipeline.troubles import Kind
from tests.pipeline.test_proof import CASES, failing
from tests.views.conftest import Browser
from tests.views.world import World

EIGHT = (
    Kind.WRONG_CERTIFICATE,
    Kind.WRONG_ORG,
    Kind.REVOKED,
    Kind.MISSING_PERMISSION,
    Kind.PUSH_NOT_ENABLED,
    Kind.NOT_REVIEWED,
    Kind.CLOCK_OFF,
    Kind.QUOTA_GONE,
)
GIVEN = {kind: given for given, _, kind, _ in reversed(CASES)}


def test_each_of_the_eight_is_told_apart_on_the_page(world: World, sign_in: Browser) -> None:
    ada, told = sign_in("ada"), {}
    for kind in EIGHT:
        # Each from the same start: what the one before stored is taken back.
        with transaction.atomic(), failing(GIVEN[kind]) as link:
            page = ada.post(f"/connections/{link.pk}/check/", follow=True).content.decode()
            link.refresh_from_db()
            (wrong,) = (one for one in proof.stored(link) if one.verdict is Verdict.BAD)
            assert wrong.kind == kind
            assert wrong.says in unescape(page)
            assert wrong.do in unescape(page)
            told[kind] = (wrong.says, wrong.do)
            transaction.set_rollback(True)
    assert len(set(told.values())) == len(EIGHT)
