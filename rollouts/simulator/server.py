"""The simulator as an HTTP server on loopback."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from .messages import Request, Response
from .simulator import Simulator

LARGEST_BODY: Final = 16 * 1024 * 1024
_LONGEST_LINE: Final = 1_024
_GRACE_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class CantListen(Exception):
    """The address is taken, or isn't loopback."""


class SimulatorServer(ThreadingHTTPServer):
    """Serves one simulator until `stop`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        simulator: Simulator,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        latency: float = 0.0,
        role: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise CantListen(f"The simulator listens on loopback only, not on {host}.")
        self.simulator = simulator
        # Real seconds that each call to Salesforce takes on top; the control face stays quick.
        self.latency = latency
        # Which of the world's orgs answers here; empty means the main one.
        self.role = role
        self._tls = tls
        self._busy = 0
        self._busy_changed = threading.Condition()
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as problem:
            raise CantListen(
                f"The simulator can't listen on {host}:{port}: {problem.strerror or problem}. "
                "Stop what uses the port, or choose another with --port."
            ) from problem

    @property
    def scheme(self) -> str:
        """How it is spoken to: https with a certificate, else http."""
        return "https" if self._tls else "http"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; with TLS its handshake waits for the connection's own thread."""
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away in its handshake is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def port(self) -> int:
        """The port in use; of interest when it was chosen by the system."""
        return int(self.server_address[1])

    def perform(self, request: Request) -> Response:
        """Perform a call, waiting where a fault says so."""
        with self._busy_changed:
            self._busy += 1
        try:
            began = time.monotonic()
            response = self.simulator.handle(request)
            if not request.path.startswith("/simulator"):
                # What it took to make the answer counts: a call takes so long, not longer.
                time.sleep(max(0.0, began + self.latency - time.monotonic()))
            while response.held or response.later:
                time.sleep(response.held)
                response.held = 0.0
                if response.later:
                    response = response.later()
            return response
        finally:
            with self._busy_changed:
                self._busy -= 1
                self._busy_changed.notify_all()

    def serve_until_stopped(self, *beside: SimulatorServer) -> None:
        """Serve until SIGTERM or SIGINT, then let running calls end and close the store.

        Servers `beside` this one answer for other orgs of the same world, for as long.
        """
        for other in beside:
            threading.Thread(target=other.serve_forever, args=(0.2,), daemon=True).start()
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, self._on_signal)
        try:
            self.serve_forever(poll_interval=0.2)
        finally:
            for other in beside:
                other.shutdown()
                other.stop_listening()
            self.finish()

    def finish(self) -> None:
        """Stop listening, wait briefly for running calls, close the store."""
        self.stop_listening()
        self.simulator.close()

    def stop_listening(self) -> None:
        """Close the address and wait briefly for running calls."""
        self.server_close()
        with self._busy_changed:
            self._busy_changed.wait_for(lambda: self._busy == 0, timeout=_GRACE_SECONDS)

    def _on_signal(self, _number: int, _frame: object) -> None:
        # shutdown() waits for the serving loop, so the loop's own thread must not call it.
        threading.Thread(target=self.shutdown, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    disable_nagle_algorithm = True
    server: SimulatorServer

    def _any(self) -> None:
        body = self._body()
        if body is None:
            return
        headers = dict(self.headers.items())
        request = Request.of(self.command, self.path, headers, body, self.server.scheme)
        request = replace(request, role=self.server.role)
        response = self.server.perform(request)
        if response.reset:
            self._reset()
        else:
            self._send(response)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdecimal():
            self._send(Response(411), last=True)
            return None
        if int(length) > LARGEST_BODY:
            self._send(Response(413), last=True)
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes | None:
        """A body in chunks (RFC 9112, section 7.1), as jsforce uploads its CSV."""
        body = bytearray()
        while True:
            line = self.rfile.readline(_LONGEST_LINE)
            size = line.partition(b";")[0].strip()
            if not line.endswith(b"\n") or not size or set(size) - set(b"0123456789abcdefABCDEF"):
                self._send(Response(400), last=True)
                return None
            length = int(size, 16)
            if len(body) + length > LARGEST_BODY:
                self._send(Response(413), last=True)
                return None
            if not length:
                break
            body += self.rfile.read(length)
            self.rfile.readline(_LONGEST_LINE)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass  # trailers say nothing to us
        return bytes(body)

    def _send(self, response: Response, *, last: bool = False) -> None:
        """Headers and body in one write: two would wait for a delayed acknowledgement."""
        lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(response.body)}")
        if last or self.close_connection:
            lines.append("Connection: close")
            self.close_connection = True
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if self.command == "HEAD":
            self.wfile.write(head)
        elif response.cut and response.body:
            self.wfile.write(head + response.body[: len(response.body) // 2])
            self.close_connection = True
        elif response.drip:
            self.wfile.write(head)
            self._drip(response.body, response.drip)
        else:
            self.wfile.write(head + response.body)

    def _drip(self, body: bytes, seconds: float) -> None:
        for at in range(len(body)):
            time.sleep(seconds / len(body))
            self.wfile.write(body[at : at + 1])

    def _reset(self) -> None:
        """Cut the connection so that the caller sees a reset and not an orderly end."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the caller went away, which is its good right

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            log.debug("The connection was gone before its end.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        log.debug(format, *args)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
