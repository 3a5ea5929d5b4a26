"""A worker with our settings and a task that leaves a mark, to see how it takes a broker's death.

celery -A tests.house.bouncing worker
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

from pushboard.celery import configuration

app = Celery("bouncing", fixups=[])
app.add_defaults(configuration)


@app.task(name="bouncing.mark")
def mark(word: str, seconds: float) -> None:
    """Take a while, then leave a file named `word`."""
    time.sleep(seconds)
    Path(os.environ["BOUNCING_MARKS"], word).touch()
