"""Root URLs: two health checks, and the product at the root."""

from __future__ import annotations

from django.urls import include, path

from pushboard import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("rollouts.urls")),
]
