"""How requests travel: to allowed hosts only, with time limits, once, and counted.

A requests session whose only door judges each address, limits the time, never repeats, never
follows a redirect, keeps no cookies and takes nothing from the environment (no proxy, no netrc:
both could carry a token elsewhere). Whether a byte has left is read from the socket, since "not
sent" and "perhaps done" are different outcomes and the names of exceptions don't tell them apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.meter import Meter

CONNECT_SECONDS = 5.0
# Salesforce pages hold 2,000 rows, a few hundred kB; more than this is not an answer of it.
LARGEST_ANSWER = 64 * 1024 * 1024
# A server closes an idle connection when it likes. A write that runs into that gets no answer and
# nobody knows whether it was read, so writes don't use a connection that has been idle this long.
FRESH_SECONDS = 5.0
_PIECE = 64 * 1024
_DATA = "/services/data"
_KINDS = frozenset({"application/json", "text/csv"})

_wire = threading.local()


class _MarksConnection(HTTPConnection):
    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _wire.left = True
        super().send(data)


class _MarksTlsConnection(HTTPSConnection):
    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _wire.left = True
        super().send(data)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _MarksConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _MarksTlsConnection


class Wire(HTTPAdapter):
    """The network. Sends once and marks the moment at which the first byte leaves."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class NotOurs(requests.RequestException):
    """An answer that says success and is of a kind that Salesforce's API never sends."""


def kind_of(answer: requests.Response) -> str:
    """Return the media type of an answer, without its parameters."""
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class _Door(BaseAdapter):
    """The only way out of a session; ``carrier`` is the network or, in tests, a simulator."""

    def __init__(
        self,
        carrier: BaseAdapter,
        hosts: Hosts,
        meter: Meter,
        timeout: float,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        secure: set[str],
    ) -> None:
        super().__init__()
        self._secure = secure
        self._carrier = carrier
        self._hosts = hosts
        self._meter = meter
        self._timeout = timeout
        self._now = now
        self._monotonic = monotonic
        self._used = monotonic()

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """Send one request.

        Raises:
            HostRefused: the address is not allowed; nothing was sent.
            requests.RequestException: no answer; see `Transport.left`.
        """
        # A carrier that can't mark is taken to have sent, which errs on the safe side.
        _wire.left = False
        self._hosts.request(request.url or "")
        if self._hosts.simulated is not None:
            request.url = self._spoken(request.url or "")
        request.headers.pop("X-PrettyPrint", None)
        idle = self._monotonic() - self._used
        if request.method != "GET" and idle > FRESH_SECONDS:
            self._carrier.close()
        _wire.left = not isinstance(self._carrier, Wire)
        self._meter.asked()
        sent, until = self._now(), self._monotonic() + CONNECT_SECONDS + self._timeout
        answer = self._carrier.send(
            request,
            stream=True,
            timeout=(CONNECT_SECONDS, self._timeout),
            verify=options.get("verify", True),
        )
        self._meter.answered(answer.headers, sent, self._now())
        self._read(answer, until)
        self._used = self._monotonic()
        # A proxy's own page under our address; what it did with the call nobody knows.
        told = answer.ok and answer.content and request.path_url.startswith(_DATA)
        if told and kind_of(answer) not in _KINDS:
            raise NotOurs(f"an answer of kind {kind_of(answer)[:60]}", request=request)
        return answer

    def _spoken(self, url: str) -> str:
        """Return a simulator's address as it is spoken to.

        simple-salesforce writes https in every address. The simulator speaks plain http, unless its
        login address says otherwise.
        """
        parts = urlsplit(url)
        scheme = "https" if parts.netloc in self._secure else "http"
        return urlunsplit(parts._replace(scheme=scheme))

    def close(self) -> None:
        """Close idle connections."""
        self._carrier.close()

    def _read(self, answer: requests.Response, until: float) -> None:
        """Read the whole body, within bounds that a dripping server can't stretch.

        Raises:
            requests.RequestException: too slow, too long, or broken off.
        """
        if not isinstance(answer.raw, BaseHTTPResponse):
            return  # a carrier of the tests, whose answers are whole already
        pieces, size = [], 0
        try:
            # One receive at a time: requests' own reading waits until a whole piece is full.
            while piece := answer.raw.read1(_PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_ANSWER or self._monotonic() > until:
                    answer.close()
                    raise requests.ReadTimeout("longer or slower than any answer of Salesforce's")
        except HTTPError as problem:
            answer.close()
            raise requests.ConnectionError(
                "the answer broke off", request=answer.request
            ) from problem
        answer._content = b"".join(pieces)  # noqa: SLF001 - as requests' own .content does
        answer._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - the same


class _Session(requests.Session):
    """A session that never follows a redirect, whatever its caller asks for."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class Transport:
    """Sessions of one connection, one for each thread, and what their answers told.

    Args:
        hosts: the hosts that may be asked.
        timeout: real seconds to wait for an answer.
        now: business time.
        ca_bundle: path of the certificates to trust instead of the usual ones, or "".
        carrier: makes what carries the requests of one thread; the network by default.
        monotonic: seconds of this machine, by which slowness is judged.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        timeout: float,
        now: Callable[[], datetime],
        ca_bundle: str = "",
        carrier: Callable[[], BaseAdapter] = Wire,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hosts = hosts
        self.meter = Meter(monotonic)
        self._monotonic = monotonic
        self.now = now
        self._timeout = timeout
        self._ca_bundle = ca_bundle
        self._carrier = carrier
        self._secure: set[str] = set()
        self._mine = threading.local()

    def speak_tls(self, origin: str) -> None:
        """Speak TLS to a simulator whose login address begins with https; see `_Door`."""
        parts = urlsplit(origin)
        if parts.scheme == "https":
            self._secure.add(parts.netloc)

    @property
    def left(self) -> bool:
        """Whether a byte of this thread's last request may have left this machine."""
        return bool(getattr(_wire, "left", False))

    def session(self) -> requests.Session:
        """Return this thread's session. Its connections are kept between calls."""
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = _Session()
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.verify = self._ca_bundle or True
            session.headers["User-Agent"] = "Pushboard"
            session.adapters.clear()
            door = _Door(
                self._carrier(),
                self.hosts,
                self.meter,
                self._timeout,
                self.now,
                self._monotonic,
                self._secure,
            )
            session.mount("", door)
            self._mine.session = session
        return session
