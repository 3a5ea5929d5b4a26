"""The gateway before the simulator: in process, or on loopback over HTTP or TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rollouts.salesforce.auth import ClientCredentials, Credentials, Login
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport
from rollouts.simulator import FAST, Options, Simulator, certificates
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
    seconds: float = 0.0
    logins: int = 0

    def wait(self, seconds: float) -> None:
        """Let time of the machine pass, as for an answer that trickles in."""
        self.seconds += seconds

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


IN_PROCESS, HTTP, TLS = "in process", "over HTTP", "over TLS"


@contextmanager
def staged(
    how: str = IN_PROCESS,
    *,
    orgs: int = 120,
    options: Options | None = None,
    timeout: float = 5,
    credentials: Credentials = SECRET,
) -> Iterator[Stage]:
    """Set up an org and a gateway, which talk ``in process``, ``over HTTP`` or ``over TLS``.

    In process slowness costs no time: seconds of the machine are the stage's own then.
    """
    clock: list[Stage] = []
    sim = Simulator(
        orgs=orgs,
        clock=lambda: clock[0].at if clock else START,
        options=options or Options(pace=FAST, failure_rate=0),
    )
    stage = Stage(sim)
    clock.append(stage)

    if how == IN_PROCESS:
        transport = Transport(
            Hosts.simulation([HOST]),
            timeout=timeout,
            now=lambda: stage.at,
            carrier=lambda: InProcess(sim, stage.wait),
            monotonic=lambda: stage.seconds,
        )
        stage.gateway = _gateway(stage, transport, f"http://{HOST}", credentials)
        yield stage
        sim.close()
        return
    with TemporaryDirectory() as folder:
        secure = how == TLS
        server = SimulatorServer(sim, tls=certificates.context(Path(folder)) if secure else None)
        transport = Transport(
            Hosts.simulation([f"127.0.0.1:{server.port}"]),
            timeout=timeout,
            now=lambda: stage.at,
            ca_bundle=str(Path(folder) / certificates.AUTHORITY) if secure else "",
        )
        url = f"{server.scheme}://127.0.0.1:{server.port}"
        stage.gateway = _gateway(stage, transport, url, credentials)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield stage
        finally:
            # Closing the client's side first lets the server's threads end.
            transport.session().close()
            server.shutdown()
            thread.join()
            server.finish()


class _Counted:
    """Credentials that count how often they were shown."""

    def __init__(self, credentials: Credentials, stage: Stage) -> None:
        self._credentials = credentials
        self._stage = stage

    def form(self, audience: str) -> dict[str, str]:
        self._stage.logins += 1
        return self._credentials.form(audience)

    def granted(self, told: Mapping[str, object]) -> None:
        self._credentials.granted(told)


def _gateway(
    stage: Stage, transport: Transport, url: str, credentials: Credentials
) -> SalesforceGateway:
    login = Login(
        transport,
        url,
        _Counted(credentials, stage),
        name="Packaging org",
        monotonic=lambda: stage.seconds,
    )
    return SalesforceGateway(
        transport,
        login,
        api_version="67.0",
        writes_allowed=True,
        name="Packaging org",
    )
