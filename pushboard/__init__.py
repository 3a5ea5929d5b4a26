"""Wiring: settings, environment, Celery app, root URLs, servers' entry points. No product logic.

The Celery app is imported here so that `shared_task` binds to it in every process.
"""

from __future__ import annotations

from pushboard.celery import app as celery_app

__all__ = ["celery_app"]
