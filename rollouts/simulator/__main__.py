"""`python -m rollouts.simulator`: run the simulated Salesforce on loopback."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from ssl import SSLContext

from .certificates import AUTHORITY, context
from .clock import FastClock
from .options import FAST, BulkPace, Options, Role, Unknowns
from .server import CantListen, SimulatorServer
from .simulator import Simulator
from .store import WrongWorld
from .world import OTHER_USERNAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; 2 means it could not start."""
    given = _arguments().parse_args(arguments)
    logging.basicConfig(level=given.log_level.upper(), format="%(levelname)s %(message)s")
    try:
        clock = FastClock.from_environment()
        if given.speed is not None:
            clock = replace(clock, factor=given.speed)
        simulator = Simulator(
            given.data if given.data == ":memory:" else Path(given.data),
            seed=given.seed,
            orgs=given.orgs,
            clock=clock,
            options=_options(given),
        )
        if not clock.anchored:
            # Started by hand and not for the first time: go on from where the world stopped.
            simulator.set_clock(replace(clock, anchor_sim=simulator.now()))
        latency = given.latency_ms / 1_000
        tls = context(_folder(given)) if given.tls else None
        server = SimulatorServer(simulator, given.host, given.port, latency=latency, tls=tls)
        beside = _license_org(simulator, given, tls)
    except (CantListen, WrongWorld, ValueError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    base = f"{server.scheme}://{given.host}"
    sys.stdout.write(f"Simulated Salesforce at {base}:{server.port}/simulator/\n")
    for other in beside:
        sys.stdout.write(f"Its License org at {base}:{other.port}/\n")
    if given.tell:
        sys.stdout.write(_credentials(given, simulator.options))
    sys.stdout.flush()
    server.serve_until_stopped(*beside)
    return 0


def _folder(given: argparse.Namespace) -> Path:
    if given.data == ":memory:":
        raise ValueError("TLS needs a data directory for its certificates; name one with --data.")
    return Path(given.data)


def _credentials(given: argparse.Namespace, options: Options) -> str:
    """How to sign in by each flow; these open nothing but the simulator."""
    lines = [
        f"  client id      {options.client_id}",
        f"  client secret  {options.client_secret}  (client credentials, web server)",
        f"  user           {options.username}  (License org: {OTHER_USERNAMES['lmo']})",
        "  JWT bearer     give your certificate with --jwt-key, or as switch jwt_public_key",
        "  web server     /services/oauth2/authorize; callbacks on this machine are accepted",
    ]
    if given.tls:
        lines.append(f"  trust          {_folder(given) / AUTHORITY}")
    return "\n".join(lines) + "\n"


def _license_org(
    simulator: Simulator, given: argparse.Namespace, tls: SSLContext | None
) -> list[SimulatorServer]:
    if given.lmo_port is None:
        return []
    role = simulator.face(Role.LMO).role
    latency = given.latency_ms / 1_000
    port = given.lmo_port
    return [SimulatorServer(simulator, given.host, port, latency=latency, role=role, tls=tls)]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rollouts.simulator", description=main.__doc__)
    known = Options()
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=8081, help="0 lets the system choose")
    parser.add_argument("--data", default="var/simulator", help="directory, or :memory:")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orgs", type=int, default=2_000, help="subscriber orgs")
    parser.add_argument("--role", choices=[role.value for role in Role], default=known.role.value)
    parser.add_argument(
        "--lmo-port", type=int, help="answer for the world's License org too, on this port"
    )
    parser.add_argument("--tls", action="store_true", help="https, by an authority of its own")
    parser.add_argument("--speed", type=float, help="simulated seconds per real second")
    parser.add_argument("--tell", action="store_true", help="print how to sign in")
    parser.add_argument("--fast", action="store_true", help="pushes take seconds, not minutes")
    parser.add_argument("--failure-rate", type=float, default=known.failure_rate)
    parser.add_argument("--fault-rate", type=float, default=known.fault_rate)
    parser.add_argument(
        "--latency-ms", type=float, default=0.0, help="real time that each call takes at least"
    )
    parser.add_argument("--daily-calls", type=int, default=known.daily_calls)
    parser.add_argument("--bulk-start", type=float, default=0.0, help="seconds a bulk job waits")
    parser.add_argument("--bulk-row", type=float, default=0.0, help="seconds per row of it")
    parser.add_argument("--bulk-wall", action="store_true", help="both by the wall clock")
    parser.add_argument("--jwt-key", type=Path, help="PEM public key or certificate of the client")
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"one of {', '.join(field.name for field in fields(Unknowns))}",
    )
    parser.add_argument("--log-level", default="warning")
    return parser


def _options(given: argparse.Namespace) -> Options:
    options = Options(
        role=Role(given.role),
        failure_rate=given.failure_rate,
        fault_rate=given.fault_rate,
        daily_calls=given.daily_calls,
        jwt_public_key=given.jwt_key.read_bytes() if given.jwt_key else None,
        bulk=BulkPace(given.bulk_start, given.bulk_row, given.bulk_wall),
        unknowns=_unknowns(given.assume),
    )
    return replace(options, pace=FAST) if given.fast else options


def _unknowns(assumed: Sequence[str]) -> Unknowns:
    values: dict[str, bool | int] = {}
    known = {field.name for field in fields(Unknowns)}
    for text in assumed:
        name, _, value = text.partition("=")
        if name not in known:
            raise ValueError(f"--assume knows no {name}.")
        values[name] = int(value) if value.isdecimal() else value.lower() in ("", "true", "yes")
    return Unknowns(**values)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
