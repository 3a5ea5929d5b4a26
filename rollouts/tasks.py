"""Doorbells for Celery: nothing in, nothing out. Lost ones cost seconds, doubled ones nothing."""

from __future__ import annotations

import subprocess
import sys

from celery import shared_task
from django.conf import settings

from rollouts.pipeline import tick as conductor
from rollouts.pipeline import trust
from rollouts.pipeline.deployment import demand_mode


@shared_task(name="rollouts.tasks.tick", ignore_result=True)
def tick() -> None:
    """Ring for one pass of the conductor."""
    demand_mode()
    conductor.tick()


@shared_task(name="rollouts.tasks.watch", ignore_result=True)
def watch() -> None:
    """Ring for one round of the watcher."""
    demand_mode()
    conductor.watch_all()


@shared_task(name="rollouts.tasks.sync", ignore_result=True)
def sync() -> None:
    """Ring for one reading of all subscribers."""
    demand_mode()
    conductor.sync_all()
    trust.read_if_due()


@shared_task(name="rollouts.tasks.rehearse", ignore_result=True)
def rehearse() -> None:
    """Ring for the rehearsals that wait: a process of its own plays them, and outlives this."""
    demand_mode()
    subprocess.Popen(  # noqa: S603 - our own command, no word of anybody in it
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "rehearse", "--waiting"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
