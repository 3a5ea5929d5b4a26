"""Every battery of planning, one after the other: `make battery-planning`.

With `--quick` a seeded part of each, in seconds.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from tests.batteries import planning


def main() -> int:
    """Run each module of this folder that has a `main`; all are run, also after a failure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a part of each, in seconds")
    quick = parser.parse_args().quick
    failed = 0
    for found in sorted(pkgutil.iter_modules(planning.__path__), key=lambda one: one.name):
        if found.name.startswith(("_", "test_")):
            continue
        module = importlib.import_module(f"{planning.__name__}.{found.name}")
        if hasattr(module, "main"):
            failed += bool(module.main(module.QUICK if quick else []))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
