#!/usr/bin/env python
"""Django's command line for Pushboard."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    if sys.argv[1:2] == ["demo"]:
        # The demo makes the settings of its processes, so it starts before Django reads any.
        from rollouts.management.launcher.main import main as demo

        raise SystemExit(demo(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
