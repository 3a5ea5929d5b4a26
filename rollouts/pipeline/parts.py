"""Long lists of keys, cut for the IN lists of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")
# Fewer than the 999 parameters that the strictest SQLite takes in one query.
AT_ONCE = 900


def parts(values: Collection[T], at_once: int = AT_ONCE) -> Iterator[list[T]]:
    """Yield the values in lists of at most ``at_once``, in their order; none of no values."""
    # Python 3.11, the oldest that is supported, has no itertools.batched.
    listed = list(values)
    for start in range(0, len(listed), at_once):
        yield listed[start : start + at_once]
