"""Start a program of the product with one mapping broken on purpose, to see the check fail.

    python -m tests.batteries.bent NAME celery -A pushboard worker ...

The product itself knows nothing of this: the mapping is bent in the memory of this one process.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from typing import Any

import django


def _running_as_upgraded() -> None:
    from rollouts.domain.lifecycle import AttemptState
    from rollouts.pipeline import track
    from rollouts.salesforce.gateway import SfStatus

    track._STATE_OF[SfStatus.IN_PROGRESS] = AttemptState.SUCCEEDED


def _failed_as_upgraded() -> None:
    _counts()._OF_ATTEMPT["failed"] = "upgraded"


def _queued_as_running() -> None:
    _counts()._OF_ATTEMPT["queued"] = "running"


def _counts() -> Any:
    """The module that counts; its package has a function of the same name in its place."""
    return importlib.import_module("rollouts.pipeline.report.counts")


BENT: dict[str, Callable[[], None]] = {
    "running-as-upgraded": _running_as_upgraded,
    "failed-as-upgraded": _failed_as_upgraded,
    "queued-as-running": _queued_as_running,
}


def main() -> None:
    name, program, *arguments = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")
    django.setup()
    BENT[name]()
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
