"""How a battery ends when it is told to: as by Ctrl-C, with everything it made gone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Once: who tells it twice must not stop it from cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def orderly() -> Iterator[None]:
    """Let SIGTERM interrupt what runs in here as Ctrl-C does, so that it cleans up."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread hears signals; what it runs in threads it ends itself.
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
