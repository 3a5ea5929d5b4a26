"""One call to Salesforce through simple-salesforce: the only place that knows the library.

simple-salesforce is given a session id and an instance, so its own login and refresh (which recurse
without end on a session that stays expired) are never used. What it raises becomes one of the
outcomes of `errors`; nothing else leaves, least of all its exceptions, which carry whole bodies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from rollouts.domain.connecting import Writes
from rollouts.domain.ids import REQUEST
from rollouts.salesforce import rows
from rollouts.salesforce.auth import Access, Login
from rollouts.salesforce.errors import TryAgain, WritesRefused
from rollouts.salesforce.outcomes import Kind, of_answer, of_distrust, of_nonsense, of_silence
from rollouts.salesforce.soql import Query, Value, chunked, sf_id
from rollouts.salesforce.transport import Transport

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce

_EXPIRED = 401


class Client:
    """Calls, pages and sessions of one connection. Safe between threads.

    Args:
        transport: carries the requests.
        login: holds the token.
        api_version: such as "67.0".
        writes_allowed: False for a connection that only observes: no write is ever sent.
        name: the connection's name, for sentences.
        writes: what may be written, asked anew before each write, so that push mode turned off in
            another process holds here at once; ``writes_allowed`` for good when not given.
    """

    def __init__(
        self,
        transport: Transport,
        login: Login,
        *,
        api_version: str,
        writes_allowed: bool,
        name: str,
        writes: Callable[[], Writes] | None = None,
    ) -> None:
        self._writes = writes or (lambda: Writes.ALL if writes_allowed else Writes.NONE)
        self.name = name
        self.login = login
        self.transport = transport
        self._api_version = api_version
        self._mine = threading.local()

    @property
    def calls(self) -> int:
        """Requests put on the wire so far, logins included."""
        return self.transport.meter.calls

    @property
    def writes_allowed(self) -> bool:
        """Whether this connection may push at this moment."""
        return self._writes() is Writes.ALL

    def _write(
        self, what: str, call: Callable[[Salesforce], object], *, stops: bool = False
    ) -> object:
        """Make a call that may have an effect; ``stops`` marks one that only ends something.

        Raises:
            WritesRefused: this connection only observes; nothing was sent.
            SalesforceError: any other outcome but "done".
        """
        allowed = self._writes()
        if allowed is not Writes.ALL and not (stops and allowed is Writes.CANCELS):
            raise WritesRefused(
                f"{self.name} only observes, so Pushboard did not {what}. Nothing was sent.",
                code="OBSERVE_MODE",
            )
        return self._ask(Kind.WRITE, what, call)

    def _ask(self, kind: Kind, what: str, call: Callable[[Salesforce], object]) -> object:
        """Make one call, and make it once more if the session had expired.

        An expired session is refused before the request is read, so repeating it is safe for
        writes too. More than one repetition is not useful: the second session was brand-new.
        """
        from simple_salesforce.exceptions import SalesforceError as Answered

        access = self.login.access()
        for last in (False, True):
            try:
                return call(self._library(access))
            except Answered as answered:
                if answered.status != _EXPIRED:
                    raise of_answer(kind, what, answered.status, answered.content) from None
            except requests.JSONDecodeError:
                raise of_nonsense(kind, what) from None
            except requests.exceptions.SSLError:
                raise of_distrust(what) from None
            except requests.ConnectTimeout:
                raise of_silence(kind, what, left=False) from None
            except requests.RequestException:
                raise of_silence(kind, what, left=self.transport.left) from None
            except (ValueError, TypeError, RecursionError):
                # What the library makes of an answer that is JSON, but not of the expected shape.
                raise of_nonsense(kind, what) from None
            if last:
                raise self.login.give_up(access)
            access = self.login.renew(access)
        raise AssertionError("the second round always ends")

    def _library(self, access: Access) -> Salesforce:
        """Return simple-salesforce for this thread and this token."""
        mine: tuple[Access, Salesforce] | None = getattr(self._mine, "library", None)
        if mine is None or mine[0] is not access:
            # Importing it takes 0.4 s, which processes that never call Salesforce don't pay.
            from simple_salesforce.api import Salesforce

            library = Salesforce(
                session_id=access.token,
                instance=urlsplit(access.instance).netloc,
                version=self._api_version,
                session=self.transport.session(),
                object_pairs_hook=None,
            )
            mine = self._mine.library = (access, library)
        return mine[1]

    def _pages(self, what: str, query: Query) -> Iterator[Sequence[rows.Row]]:
        """Read a query page by page.

        Raises:
            SalesforceError: also when fewer rows came than Salesforce had announced, since an
                incomplete list must not pass for a complete one.
        """
        written = query.text()
        page = self._page(what, lambda sf: sf.query(written))
        announced, came, visited = page.total, len(page.rows), set[str]()
        yield page.rows
        while page.following:
            path = page.following
            if path in visited:
                raise of_nonsense(Kind.READ, what)
            visited.add(path)
            page = self._page(what, _following(path))
            came += len(page.rows)
            yield page.rows
        if came < announced:
            raise TryAgain(
                f"Could not {what}: Salesforce announced {announced} rows and sent {came}.",
                code="ROWS_MISSING",
            )

    def _page(self, what: str, call: Callable[[Salesforce], object]) -> rows.Page:
        try:
            return rows.page(self._ask(Kind.READ, what, call))
        except rows.Unreadable:
            raise of_nonsense(Kind.READ, what) from None

    def _all(self, what: str, query: Query) -> list[rows.Row]:
        """Read a query to its end."""
        return [row for found in self._pages(what, query) for row in found]

    def _chunks(
        self, what: str, query: Query, field: str, values: Sequence[Value]
    ) -> list[rows.Row]:
        """Read a query about many values, in as few calls as the length of an address allows."""
        return [row for one in chunked(query, field, values) for row in self._all(what, one)]

    def _by_request(
        self, what: str, query: Query, field: str, request_ids: Sequence[str]
    ) -> list[rows.Row]:
        """Read a query about push requests."""
        return self._chunks(what, query, field, [sf_id(one, REQUEST) for one in request_ids])


def _following(path: str) -> Callable[[Salesforce], object]:
    return lambda sf: sf.query_more(path, identifier_is_url=True)
