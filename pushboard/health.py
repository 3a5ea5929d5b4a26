"""Is this process alive, and can it serve people?"""

from __future__ import annotations

from contextlib import suppress

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
@never_cache
def livez(_request: HttpRequest) -> HttpResponse:
    """200 while the process answers. It asks nothing else: a broken database restarts nobody."""
    return HttpResponse("alive\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when the database can be written and its schema is ours, else 503.

    The broker is reported and does not decide: pages, and every way to stop, work without it.
    """
    problems = _database_problems()
    return JsonResponse(
        {"ready": not problems, "problems": problems, "broker": _broker_word()},
        status=503 if problems else 200,
    )


def _database_problems() -> list[str]:
    """What keeps the database from serving; empty when all is well."""
    try:
        # A write that touches no row: a database that can only be read fails here, not in a SELECT.
        Session.objects.filter(session_key="readiness").update(session_data="")
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return ["The database can't be written."]
    return [f"{len(waiting)} migrations are not applied."] if waiting else []


def _broker_word() -> str:
    """Whether the broker is "reachable" or "away", said within a second."""
    with suppress(redis.RedisError, OSError):
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1
        )
        with client:
            client.ping()
            return "reachable"
    return "away"
