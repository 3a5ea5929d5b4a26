"""One call to Salesforce through simple-salesforce: the only place that knows the library.

simple-salesforce is given a session id and an instance, so its own login and refresh (which recurse
without end on a session that stays expired) are never used. What it raises becomes one of the
outcomes of `errors`; nothing else leaves, least of all its exceptions, which carry whole bodies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from rollouts.domain.connecting import Writes
from rollouts.domain.ids import REQUEST
from rollouts.salesforce import rows
from rollouts.salesforce.auth import Access, Login
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain, WritesRefused
from rollouts.salesforce.outcomes import Kind, of_answer, of_distrust, of_nonsense, of_silence
from rollouts.salesforce.queries import api_number
from rollouts.salesforce.soql import Query, Value, chunked, sf_id
from rollouts.salesforce.transport import NotOurs, Transport, kind_of

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce

_EXPIRED = 401
# Real seconds for which a low allowance is believed without asking again.
_BUDGET_STAYS = 60.0
# Calls kept back so that everything armed can still be canceled and read back.
CALLS_RESERVE = 50
BUDGET_RESERVED = "BUDGET_RESERVED"


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
        reserve: API calls of the day that only stopping may use.
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
        reserve: int = CALLS_RESERVE,
    ) -> None:
        self._writes = writes or (lambda: Writes.ALL if writes_allowed else Writes.NONE)
        self.name = name
        self.login = login
        self.transport = transport
        self.api = api_number(api_version)
        self.reserve = reserve
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
            TryAgain: too few API calls are left; what is left is for stopping.
            SalesforceError: any other outcome but "done".
        """
        allowed = self._writes()
        if allowed is not Writes.ALL and not (stops and allowed is Writes.CANCELS):
            raise WritesRefused(
                f"{self.name} only observes, so Pushboard did not {what}. Nothing was sent.",
                code="OBSERVE_MODE",
            )
        if not stops:
            self._spare(what)
        return self._ask(Kind.WRITE, what, call)

    def _spare(self, what: str) -> None:
        """Keep the last calls of the day for stopping and for reading that it stopped."""
        meter = self.transport.meter
        if meter.seen_ago() > _BUDGET_STAYS and self._short():
            # The allowance rolls: what was read minutes ago may long be free again.
            # Also a refusal tells it, in its header.
            with suppress(Refused):
                self._ask(Kind.READ, "read the API allowance", lambda sf: sf.limits())
        if self._short():
            raise TryAgain(
                f"{self.name} has {meter.budget.left if meter.budget else 0} API calls left today, "
                f"and the last {self.reserve} are kept for canceling, so Pushboard did not {what}.",
                code=BUDGET_RESERVED,
            )

    def _short(self) -> bool:
        budget = self.transport.meter.budget
        return budget is not None and budget.left < self.reserve

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
            except requests.RequestException as trouble:
                raise self._without_answer(kind, what, trouble) from None
            except (ValueError, TypeError, RecursionError):
                # What the library makes of an answer that is JSON, but not of the expected shape.
                raise of_nonsense(kind, what) from None
            if last:
                raise self.login.give_up(access)
            access = self.login.renew(access)
        raise AssertionError("the second round always ends")

    def _without_answer(
        self, kind: Kind, what: str, trouble: requests.RequestException
    ) -> SalesforceError:
        match trouble:
            case requests.JSONDecodeError() | NotOurs():
                return of_nonsense(kind, what)
            case requests.exceptions.SSLError():
                return of_distrust(what)
            case requests.ConnectTimeout():
                return of_silence(kind, what, left=False)
        return of_silence(kind, what, left=self.transport.left)

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

    def _send(
        self,
        what: str,
        path: str,
        *,
        method: str = "GET",
        data: str | None = None,
        takes: str = "text/csv",
    ) -> str:
        """Make a call that sends or answers plain text, and return the text.

        ``path`` is below the API version's address, or the instance's when it begins with a slash.
        Raises as `_write` and `_ask` do.
        """

        def call(library: Salesforce) -> object:
            from simple_salesforce.util import call_salesforce

            headers = {"Authorization": f"Bearer {library.session_id}", "Accept": takes}
            if data is not None:
                headers["Content-Type"] = "text/csv; charset=UTF-8"
            base = library.base_url
            answer = call_salesforce(
                f"https://{library.sf_instance}{path}" if path[0] == "/" else base + path,
                method,
                library.session,
                headers,
                data=None if data is None else data.encode(),
            )
            if answer.content and kind_of(answer) != takes:
                raise NotOurs
            answer.encoding = "utf-8"
            return answer.text

        if method == "GET":
            return str(self._ask(Kind.READ, what, call))
        return str(self._write(what, call))

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
