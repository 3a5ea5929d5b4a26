from __future__ import annotations

from tests.stories.conftest import clock, world

__all__ = ["clock", "world"]
