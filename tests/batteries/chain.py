"""Verify the history's hash chain and every digest with the product's own functions.

    python -m tests.batteries.chain /path/of/pushboard.sqlite3
    python -m tests.batteries.chain postgresql://...

A process of its own, so that the batteries stay free of Django. Prints one JSON object:
`{"lines": n, "lists": n, "problems": [sentence, ...]}`.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    address = sys.argv[1] if "://" in sys.argv[1] else f"sqlite:///{sys.argv[1]}"
    for name in [name for name in os.environ if name.startswith("PUSHBOARD_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "pushboard.settings",
        "PUSHBOARD_MODE": "simulation",
        "PUSHBOARD_DATABASE_URL": address,
        "PUSHBOARD_LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
    from rollouts.domain.digest import digest
    from rollouts.models import FrozenList
    from rollouts.pipeline import chain

    verdict = chain.verify()
    problems = [] if verdict.intact else [verdict.sentence]
    lists = list(FrozenList.objects.select_related("to_version__package"))
    problems += [
        f"list {row.pk} is not what was hashed" for row in lists if digest(row.plan()) != row.digest
    ]
    print(json.dumps({"lines": verdict.entries, "lists": len(lists), "problems": problems}))


if __name__ == "__main__":
    main()
