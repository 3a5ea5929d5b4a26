"""Which acts of people leave which lines of history; every other act says why it leaves none.

The pages' own tests act on all of this; `conftest.py` holds each act that went through against
these tables, and a test holds the tables against the table of addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from rollouts.models import Event

# The address's name: the actions of which at least one is written when the act goes through.
WRITES: dict[str, set[str]] = {
    "sign-out": {"sign_out"},
    "sign-in": {"sign_in"},
    "audit-verify": {"verify_chain"},
    # orgs
    "org-marks": {"mark", "unmark"},
    "org-customer": {"set_customer"},
    "org-domain": {"link_domain"},
    "org-exclude": {"exclude"},
    "exclusion-ask-end": {"ask_end_exclusion"},
    "exclusion-confirm-end": {"end_exclusion"},
    "exclusion-keep": {"keep_exclusion"},
    "exclusion-decide": {"decide_exclusion"},
    # plans
    "audience-new": {"save_audience"},
    "audience-edit": {"save_audience"},
    "audience-drop": {"drop_audience"},
    "rollout-new": {"begin_draft"},
    "draft-drop": {"drop_draft"},
    "rollout-rehearse": {"ask_rehearsal"},
    "rollout-inbox": {"decide_drift"},
    "rollout-waves": {"reshape"},
    "package-need": {"add_need"},
    "package-need-end": {"end_need"},
    "package-check-off": {"check_off"},
    "rollout-check-off": {"check_off"},
    "rollout-finish-close": {"finish"},
    # decisions and stops
    "wave-freeze": {"freeze_wave", "skip_wave"},
    "wave-edit": {"edit_wave"},
    "wave-approve": {"approve_wave"},
    "wave-send-back": {"edit_wave"},
    "wave-withdraw": {"lapse_wave", "edit_wave"},
    "wave-look-over": {"look_over_wave"},
    "wave-retry": {"ask_retry_wave"},
    "wave-close": {"close_wave"},
    "batch-recall": {"recall_batch"},
    "batch-ask-gone": {"ask_gone"},
    "batch-confirm-gone": {"abandon_batch"},
    "rollout-pause": {"paused"},
    "rollout-lift-pause": {"lift_pause"},
    "rollout-reason": {"reason"},
    "rollout-halt": {"halt"},
    "rollout-resume": {"resume"},
    "rollout-abort": {"abort"},
    "rollout-review": {"review_emergency"},
    "stop": {"stop_everything"},
    "stop-reason": {"reason"},
    "stop-ask-lift": {"ask_lift_stop"},
    "stop-confirm-lift": {"lift_stop"},
    "sync-let-through": {"let_sync_through"},
    "failure-triage": {"triage"},
    "rollout-failure-triage": {"triage"},
    "rollout-failure-retry": {"ask_retry_wave"},
    # the calendar
    "freeze-new": {"add_freeze"},
    "freeze-change": {"add_freeze"},
    "freeze-review": {"review_freeze"},
    "freeze-override": {"ask_override"},
    "override-confirm": {"override_freeze", "end_freeze"},
    "override-take-back": {"take_back_override"},
    "maintenance-one": {"ask_override"},
    "windows": {"set_window"},
    "zones": {"set_zone"},
    "fiscal-years": {"set_fiscal_year"},
    # settings
    "connection-new": {"add_connection"},
    "connection-make-key": {"store_key", "make_next_key"},
    "connection-switch-key": {"switch_key"},
    "connection-rotate": {"store_secret"},
    "connection-push-on": {"turn_push_on"},
    "connection-push-off": {"turn_push_off"},
    "connection-disconnect": {"disconnect"},
    "connection-self-test": {"self_test"},
    "policy-change": {"ask_policy", "change_policy"},
    "policy-confirm": {"confirm_policy"},
    "policy-refuse": {"refuse_policy"},
}
# These decide nothing; the reason is the table's second half.
WRITES_NOTHING: dict[str, str] = {
    "sync": "asks for a read; what it changes is history of versions",
    "org-refresh": "asks for a read",
    "batch-look-again": "asks for a read; what that moves is written",
    "connection-check": "asks for a read; a first sign-in that binds is written",
    "connection-sign-in": "leads to Salesforce; coming back signed in is written",
    "connection-change": "the form as it was changes nothing, and is no error",
    "maintenance": "a file that lists what is known changes nothing, and is no error",
    "list-new": "reads a list and keeps it for its reader; using it is written",
    "list-new-draft": "as list-new",
    "list": "orgs that are so already change nothing; else mark, exclude or the draft's steps",
    "view-new": "a view of one's own is nobody else's business; a shared one is written",
    "view-edit": "as view-new",
    "view-update": "as view-new",
    "view-delete": "as view-new",
    "me": "what a person likes, kept in their session",
    "draft-review": "keeps reasons, or leads to the rollout it made; making one is written",
    "draft-version": "drafts are rows with the author of every change; planning one is written",
    "draft-audience": "as draft-version",
    "draft-waves": "as draft-version",
    "draft-schedule": "as draft-version",
}
SIGNING = {"sign-in", "sign-out"}
DONE, MOVED = 303, 302


def newest() -> int:
    """Return the sequence of the newest line."""
    return Event.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def watch(patch: pytest.MonkeyPatch) -> None:
    """Hold every act of these tests that went through against the tables above."""
    plain: Callable[..., Any] = Client.post

    def post(self: Client, path: str, *args: Any, **kwargs: Any) -> Any:
        try:
            name = resolve(path.split("?", maxsplit=1)[0]).url_name or ""
        except Resolver404:
            name = ""
        wanted = WRITES.get(name)
        before = newest() if wanted else 0
        answer = plain(self, path, *args, **kwargs)
        if wanted and went_through(answer, MOVED if name in SIGNING else DONE):
            told = Event.objects.filter(sequence__gt=before, action__in=wanted)
            line = told.select_related("person").first()
            assert line, f"{name} went through and left none of {sorted(wanted)}"
            assert line.person is not None, f"{name} does not say who"
        return answer

    patch.setattr(Client, "post", post)


def went_through(answer: Any, status: int) -> bool:
    """Whether an act ended with a redirect to what came of it, followed or not."""
    chain = getattr(answer, "redirect_chain", None)
    return bool(chain and chain[0][1] == status) or answer.status_code == status
