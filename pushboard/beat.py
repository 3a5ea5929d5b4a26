"""The app that beat runs: it knows when to ring, and by name what for, but loads no product code.

    celery -A pushboard.beat beat

A process that only sends a few names need not hold models, forms and Salesforce's client in memory,
and has less in it that could stop it from ringing.
"""

from __future__ import annotations

from celery import Celery

from pushboard.celery import configuration

# Without fixups Celery does not set Django up; the settings alone are read.
app = Celery("pushboard-beat", fixups=[])
app.add_defaults(configuration)
