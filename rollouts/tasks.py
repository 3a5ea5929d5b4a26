"""Doorbells for Celery: nothing in, nothing out. Lost ones cost seconds, doubled ones nothing."""

from __future__ import annotations

from celery import shared_task

from rollouts.pipeline import tick as conductor


@shared_task(name="rollouts.tasks.tick", ignore_result=True)
def tick() -> None:
    """Ring for one pass of the conductor."""
    conductor.tick()


@shared_task(name="rollouts.tasks.watch", ignore_result=True)
def watch() -> None:
    """Ring for one round of the watcher."""
    conductor.watch_all()


@shared_task(name="rollouts.tasks.sync", ignore_result=True)
def sync() -> None:
    """Ring for one reading of all subscribers."""
    conductor.sync_all()
