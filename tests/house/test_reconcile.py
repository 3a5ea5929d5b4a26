"""`manage.py reconcile`: the bells' work without a broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from rollouts.models import Heartbeat
from rollouts.pipeline import clock, loop

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db


def part(work: Callable[[], None], *, rests: bool = False, every: float = 0.01) -> loop.Part:
    return loop.Part("sync", work, every, rests)


def test_the_loop_does_the_work_of_every_bell_at_its_period(settings: object) -> None:
    from pushboard.celery import configuration

    bells = {name: bell["schedule"] for name, bell in configuration()["beat_schedule"].items()}
    assert {one.name: one.every for one in loop.parts()} == bells


def test_one_round_writes_the_heartbeats(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reconcile", "--only", "tick", "--only", "watch")
    assert set(Heartbeat.objects.values_list("part", flat=True)) == {"tick", "watcher"}
    assert "tick: done." in capsys.readouterr().out


def test_trouble_in_one_round_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise OSError("the database is away")

    assert loop.step(part(fails))
    assert "tried again in" in caplog.text


def test_a_sync_that_somebody_else_made_is_not_made_again() -> None:
    done: list[int] = []
    Heartbeat.objects.create(part="sync", beat_at=clock.now())
    assert not loop.step(part(lambda: done.append(1), rests=True, every=900))
    assert loop.step(part(lambda: done.append(1), rests=False, every=900))
    assert done == [1]


def test_a_stop_ends_the_loop_after_the_step_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "demand_mode", lambda: True)
    stop, steps = threading.Event(), []

    def work() -> None:
        steps.append("began")
        stop.set()
        steps.append("ended")

    loop.run((part(work),), stop)
    assert steps == ["began", "ended"]


def test_loop_and_after_restore_exclude_each_other() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("reconcile", "--loop", "--after-restore")


def test_sigterm_ends_the_loop_cleanly(tmp_path: Path) -> None:
    env = os.environ | {
        "PUSHBOARD_DATABASE_URL": f"sqlite:///{tmp_path}/own.sqlite3",
        "PUSHBOARD_DATA_DIR": str(tmp_path),
        "PUSHBOARD_TICK_SECONDS": "0.2",
    }
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v", "0"], env=env, check=True, cwd=ROOT)
    running = subprocess.Popen(
        [*manage, "reconcile", "--loop"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        assert "Reconciling" in running.stdout.readline()
        time.sleep(0.6)
        running.send_signal(signal.SIGTERM)
        said, complaints = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said.strip()) == (0, "Stopped."), complaints
    assert "Traceback" not in complaints
