"""docker-compose.yml, as far as it can be judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import Any

import yaml

from tests.conventions.sources import ROOT, text

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if "build" in service}


def test_it_keeps_to_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_name_it_refers_to_exists() -> None:
    missing = []
    for name, service in SERVICES.items():
        for kind in ("secrets", "networks"):
            missing += [
                f"{name}: {each}" for each in service.get(kind, ()) if each not in COMPOSE[kind]
            ]
        volumes = [volume.split(":")[0] for volume in service.get("volumes", ())]
        missing += [f"{name}: {each}" for each in volumes if each not in COMPOSE["volumes"]]
        missing += [
            f"{name}: {each}" for each in service.get("depends_on", {}) if each not in SERVICES
        ]
        missing += [
            f"{name}: {path}"
            for path in re.findall(r"/run/secrets/(\w+)", str(service))
            if path not in service.get("secrets", ())
        ]

    assert missing == []


def test_every_secret_can_be_read_by_someone() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}

    assert used == set(COMPOSE["secrets"])


def test_each_of_our_containers_runs_a_command_that_its_environment_has() -> None:
    for name, service in OWN.items():
        program = service.get("command", ["uvicorn"])[0]
        assert shutil.which(program, path=str(ROOT / ".venv" / "bin")), name


def test_every_queue_has_a_worker() -> None:
    from pushboard.celery import app

    served = {
        queue
        for service in OWN.values()
        if "-Q" in service.get("command", ())
        for queue in service["command"][service["command"].index("-Q") + 1].split(",")
    }
    rung = {entry["options"]["queue"] for entry in app.conf.beat_schedule.values()}
    rung |= {route["queue"] for route in app.conf.task_routes.values()}

    assert served == rung | {app.conf.task_default_queue}


def test_only_the_web_has_a_port_and_only_on_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "web": ["127.0.0.1:8000:8000"]
    }


def test_our_containers_have_no_more_rights_than_they_need() -> None:
    for name, service in OWN.items():
        assert service["user"] == "10001", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["restart"] == "always", name


def test_every_image_says_its_version() -> None:
    assert all(":" in service["image"] for service in SERVICES.values())
    assert re.findall(r"^FROM \S+:\S+", text_of_dockerfile(), re.MULTILINE)
    assert "\nUSER pushboard\n" in text_of_dockerfile()


def test_what_the_image_copies_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text_of_dockerfile(), re.MULTILINE)

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []


def text_of_dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_no_password_stands_in_it() -> None:
    words = re.findall(r"(?i)(?:password|secret|key)\w*: +(\S+)", text(ROOT / "docker-compose.yml"))

    assert [
        word for word in words if word != '""' and not word.startswith(("/run/secrets/", "{", "["))
    ] == []
