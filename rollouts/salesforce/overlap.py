"""Work on one page while the next one is on its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Raw = TypeVar("Raw")
Made = TypeVar("Made")


def overlapped(make: Callable[[Raw], Made], pages: Iterable[Raw]) -> Iterator[Made]:
    """Yield ``make(page)`` for each page, in order.

    ``make`` runs in a thread of its own and must touch neither network nor database; the pages are
    fetched in the caller's thread, so sessions and logins stay where they belong. What either
    raises comes out here.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="pages") as pool:
        try:
            for page in pages:
                waiting.append(pool.submit(make, page))
                while waiting and waiting[0].done():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
