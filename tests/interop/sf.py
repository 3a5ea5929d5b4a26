"""The Salesforce CLI against a Dev Hub, by plain HTTP as it was installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .install import Tools
from .judge import Book, Case
from .org import Org

CLIENT = "Salesforce CLI"
START = "2126-12-06T21:00:00"
_ENDS = ("Upgrade Succeeded", "Upgrade Failed")
_JOBS = "WHERE request_id = ? ORDER BY org_key"


class SalesforceCli:
    """The CLI with a home of its own."""

    def __init__(self, tools: Tools, org: Org, home: Path, book: Book) -> None:
        home.mkdir(parents=True)
        self._program, self._home, self._book = tools.sf, home, book
        self.org = org
        self._environment = {
            "PATH": f"{tools.node.parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "SF_DATA_DIR": str(home / "data" / "sf"),
            "SF_CACHE_DIR": str(home / "cache" / "sf"),
            "SF_CONFIG_DIR": str(home / "config" / "sf"),
            "SF_ACCESS_TOKEN": org.token,
            "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
            "SF_DISABLE_TELEMETRY": "true",
            "SF_DISABLE_LOG_FILE": "true",
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
            "SF_HIDE_RELEASE_NOTES": "true",
        }

    def __call__(self, *command: str, judge: Callable[[Case], None]) -> Case:
        """Run a command and judge it."""
        return self._book.run(
            CLIENT,
            self.org,
            command,
            program=self._program,
            environment=self._environment,
            folder=self._home,
            judge=judge,
        )

    def file(self, name: str, lines: list[str]) -> str:
        """Write a file for a command to read."""
        (self._home / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return name

    def read(self, name: str) -> str:
        """What a command wrote into a file whose name begins so; empty when there is none."""
        return "".join(path.read_text("utf-8") for path in sorted(self._home.glob(name)))


def sign_in(sf: SalesforceCli) -> None:
    """The token is taken, and the org is recognised as a Dev Hub."""

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.holds("it names the org's user", case.result()["username"], sf.org.username)
        hubs = [one for one in case.requests if "ScratchOrgInfo" in one["query"].get("q", "")]
        case.holds("it is recognised as a Dev Hub", [one["status"] for one in hubs], [200])
        case.happened()

    port = sf.org.url.rpartition(":")[2]
    url = f"http://localhost:{port}"
    case = sf(
        *("org", "login", "access-token", "--instance-url", url, "--no-prompt"),
        *("--set-default-dev-hub", "--alias", "hub", "--json"),
        judge=judge,
    )
    case.command = case.command.replace(port, "PORT")


def query(sf: SalesforceCli) -> None:
    """Every subscriber over several pages, a child query, and counts by group."""
    package = sf.org.package()

    def judge_list(case: Case) -> None:
        expected = sf.org.rows(
            "SELECT org_key, org_name FROM subscriber WHERE package_id = ?", package
        )
        found = [(row["OrgKey"], row["OrgName"]) for row in case.result()["records"]]
        case.holds("exit code", case.code, 0)
        case.holds(
            "each subscriber of the org's database is there", sorted(found), sorted(expected)
        )
        pages = sum("/query/" in one["path"] for one in case.requests)
        case.holds("it took later pages", pages, (len(expected) - 1) // 2_000)

    sf(
        *("data", "query", "--target-org", "hub", "--json", "--query"),
        f"SELECT OrgKey, OrgName FROM PackageSubscriber WHERE MetadataPackageId = '{package}'",  # noqa: S608 - SOQL
        judge=judge_list,
    )

    def judge_groups(case: Case) -> None:
        expected = sf.org.rows("SELECT status, COUNT(*) FROM push_job GROUP BY status")
        found = [(row["Status"], int(row["count(Id)"])) for row in case.rows()]
        case.holds("exit code", case.code, 0)
        case.holds("the counts are the database's", sorted(found), sorted(expected))

    sf(
        *("data", "query", "--target-org", "hub", "--result-format", "csv", "--query"),
        "SELECT Status, COUNT(Id) FROM PackagePushJob GROUP BY Status",
        judge=judge_groups,
    )


def schedule(sf: SalesforceCli) -> str:
    """Three orgs at a time far ahead; gives the push request."""
    orgs = sf.org.subscribers(3)

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.holds("it names the request", case.result()["PushRequestId"], case.request_id())
        case.happened(request_created=1, job_created=3, request_pending=1, job_pending=3)
        case.holds("the jobs are for these orgs", case.orgs("job_pending"), set(orgs))
        kept = sf.org.value(
            "SELECT strftime('%Y-%m-%dT%H:%M:%S', scheduled / 1000, 'unixepoch')"
            " FROM push_request WHERE id = ?",
            case.request_id(),
        )
        case.holds("the start time arrived as typed", kept, START)

    return sf(
        *("package", "push-upgrade", "schedule", "--target-dev-hub", "hub", "--package"),
        *(sf.org.version("4.2.2"), "--start-time", START, "--org-file"),
        *(sf.file("orgs.csv", orgs), "--json"),
        judge=judge,
    ).request_id()


def schedule_refused(sf: SalesforceCli) -> str:
    """Two orgs and one that has been switched off; gives the request, which stays Created."""
    good = sf.org.subscribers(2, skip=3)
    [closed] = sf.org.subscribers(1, status="Inactive")

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 1)
        case.happened(request_created=1, job_created=2)
        case.holds("the jobs are for the good orgs", case.orgs("job_created"), set(good))
        status = sf.org.value("SELECT status FROM push_request WHERE id = ?", case.request_id())
        case.holds("the request stays Created", status, "Created")
        written = sf.read(f"job_errors/push_request_{case.request_id()}*")
        case.holds("its error file tells why", "is not eligible" in written)
        case.holds("it tells of one error", written.count("Error:"), 1)

    return sf(
        *("package", "push-upgrade", "schedule", "--target-dev-hub", "hub", "--package"),
        *(sf.org.version("4.2.2"), "--start-time", START, "--org-list"),
        *(",".join([good[0], closed, good[1]]), "--json"),
        judge=judge,
    ).request_id()


def listed(sf: SalesforceCli) -> None:
    """Each request of the package with its figures."""

    def judge(case: Case) -> None:
        count = "(SELECT COUNT(*) FROM push_job j WHERE j.request_id = r.id"
        expected = sf.org.rows(
            f"SELECT r.id, r.status, {count}), {count} AND status = 'Failed'),"  # noqa: S608 - ours
            f" {count} AND status = 'Succeeded') FROM push_request r ORDER BY r.id"
        )
        _, *lines = case.table()
        found = [(line[0], line[4], *(int(cell) for cell in line[8:])) for line in lines]
        case.holds("exit code", case.code, 0)
        case.holds("requests, states and counts are the database's", sorted(found), expected)
        case.happened()

    sf(
        *("package", "push-upgrade", "list", "--target-dev-hub", "hub", "--package"),
        sf.org.package(),
        judge=judge,
    )


def abort(sf: SalesforceCli, request_id: str) -> None:
    """Once, and once more in vain."""
    command = (
        *("package", "push-upgrade", "abort", "--target-dev-hub", "hub", "--json"),
        *("--push-request-id", request_id),
    )

    def judge(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.happened(request_canceled=1, job_canceled=3)
        states = sf.org.rows(f"SELECT DISTINCT status FROM push_job {_JOBS}", request_id)  # noqa: S608 - our own names
        case.holds("each job is Canceled", states, [("Canceled",)])

    def judge_again(case: Case) -> None:
        case.holds("exit code", case.code, 1)
        case.holds("it names the status", "'Canceled'" in str(case.json().get("message")))
        case.happened()

    sf(*command, judge=judge)
    sf(*command, judge=judge_again)


def report(sf: SalesforceCli) -> None:
    """A push that has run, in which one of three orgs failed."""
    orgs = sf.org.subscribers(3, skip=5)
    sf.org.script(orgs[1:2], "ApexTestFailure")

    def judge_schedule(case: Case) -> None:
        case.holds("exit code", case.code, 0)
        case.holds("the jobs are for these orgs", case.orgs("job_pending"), set(orgs))

    request_id = sf(
        *("package", "push-upgrade", "schedule", "--target-dev-hub", "hub", "--package"),
        *(sf.org.version("4.2.2"), "--org-list", ",".join(orgs), "--json"),
        judge=judge_schedule,
    ).request_id()
    ended = sf.org.wait_for(request_id, "Succeeded", "Failed")

    def judge(case: Case) -> None:
        told = {line[0]: line[1] for line in case.table()}
        case.holds("exit code", case.code, 0)
        case.holds("the status is the org's", told["Status"], ended)
        figures = [told[f"# Orgs {name}"] for name in ("Scheduled", *_ENDS)]
        case.holds("three orgs, two upgraded, one failed", figures, ["3", "2", "1"])
        case.happened()

    def judge_errors(case: Case) -> None:
        kept = sf.org.rows(
            "SELECT e.message FROM push_error e JOIN push_job j ON j.id = e.job_id"
            " WHERE j.request_id = ?",
            request_id,
        )
        said = [str(one).partition(") ")[2] for one in case.json()["warnings"]]
        case.holds("exit code", case.code, 0)
        case.holds("the errors are the org's", said, [row[0] for row in kept])

    command = (
        *("package", "push-upgrade", "report", "--target-dev-hub", "hub"),
        *("--push-request-id", request_id),
    )
    sf(*command, judge=judge)
    sf(*command, "--json", judge=judge_errors)
