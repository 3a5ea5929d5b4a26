"""CumulusCI against a first-generation packaging org, by TLS, which it insists on."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .install import Tools
from .judge import Book, Case
from .org import Org

CLIENT = "CumulusCI"
START = "2126-12-06T21:00:00Z"
_PROJECT = """\
minimum_cumulusci_version: 4.0.0
project:
  name: Harbor
  package:
    name: Harbor
    namespace: hbr
    api_version: "67.0"
  git:
    default_branch: main
"""
_SFDX = {"packageDirectories": [{"path": "force-app", "default": True}], "sourceApiVersion": "67.0"}


class CumulusCi:
    """CumulusCI with a home and a project of its own."""

    def __init__(self, tools: Tools, org: Org, home: Path, bundle: Path, book: Book) -> None:
        self._program, self._book = tools.cci, book
        self.org = org
        self.project = home / "project"
        self.project.mkdir(parents=True)
        connection = {
            "instance_url": org.url,
            "access_token": org.token,
            "id": org.identity,
            "username": org.username,
        }
        self._environment = {
            "PATH": os.pathsep.join((str(tools.cci.parent), "/usr/bin", "/bin")),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
            "CUMULUSCI_SYSTEM_CERTS": "False",
            "CUMULUSCI_KEY": "interop-interop-",
            "CUMULUSCI_DISABLE_REFRESH": "True",
            "CUMULUSCI_ORG_packaging": json.dumps(connection),
        }
        # It asks PyPI for a newer version once an hour; it has just done so.
        (home / ".cumulusci").mkdir()
        (home / ".cumulusci" / "cumulus_timestamp").write_text(str(time.time()), "utf-8")
        self._make_project()

    def _make_project(self) -> None:
        (self.project / "cumulusci.yml").write_text(_PROJECT, encoding="utf-8")
        (self.project / "sfdx-project.json").write_text(json.dumps(_SFDX), encoding="utf-8")
        git = shutil.which("git") or "git"
        author = ("-c", "user.name=Interop", "-c", "user.email=interop@example.com")
        for command in (
            ("init", "--quiet", "--initial-branch=main"),
            ("remote", "add", "origin", "https://git.example.com/harborline/harbor.git"),
            ("add", "."),
            (*author, "commit", "--quiet", "--message", "Start"),
        ):
            subprocess.run([git, *command], cwd=self.project, env=self._environment, check=True)

    def __call__(self, task: str, *options: str, judge: Callable[[Case], None]) -> Case:
        """Run a task and judge it."""
        return self._book.run(
            CLIENT,
            self.org,
            ("task", "run", task, "--org", "packaging", "--no-prompt", *options),
            program=self._program,
            environment=self._environment,
            folder=self.project,
            judge=judge,
        )

    def file(self, name: str, orgs: list[str]) -> str:
        """Write a list of orgs for a task to read."""
        (self.project / name).write_text("\n".join(orgs) + "\n", encoding="utf-8")
        return name


def push_list(cci: CumulusCi) -> None:
    """Three orgs at a time far ahead."""
    orgs = cci.org.subscribers(3)

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.happened(request_created=1, job_created=3, request_pending=1, job_pending=3)
        case.holds("the jobs are for these orgs", case.orgs("job_pending"), set(orgs))
        case.holds("it names the request", case.request_id() in case.output)

    cci(
        *("push_list", "--orgs", cci.file("orgs.txt", orgs), "--version", "4.2.2"),
        *("--start_time", START),
        judge=judge,
    )


def push_list_refused(cci: CumulusCi) -> None:
    """Two orgs and one that has been switched off, which is left out."""
    good = cci.org.subscribers(2, skip=3)
    [closed] = cci.org.subscribers(1, status="Inactive")

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.happened(request_created=1, job_created=2, request_pending=1, job_pending=2)
        case.holds("the jobs are for the good orgs", case.orgs("job_pending"), set(good))
        case.holds("it says whom it left out", f"Skipping org {closed}" in case.output)

    cci(
        *("push_list", "--orgs", cci.file("mixed.txt", [good[0], closed, good[1]])),
        *("--version", "4.2.2", "--start_time", START),
        judge=judge,
    )


def push_all(cci: CumulusCi) -> None:
    """Everybody on an older version, found by Bulk API v1."""
    target = cci.org.version("4.2.2")
    older = {
        row[0]
        for row in cci.org.rows(
            "SELECT s.org_key FROM subscriber s JOIN version i ON i.id = s.version_id"
            " JOIN version t ON t.id = ? WHERE s.package_id = t.package_id"
            " AND s.org_status <> 'Inactive' AND i.release_state = 'Released'"
            " AND (i.major, i.minor, i.patch) < (t.major, t.minor, t.patch)",
            target,
        )
    }

    def judge(case: Case) -> None:
        count = len(older)
        case.holds("exit code", case.code, 0)
        case.happened(request_created=1, job_created=count, request_pending=1, job_pending=count)
        case.holds("the jobs are for each org on an older version", case.orgs("job_pending"), older)
        bulk = [one for one in case.requests if one["path"].startswith("/services/async/")]
        case.holds("it read them by Bulk API v1", bool(bulk))

    cci("push_all", "--version", "4.2.2", "--start_time", START, judge=judge)


def push_failure_report(cci: CumulusCi) -> None:
    """A push that runs now, in which one of three orgs fails, and the report of it."""
    orgs = cci.org.subscribers(3, skip=5)
    cci.org.script(orgs[1:2], "DependentPackage")

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.holds("the jobs are for these orgs", case.orgs("job_pending"), set(orgs))
        case.holds("the failed job is this org's", case.orgs("job_failed"), set(orgs[1:2]))
        told = "Push complete: 2 succeeded, 1 failed, 0 canceled"
        case.holds("it followed the push to its end", told in case.output)

    request_id = cci(
        *("push_list", "--orgs", cci.file("now.txt", orgs), "--version", "4.2.2"),
        *("--start_time", "now"),
        judge=judge,
    ).request_id()

    def judge_report(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        with (cci.project / "failures.csv").open(newline="", encoding="utf-8") as report:
            rows = list(csv.DictReader(report))
        told = [(row["OrganizationId"], row["ErrorTitle"], row["ErrorMessage"]) for row in rows]
        kept = cci.org.rows(
            "SELECT j.org_key, e.title, e.message FROM push_error e"
            " JOIN push_job j ON j.id = e.job_id WHERE j.request_id = ?",
            request_id,
        )
        case.holds("exactly the failed job is reported", (len(told), told), (1, kept))
        case.happened()

    cci(
        *("push_failure_report", "--request_id", request_id),
        *("--result_file", "failures.csv"),
        judge=judge_report,
    )
