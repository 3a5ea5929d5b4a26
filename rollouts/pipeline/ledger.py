"""Intent before, outcome after: every write to Salesforce goes through ``sending``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rollouts.models import Batch, RemoteCall
from rollouts.pipeline import clock
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain


@contextmanager
def sending(batch: Batch, kind: str) -> Iterator[RemoteCall]:
    """Commit the intent, let the call be made, and write down how it ended.

    Whatever is not a clear answer is recorded as unknown, a killed process leaves "intended":
    both are looked up at Salesforce and never repeated blindly.
    """
    call = RemoteCall.objects.create(batch=batch, kind=kind, sent_at=clock.now())
    try:
        yield call
    except SalesforceError as error:
        _close(call, _outcome(error), str(error))
        raise
    _close(call, "done", "")


def _outcome(error: SalesforceError) -> str:
    if isinstance(error, Refused):
        return "refused"
    return "again" if isinstance(error, TryAgain) else "unknown"


def _close(call: RemoteCall, outcome: str, note: str) -> None:
    RemoteCall.objects.filter(pk=call.pk).update(
        outcome=outcome, note=note[:400], ended_at=clock.now()
    )
