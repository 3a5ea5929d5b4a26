"""The simulated Salesforce as a process that writes down each request it gets.

    python -m tests.interop.serve --data DIR --log FILE [--tls CERT KEY] [--spoil NAME]

It is `rollouts.simulator` unchanged, behind a server that keeps a line of JSON per request: method,
target and status. `--spoil` breaks one kind of answer, to prove that the check would notice.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import threading
from pathlib import Path

from rollouts.simulator import FAST, Options, Request, Response, Role, Simulator
from rollouts.simulator.clock import FastClock
from rollouts.simulator.server import SimulatorServer

from .spoil import SPOILERS


class RecordingServer(SimulatorServer):
    """Serves a simulator and keeps a line for each call that a client makes."""

    def __init__(
        self, simulator: Simulator, log: Path, spoil: str | None, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(simulator, tls=tls)
        self._log = log
        self._spoil = SPOILERS[spoil] if spoil else None
        self._writing = threading.Lock()

    def perform(self, request: Request) -> Response:
        """Answer a call, and write it down unless it is the check's own."""
        if request.path.startswith("/simulator"):
            return super().perform(request)
        response = super().perform(request)
        if self._spoil:
            self._spoil(request, response)
        line = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "status": response.status,
        }
        with self._writing, self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return response


def main() -> None:
    """Serve until told to stop; the first line on stdout is the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--orgs", type=int, required=True)
    parser.add_argument("--role", choices=[role.value for role in Role], required=True)
    parser.add_argument("--tls", type=Path, nargs=2)
    parser.add_argument("--spoil", choices=sorted(SPOILERS))
    given = parser.parse_args()
    options = Options(role=Role(given.role), failure_rate=0.0, defect_rate=0.0, pace=FAST)
    clock = FastClock.from_environment()
    simulator = Simulator(given.data, orgs=given.orgs, clock=clock, options=options)
    tls = None
    if given.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*given.tls)
    server = RecordingServer(simulator, given.log, given.spoil, tls)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_until_stopped()


if __name__ == "__main__":
    main()
