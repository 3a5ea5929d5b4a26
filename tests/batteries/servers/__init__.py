"""Real servers for the batteries: PostgreSQL from a wheel, Valkey, and a proxy that cuts lines.

Each lives in a folder of its own, listens on a free loopback port, dies with the battery, and runs
as an account without rights when the battery is root. No account is made, no folder is opened.
"""

from __future__ import annotations
