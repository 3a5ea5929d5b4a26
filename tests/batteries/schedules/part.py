"""One process of the battery: seeds come in, endings go out as JSON lines.

python -m tests.batteries.schedules.part DATABASE_URL [RULE_TO_BREAK]
"""

from __future__ import annotations

import gc
import json
import logging
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict

from tests.batteries import product
from tests.batteries.ending import orderly


class _Errors(logging.Handler):
    """What the pipeline caught, logged and went on from: a bug, in a schedule."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def main() -> None:
    url, bent = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    # All at once: whoever hands the seeds out does not listen before the last one is taken.
    given = sys.stdin.read().split()
    product.load(url)
    product.migrate()
    errors = _Errors()
    logger = logging.getLogger("rollouts")
    logger.addHandler(errors)
    logger.propagate = False
    from tests.batteries import swift
    from tests.batteries.schedules.stage import Stage
    from tests.batteries.schedules.story import Story

    swift.remember()
    stage = Stage()
    if bent:
        _break(bent)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    for line in given:
        seed = int(line)
        try:
            ending = asdict(Story(stage, seed, errors.lines).play())
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - whatever else stops a schedule is a finding
            ending = {
                "seed": seed, "word": "stopped", "pushed": 0, "scene": "",
                "problems": [traceback.format_exc()[-1500:]],
            }  # fmt: skip
        print(json.dumps(ending), flush=True)


def _break(rule: str) -> None:
    """Break one rule in the memory of this process: the battery must find it."""
    from rollouts.pipeline import arm, doubt, watch

    if rule != "stop-is-heard":
        raise SystemExit(f"no rule is called {rule}")
    # Nobody who says stop is heard any more: not by the guard, the recall or the watcher.
    vars(arm)["arm_refusals"] = lambda *_, **__: ()
    watch.why_not = lambda *_, **__: ""
    doubt.want_cancel = lambda *_, **__: False


if __name__ == "__main__":
    with orderly(), suppress(KeyboardInterrupt):
        main()
