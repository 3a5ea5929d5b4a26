"""The Celery app: it rings bells and keeps the beat, and holds nothing.

The database row is the queue. A message is a doorbell that carries ids; losing one costs at most a
tick, ringing twice costs nothing. Every setting below follows from that.
"""

from __future__ import annotations

import gc
import logging.config
import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

from pushboard.tether import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")

# Seconds after which an unanswered bell is dropped, so that an outage does not end in a stampede.
BELL_EXPIRES = 60


def configuration() -> dict[str, Any]:
    """What Celery asks for on first use, when Django's settings can be read."""
    return {
        "broker_url": settings.REDIS_URL,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "global_keyprefix": "pushboard:",
            # Far above the longest step: below it Redis would hand a running bell out again.
            "visibility_timeout": 600,
            # Without these a broker that accepts and never answers blocks for ever.
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        # A caller in a web request must not wait for a broker that is away: the next tick finds
        # the row anyway.
        "task_publish_retry": False,
        # Early acknowledgement: safety comes from the database, and a worker with nothing to
        # redeliver survives a bounce of the broker.
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        # No results: they would leak memory and put data into Redis.
        "task_ignore_result": True,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        # One step per bell; an HTTP call of 60 s fits inside.
        "task_soft_time_limit": 75,
        "task_time_limit": 90,
        "task_annotations": {"*": {"expires": BELL_EXPIRES}},
        # `act` writes to Salesforce, `watch` guards what is armed, `bulk` reads subscribers: a
        # sync that hangs must not starve the watcher, so each can have a process of its own.
        "task_default_queue": "act",
        "task_create_missing_queues": True,
        "task_routes": {
            "rollouts.tasks.watch": {"queue": "watch"},
            "rollouts.tasks.sync": {"queue": "bulk"},
        },
        "worker_max_tasks_per_child": 200,
        "worker_max_memory_per_child": 300_000,  # kilobytes
        "worker_soft_shutdown_timeout": 20,
        # Belt and braces: no code of ours uses an eta, a test sees to that.
        "worker_eta_task_limit": 100,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule_filename": str(settings.DATA_DIR / "beat-schedule"),
        "beat_schedule": {
            "tick": _bell("rollouts.tasks.tick", "act", settings.TICK_SECONDS),
            "watch": _bell("rollouts.tasks.watch", "watch", settings.TICK_SECONDS * 2),
            "sync": _bell("rollouts.tasks.sync", "bulk", settings.SYNC_SECONDS),
        },
    }


def _bell(task: str, queue: str, every: float) -> dict[str, Any]:
    """A beat entry; `every` in seconds of the wall."""
    return {
        "task": task,
        "schedule": every,
        "options": {"queue": queue, "expires": BELL_EXPIRES},
    }


app = Celery("pushboard")
app.add_defaults(configuration)
# Sync views run in threads of their own, where otherwise a bare app without our broker would be
# the current one.
app.set_default()
app.autodiscover_tasks()


@signals.worker_init.connect
def _share_memory_with_the_pool(**_: object) -> None:
    """Keep the collector off what is loaded by now: its marks would copy every shared page."""
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def _end_with_the_worker(**_: object) -> None:
    """A pool process must not go on pushing for a worker that was killed and started again."""
    die_with_parent()


@signals.setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery configures no logging of its own when this signal has a receiver."""
    logging.config.dictConfig(settings.LOGGING)
