"""The order of a start. Read this first."""

from __future__ import annotations

import os
import sys
import time

from rollouts.management.launcher import (
    clock,
    leftovers,
    options,
    places,
    ports,
    programs,
    terminal,
    world,
)
from rollouts.management.launcher.supervisor import Stop, Supervisor
from rollouts.management.launcher.trouble import Trouble


def main(arguments: list[str] | None = None) -> int:
    """Run the demo until somebody stops it. The exit code says whether it came up."""
    asked = options.parse(sys.argv[1:] if arguments is None else arguments)
    try:
        run(asked, places.Places())
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


def run(asked: options.Options, here: places.Places) -> None:
    """Start everything, say where to go, look after it, and end it in order.

    Raises:
        Trouble: the demo can't start; nothing of it is left running.
    """
    with leftovers.lock(here):
        _run(asked, here)


def _run(asked: options.Options, here: places.Places) -> None:
    """As `run`, being the only launcher."""
    began = time.monotonic()
    if left := leftovers.clean(here):
        terminal.say(f"  An earlier demo was not ended properly; stopped its {', '.join(left)}.")
    ports.need_free(asked.port)
    # Only when nothing speaks against the start any more: what is forgotten is gone.
    if asked.reset and here.forget():
        terminal.say(f"  Forgot the earlier demo ({here.home}).")
    here.make()
    here.keep_secret_key()
    here.keep_encryption_keys()
    invented = world.settle(here, asked)
    taken = ports.settle(here, ("broker", "simulator"))
    run_clock = clock.anchor(here, asked.speed, clock.wall_now())
    address = f"http://{ports.LOOPBACK}:{asked.port}"
    supervisor = Supervisor(
        here,
        programs.environment(os.environ, here, asked, taken, run_clock),
        run_clock,
        address,
    )
    supervisor.listen_for_signals()
    try:
        bring_up(supervisor, asked.port, here, invented, taken)
        if asked.loop:
            supervisor.start(programs.loop())
        terminal.welcome(address, invented, asked.speed, here, time.monotonic() - began)
        supervisor.look_after()
    except Stop:
        terminal.say("\n  Stopping (Ctrl-C again: at once) ...")
    finally:
        ended = time.monotonic()
        supervisor.stop()
    terminal.say(f"  Stopped after {time.monotonic() - ended:.1f} s; the data is kept.")


def bring_up(
    supervisor: Supervisor,
    port: int,
    here: places.Places,
    invented: world.World,
    taken: dict[str, int],
) -> None:
    """Start the children in the order in which they need each other.

    Raises:
        Trouble: one of them does not come up.
        Stop: somebody lost patience.
    """
    if not programs.broker_is_configured(os.environ):
        with terminal.step("broker"):
            supervisor.start(programs.broker(here, taken["broker"]))
            supervisor.wait_for("broker")
    # Its first start invents a few thousand orgs; meanwhile tables are made and the web loads.
    supervisor.start(programs.simulator(here, invented, taken["simulator"]))
    supervisor.start(programs.web(port))
    with terminal.step("simulated Salesforce, database, first rollout"):
        supervisor.run_to_end(programs.prepare())
    with terminal.step("web pages"):
        supervisor.wait_for("web")
    for program in (programs.worker(), programs.watcher(), programs.beat()):
        supervisor.start(program)
