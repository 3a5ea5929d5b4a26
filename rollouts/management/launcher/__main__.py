"""`python -m rollouts.management.launcher`."""

from __future__ import annotations

from rollouts.management.launcher.main import main

if __name__ == "__main__":
    raise SystemExit(main())
