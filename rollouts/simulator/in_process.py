"""A requests adapter that asks the simulator in process: no socket, no thread, no waiting.

For tests and rehearsals, whose clocks stand still while a call is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from .faces import OrgFace
from .messages import Request, Response
from .simulator import Simulator


class InProcess(BaseAdapter):
    """Mount it on `http://` and `https://` of a session; see `session_for`.

    A fault that holds the answer longer than the caller's read timeout raises ReadTimeout, as a
    socket would, but at once; its effect has happened then, since nobody could tell the time of
    it anyway. A body that drips takes the time that `wait` is told of, so that an artificial clock
    can go on. `timeouts` keeps what each call asked for, newest last.
    """

    def __init__(
        self,
        simulator: Simulator | OrgFace,
        wait: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        super().__init__()
        self.simulator = simulator
        self._wait = wait
        self.timeouts: list[float | None] = []

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - the base's signature
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Answer a request by the simulator."""
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        self.timeouts.append(patience)
        answer = self.simulator.handle(_asked(request))
        held = 0.0
        while answer.held or answer.later:
            held += answer.held
            answer.held = 0.0
            if answer.later:
                answer = answer.later()
        if patience is not None and held > patience:
            raise requests.ReadTimeout("Read timed out.", request=request)
        if answer.reset:
            raise requests.ConnectionError("Connection reset by peer", request=request)
        return self._response(request, answer)

    def close(self) -> None:
        """Nothing is open."""

    def _body(self, answer: Response) -> BytesIO:
        if answer.drip:
            return _Drip(answer.body, answer.drip, self._wait)
        return BytesIO(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)

    def _response(self, request: requests.PreparedRequest, answer: Response) -> requests.Response:
        # Through urllib3, so that decoding, cookies and streaming are those of a real answer.
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        raw = HTTPResponse(
            body=self._body(answer),
            headers=headers,
            status=answer.status,
            reason=HTTPStatus(answer.status).phrase,
            preload_content=False,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(headers)
        response.reason = raw.reason or ""
        response.raw = raw
        response.url = request.url or ""
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.request = request
        response.connection = self  # type: ignore[assignment]
        return response


class _Drip(BytesIO):
    """A body that gives one byte at a time, each after its share of the seconds."""

    def __init__(self, body: bytes, seconds: float, wait: Callable[[float], None]) -> None:
        super().__init__(body)
        self._pause = seconds / max(1, len(body))
        self._wait = wait

    def read1(self, size: int | None = -1) -> bytes:
        self._wait(self._pause)
        return super().read1(1 if size else 0)


def session_for(simulator: Simulator | OrgFace) -> requests.Session:
    """A session of which every call goes to the simulator, whatever its scheme and host."""
    session = requests.Session()
    session.trust_env = False
    adapter = InProcess(simulator)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _asked(request: requests.PreparedRequest) -> Request:
    parts = urlsplit(request.url or "")
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        raise TypeError("Streamed bodies are not spoken here.")
    headers = {
        "Host": parts.netloc,
        **{str(name): str(text) for name, text in request.headers.items()},
    }
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return Request.of(request.method or "GET", target, headers, body, scheme=parts.scheme)
