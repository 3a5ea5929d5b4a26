"""The guard of Celery's version: a worker outlives its broker's death, busy or idle.

Celery 5.7.0 exits when Redis bounces in some shapes of settings; ours were chosen so that it does
not. When this fails after an upgrade, the upgrade is refused.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollouts.management.launcher import leftovers, ports, programs
from rollouts.management.launcher.places import Places
from tests.conventions.sources import ROOT

pytestmark = pytest.mark.slow
PATIENCE = 60  # seconds; a recovered worker needs about five


def soon(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()


@contextmanager
def running(command: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[int]:
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def broker(places: Places, port: int) -> Iterator[int]:
    program = programs.broker(places, port)
    with running(program.command, dict(os.environ), places.logs / "broker.log") as pid:
        assert soon(lambda: ports.is_answering(port))
        yield pid


@pytest.mark.parametrize("busy_for", [0.0, 6.0], ids=["idle", "busy"])
def test_a_worker_consumes_again_after_its_broker_was_killed(
    tmp_path: Path, busy_for: float
) -> None:
    places = Places(tmp_path / "demo")
    places.make()
    marks = tmp_path / "marks"
    marks.mkdir()
    port = ports.settle(places, ("broker",))["broker"]
    environment = {
        **os.environ,
        "PUSHBOARD_REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "BOUNCING_MARKS": str(marks),
    }
    worker = (
        *(sys.executable, "-m", "celery", "-A", "tests.house.bouncing", "worker", "-c", "2"),
        *("-Q", "act", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    )

    def ring(word: str, seconds: float = 0) -> bool:
        """Send as the product does: one try, and no harm when it fails."""
        code = (
            "import sys; from tests.house.bouncing import mark;"
            "mark.apply_async((sys.argv[1], float(sys.argv[2])), expires=60)"
        )
        command = [sys.executable, "-c", code, word, str(seconds)]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0

    with (
        broker(places, port) as first,
        running(worker, environment, places.logs / "worker.log") as worker_pid,
    ):
        assert ring("before")
        assert soon((marks / "before").exists), (places.logs / "worker.log").read_text()
        if busy_for:
            assert ring("busy", busy_for)
            assert ring("waiting")
            time.sleep(1)
        os.kill(first, signal.SIGKILL)
        time.sleep(2)
        with broker(places, port):
            assert soon(lambda: ring("after"))
            assert soon((marks / "after").exists), (places.logs / "worker.log").read_text()
            assert leftovers.started(worker_pid), "the worker died with its broker"
            assert not busy_for or soon((marks / "busy").exists)
