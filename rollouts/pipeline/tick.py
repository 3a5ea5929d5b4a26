"""One pass of the conductor: settle first, then start a little. Read this first.

The database row is the queue. A tick may be doubled, lost or late and nothing bad follows: every
step claims its row by a guarded update and looks at what is so before it does anything.
"""

from __future__ import annotations

import logging

from rollouts.models import Connection, Rollout
from rollouts.pipeline import (
    batches,
    clock,
    conduct,
    confirm,
    drift,
    licences,
    memory,
    selftest,
    sync,
    track,
    watch,
)
from rollouts.pipeline.leases import beat, leased
from rollouts.pipeline.transitions import Overtaken
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import SalesforceError

log = logging.getLogger(__name__)


def tick() -> None:
    """Look after every running rollout once; one rollout's trouble does not stop the others."""
    memory.look_back()
    running = Rollout.objects.running().select_related("to_version__package__connection")
    for rollout in running.order_by("pk"):
        try:
            _look_after(rollout)
        except (SalesforceError, Overtaken) as error:
            log.warning("rollout %s waits: %s", rollout.slug, error)
        except Exception:
            # An unreadable policy or a bug of ours holds this rollout; the others go on.
            log.exception("rollout %s could not be looked after", rollout.slug)
    beat("tick", clock.now())


def _look_after(rollout: Rollout) -> None:
    with leased(f"rollout {rollout.pk}", clock.now()) as mine:
        if not mine:
            return
        link = rollout.to_version.package.connection
        gateway = gateway_for(link)
        try:
            track.track(rollout, gateway)
            confirm.confirm_successes(rollout, gateway)
            sync.note_budget(link, gateway)
        except SalesforceError as error:
            sync.note_failure(link, error)
            raise
        track.mark_stuck(rollout, clock.now())
        conduct.conduct(rollout, clock.now())
        batches.advance(rollout, gateway)


def sync_all(*, full: bool | None = None) -> None:
    """Read every connection's packages and subscribers; see `sync.sync` for ``full``."""
    with leased("sync", clock.now()) as mine:
        if not mine:
            return
        for link in Connection.objects.sources().order_by("pk"):
            try:
                sync.sync(link, gateway_for(link), full=full)
            except SalesforceError as error:
                sync.note_failure(link, error)
                log.warning("sync of %s failed: %s", link.name, error)
        for link in Connection.objects.licensing().order_by("pk"):
            try:
                licences.sync_licences(link, gateway_for(link), full=full)
                sync.note_budget(link, gateway_for(link))
            except SalesforceError as error:
                # Licences only enrich: what they told before stands, with its age.
                sync.note_failure(link, error)
                log.warning("licences of %s could not be read: %s", link.name, error)
        _fill_inboxes()
        sync.prune(clock.now())


def _fill_inboxes() -> None:
    try:
        drift.collect_all(clock.now())
    except Exception:
        # The inbox informs people; the engine looks at each org again before it arms anything.
        log.exception("the inboxes of late joiners could not be filled")


def watch_all() -> None:
    """Let the watcher make its round over every connection, each with a heartbeat of its own."""
    memory.look_back()
    began, whole = clock.now(), True
    for link in Connection.objects.ready().order_by("pk"):
        try:
            selftest.sweep(link)
            whole = watch.watch(link, gateway_for(link)) and whole
        except SalesforceError as error:
            log.warning("watcher could not read %s: %s", link.name, error)
            whole = False
        except Exception:
            # One connection's trouble must not leave the others unwatched.
            log.exception("watcher failed on %s", link.name)
            whole = False
    if whole:
        beat("watcher", began)
