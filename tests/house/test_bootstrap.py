"""The bootstrap's decisions; that it fills an environment is what every `make` shows."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pushboard import bootstrap


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose .venv is there and was filled from the demo's lock."""
    venv = tmp_path / ".venv"
    venv.mkdir()
    (tmp_path / "requirements").mkdir()
    for name in bootstrap.LOCKS:
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"django==5.2.19 \\\n# {name}\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", venv / "pushboard-stamp.json")
    monkeypatch.setattr(bootstrap, "UNFINISHED", venv / "pushboard-unfinished")
    monkeypatch.setattr(bootstrap, "version_of", lambda _: [3, 11])
    stamp = {name: bootstrap.digest(name) for name in ("demo", "production")}
    bootstrap.STAMP.write_text(json.dumps({**stamp, "python": [3, 11]}))
    return tmp_path


@pytest.mark.usefixtures("clone")
def test_a_second_start_has_nothing_to_do() -> None:
    assert bootstrap.is_current("demo")
    assert bootstrap.is_current("production")


@pytest.mark.usefixtures("clone")
def test_tests_need_more_than_the_demo_brought() -> None:
    assert not bootstrap.is_current("dev")


def _another_lock(clone: Path) -> None:
    (clone / "requirements" / "demo.txt").write_text("django==5.2.20 \\\n")


def _another_python(clone: Path) -> None:
    stamp = clone / ".venv" / "pushboard-stamp.json"
    stamp.write_text(stamp.read_text().replace("11", "13"))


def _half_made(clone: Path) -> None:
    (clone / ".venv" / "pushboard-unfinished").touch()


def _damaged_stamp(clone: Path) -> None:
    (clone / ".venv" / "pushboard-stamp.json").write_text("{")


def _gone(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")


@pytest.mark.parametrize(
    "change", [_another_lock, _another_python, _half_made, _damaged_stamp, _gone]
)
def test_the_environment_is_made_again_when(clone: Path, change: Callable[[Path], None]) -> None:
    change(clone)

    assert not bootstrap.is_current("demo")


def pythons(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    """Let `found` be the Pythons of this machine: path to (version, how it gets pip)."""
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(
        shutil,
        "which",
        lambda name: next(
            (path for path in found if path.endswith(f"/{name}") or path == name), None
        ),
    )
    monkeypatch.setattr(bootstrap, "version_of", lambda path: found[path][0])
    monkeypatch.setattr(bootstrap, "pip_of", lambda path: found[path][1])


def test_the_python_that_runs_it_is_taken_when_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    pythons(
        monkeypatch,
        {"/usr/bin/python3": ([3, 11], "pip"), "/opt/python3.13": ([3, 13], "ensurepip")},
    )

    assert bootstrap.choose_python() == "/usr/bin/python3"


def test_an_old_python_looks_for_a_newer_one_that_really_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pythons(
        monkeypatch,
        {
            "/usr/bin/python3": ([3, 9], "ensurepip"),
            "/shims/python3.13": (None, None),
            "/opt/python3.12": ([3, 12], None),
            "/opt/python3.11": ([3, 11], "ensurepip"),
        },
    )

    assert bootstrap.choose_python() == "/opt/python3.11"


def test_without_any_python_that_will_do_it_says_what_to_install(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _gone(clone)
    pythons(monkeypatch, {"/usr/bin/python3": ([3, 9], "ensurepip")})
    monkeypatch.setattr(
        bootstrap, "version_of", lambda path: [3, 9] if "usr" in str(path) else None
    )

    said = bootstrap.make("demo")

    assert said is not None
    assert said.startswith("Pushboard needs Python 3.11 or newer with pip; none was found")
    assert not (clone / ".venv").exists()


def test_the_commands_of_the_makefile_name_locks_that_exist() -> None:
    for name in bootstrap.LOCKS:
        assert (bootstrap.ROOT / "requirements" / f"{name}.txt").is_file()
