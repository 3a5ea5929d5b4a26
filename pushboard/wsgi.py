"""For servers that speak WSGI; live pages then fall back to polling."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")
# Threads of one server process share a few connections instead of holding one each.
os.environ.setdefault("PUSHBOARD_DATABASE_POOL", "10")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
