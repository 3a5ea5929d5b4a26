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
    from rollouts.models import ChainHead, Event, FrozenList

    problems: list[str] = []
    previous, lines = "", 0
    for line in Event.objects.order_by("sequence").iterator():
        lines += 1
        if line.sequence != lines:
            problems.append(f"line {line.sequence} stands where {lines} belongs")
        if line.previous != previous or line.hash != line.content_hash():
            problems.append(f"line {line.sequence} does not follow from the one before")
        previous = line.hash
    head = ChainHead.objects.first()
    if head is None or (head.sequence, head.hash) != (lines, previous):
        problems.append("the head of the chain is not its last line")
    lists = list(FrozenList.objects.select_related("to_version__package"))
    problems += [
        f"list {row.pk} is not what was hashed" for row in lists if digest(row.plan()) != row.digest
    ]
    print(json.dumps({"lines": lines, "lists": len(lists), "problems": problems}))


if __name__ == "__main__":
    main()
