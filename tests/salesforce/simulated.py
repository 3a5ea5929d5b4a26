"""The gateway before the simulator: in process, or over HTTP on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rollouts.salesforce.auth import ClientCredentials, Credentials, Login
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport, Wire
from rollouts.simulator import FAST, Options, Simulator
from rollouts.simulator.server import SimulatorServer
from tests.support.in_process import InProcess

HOST = "127.0.0.1:8999"
START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
SECRET = ClientCredentials("pushboard-demo", "simulated-secret")


@dataclass
class Stage:
    """One simulated org, a gateway to it, and the clock of both."""

    sim: Simulator
    gateway: SalesforceGateway = field(init=False)
    at: datetime = START

    def forward(self, **span: float) -> None:
        """Let simulated time pass."""
        self.at += timedelta(**span)

    @property
    def package(self) -> str:
        """The id of the package that most orgs have."""
        return self.sim.catalog()["Harbor"]["id"]

    @property
    def version(self) -> str:
        """The id of the version that is pushed."""
        return self.sim.version_id("Harbor", "4.2.2")

    def behind(self, count: int) -> list[str]:
        """Return orgs that the version can be pushed to."""
        found = [
            one.org
            for page in self.gateway.subscribers(self.package)
            for one in page
            if one.installed and not one.blocked and one.status == "Active"
            if one.version_id == self.sim.version_id("Harbor", "4.2.0")
        ]
        assert len(found) >= count, f"only {len(found)} orgs are behind"
        return found[:count]

    def happened(self, kind: str) -> int:
        """Count the effects of a kind, by the witness."""
        return sum(effect.kind == kind for effect in self.sim.effects())


@contextmanager
def staged(
    how: str = "in process",
    *,
    orgs: int = 120,
    options: Options | None = None,
    timeout: float = 5,
    credentials: Credentials = SECRET,
) -> Iterator[Stage]:
    """Set up an org and a gateway, which talk ``in process`` or ``over HTTP``."""
    clock: list[Stage] = []
    sim = Simulator(
        orgs=orgs,
        clock=lambda: clock[0].at if clock else START,
        options=options or Options(pace=FAST, failure_rate=0),
    )
    stage = Stage(sim)
    clock.append(stage)

    def gateway(host: str, *, network: bool) -> SalesforceGateway:
        transport = Transport(
            Hosts.simulation([host]),
            timeout=timeout,
            now=lambda: stage.at,
            carrier=Wire if network else lambda: InProcess(sim),
        )
        login = Login(transport, f"http://{host}", credentials, name="Packaging org")
        return SalesforceGateway(
            transport, login, api_version="67.0", writes_allowed=True, name="Packaging org"
        )

    if how == "in process":
        stage.gateway = gateway(HOST, network=False)
        yield stage
        sim.close()
        return
    server = SimulatorServer(sim)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        stage.gateway = gateway(f"127.0.0.1:{server.port}", network=True)
        yield stage
    finally:
        # Closing the client's side first lets the server's threads end.
        stage.gateway.transport.session().close()
        server.shutdown()
        thread.join()
        server.finish()
