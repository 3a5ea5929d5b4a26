"""What uvicorn serves."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")
# Under ASGI every request may have its own thread, and so its own connection: a pool keeps
# PostgreSQL from running out of them. Workers have few threads and go without.
os.environ.setdefault("PUSHBOARD_DATABASE_POOL", "10")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
