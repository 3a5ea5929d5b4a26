"""Every battery of planning, one after the other: `make battery-planning`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from tests.batteries import planning


def main() -> int:
    """Run each module of this folder that has a `main`; all are run, also after a failure."""
    failed = 0
    for found in sorted(pkgutil.iter_modules(planning.__path__), key=lambda one: one.name):
        if found.name.startswith(("_", "test_")):
            continue
        module = importlib.import_module(f"{planning.__name__}.{found.name}")
        if hasattr(module, "main"):
            failed += bool(module.main([]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
