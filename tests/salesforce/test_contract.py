"""The gateway against the simulated org, in process and over TLS: one contract, two ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rollouts.domain.ids import long_id
from rollouts.salesforce.auth import ClientCredentials, JwtBearer
from rollouts.salesforce.errors import LoginLost, Refused
from rollouts.salesforce.gateway import SfStatus
from rollouts.salesforce.values import SfBulkState
from rollouts.simulator import FAST, Options, Unknowns
from tests.salesforce.simulated import IN_PROCESS, TLS, Stage, staged


@pytest.fixture(params=[IN_PROCESS, TLS])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with staged(request.param) as made:
        yield made


@pytest.fixture(params=[IN_PROCESS, TLS])
def licensed(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with staged(request.param, options=Options(pace=FAST, failure_rate=0, lma=True)) as made:
        yield made


def test_who_we_are(stage: Stage) -> None:
    identity = stage.gateway.identity()
    assert identity.org_id == long_id(identity.org_id, prefix="00D")
    assert identity.org_name.endswith("Releases")
    assert identity.username == "releases@harborline.example"
    assert stage.gateway.calls == 3


def test_the_catalog(stage: Stage) -> None:
    packages = {package.name: package for package in stage.gateway.packages()}
    assert packages["Harbor"].id == stage.package
    assert packages["Harbor"].namespace == "hbr"
    versions = stage.gateway.versions(stage.package)
    assert {version.id for version in versions} == set(
        stage.sim.catalog()["Harbor"]["versions"].values()
    )
    target = next(one for one in versions if one.id == stage.version)
    assert (target.major, target.minor, target.patch, target.released) == (4, 2, 2, True)


def test_subscribers_all_and_changed(stage: Stage) -> None:
    everyone = [one for page in stage.gateway.subscribers(stage.package) for one in page]
    assert len({one.org for one in everyone}) == len(everyone) > 50
    assert any(not one.is_production and one.parent for one in everyone)
    one = everyone[0]
    stage.forward(minutes=5)
    stage.sim.change_org(one.org, org_name="Renamed")
    (changed,) = [
        row for page in stage.gateway.subscribers(stage.package, since=stage.at) for row in page
    ]
    assert (changed.org, changed.org_name) == (one.org, "Renamed")
    assert changed.modified == stage.at
    assert stage.gateway.installed(stage.package, [one.org]) == [changed]


def test_who_has_a_licence_and_for_what(licensed: Stage) -> None:
    gateway = licensed.gateway
    found = [one for page in gateway.licences() for one in page]
    everyone = {one.org: one for page in gateway.subscribers(licensed.package) for one in page}
    ours = {one.org: one for one in found if one.package_id == licensed.package}
    assert len(set(ours) & set(everyone)) > 50
    one = next(one for org, one in ours.items() if org in everyone and one.account_name)
    assert one.account_id.startswith("001")
    assert one.country
    assert one.status in {"Active", "Trial", "Suspended", "Uninstalled"}
    assert one.installed_on is not None
    versions = {version.version_id: version for version in gateway.lma_versions()}
    assert versions[one.version_id].released_on is not None
    assert licensed.package in {package.package_id for package in gateway.lma_packages()}
    newest = max(one.modified for one in found)
    changed = [row for page in gateway.licences(since=newest) for row in page]
    assert changed == [one for one in found if one.modified == newest]
    assert len(changed) < len(found)
    before = gateway.calls
    list(gateway.licences())
    assert gateway.calls - before == 1


def test_a_push_filled_by_a_bulk_job(stage: Stage) -> None:
    gateway, orgs = stage.gateway, stage.behind(5)
    stranger = long_id("00D000000000999")
    request = gateway.create_request(stage.version, stage.at + timedelta(minutes=20))
    bulk = gateway.bulk_open()
    assert [one.id for one in gateway.bulk_jobs()] == [bulk]
    gateway.bulk_upload(bulk, request, [*orgs, stranger])
    assert gateway.bulk_state(bulk).state is SfBulkState.OPEN
    assert gateway.jobs([request]) == []
    gateway.bulk_close(bulk)
    gateway.bulk_close(bulk)
    ended = gateway.bulk_state(bulk)
    assert (ended.state, ended.processed, ended.failed) == (SfBulkState.JOB_COMPLETE, 6, 1)
    added = gateway.bulk_rows(ended)
    assert (added.accepted, list(added.refused), dict(added.again)) == (5, [stranger], {})
    assert added.refused[stranger][0] == "INVALID_OPERATION"
    assert sorted(job.org for job in gateway.jobs([request])) == sorted(orgs)
    assert gateway.bulk_jobs() == []
    gateway.bulk_abort(bulk)


def test_an_aborted_bulk_job_adds_nothing_and_stays_aborted(stage: Stage) -> None:
    gateway = stage.gateway
    request = gateway.create_request(stage.version, stage.at + timedelta(minutes=20))
    bulk = gateway.bulk_open()
    gateway.bulk_upload(bulk, request, stage.behind(2))
    gateway.bulk_abort(bulk)
    gateway.bulk_abort(bulk)
    with pytest.raises(Refused):
        gateway.bulk_close(bulk)
    with pytest.raises(Refused):
        gateway.bulk_upload(bulk, request, stage.behind(2))
    stage.forward(hours=1)
    assert gateway.bulk_state(bulk).state is SfBulkState.ABORTED
    assert stage.happened("job_created") == 0


def test_what_the_org_shows(stage: Stage) -> None:
    found = stage.gateway.capabilities()
    assert "67.0" in found.api_versions
    assert found.creates("PackagePushRequest")
    assert found.sees("PackageSubscriber")
    assert not found.creates("PackageSubscriber")
    assert set(found.statuses) == {status.value for status in SfStatus}
    assert stage.gateway.daily_calls() is not None


def test_a_push_from_beginning_to_end(stage: Stage) -> None:
    gateway = stage.gateway
    orgs = stage.behind(6)
    failing = orgs[0]
    stage.sim.script([failing], "fail", error="ApexTestFailure")
    start = stage.at + timedelta(minutes=20)

    request = gateway.create_request(stage.version, start)
    assert gateway.requests_starting(stage.version, start) == [gateway.request(request)]
    assert [one.id for one in gateway.open_requests(stage.package)] == [request]
    assert gateway.job_counts([request]) == {request: {}}

    stranger = long_id("00D000000000999")
    added = gateway.add_jobs(request, [*orgs, stranger])
    assert added.accepted == 6
    assert added.refused[stranger][0] == "INVALID_OPERATION"
    assert "not eligible" in added.refused[stranger][1]
    # Said again, as after a lost answer: what is there already is no trouble.
    assert gateway.add_jobs(request, orgs).accepted == 6
    assert {job.org for job in gateway.jobs([request])} == set(orgs)
    assert {job.org for job in gateway.open_jobs_of(stage.package, orgs)} == set(orgs)

    gateway.arm(request)
    gateway.arm(request)
    found = gateway.request(request)
    assert found is not None
    assert (found.status, found.start) == (SfStatus.PENDING, start)
    assert found.package_id == stage.package

    for _ in range(60):
        stage.forward(minutes=1)
        found = gateway.request(request)
        assert found is not None
        if found.status in {SfStatus.SUCCEEDED, SfStatus.FAILED}:
            break
    assert gateway.job_counts([request]) == {request: {SfStatus.SUCCEEDED: 5, SfStatus.FAILED: 1}}
    (error,) = gateway.errors([request])
    assert error.type == "ApexTestFailure"
    (failed,) = [job for job in gateway.jobs([request]) if job.status is SfStatus.FAILED]
    assert (failed.id, failed.org) == (error.job_id, failing)
    assert failed.started is not None
    assert failed.ended is not None
    assert failed.ended >= failed.started >= start
    now_on = {row.org: row.version_id for row in gateway.installed(stage.package, orgs)}
    assert {org for org, version in now_on.items() if version == stage.version} == set(orgs[1:])
    assert gateway.open_requests(stage.package) == []
    assert gateway.open_jobs_of(stage.package, orgs) == []
    with pytest.raises(Refused):
        gateway.cancel(request)
    assert stage.happened("job_succeeded") == 5


def test_a_cancel_cancels_its_jobs_and_is_refused_once_it_is_too_late(stage: Stage) -> None:
    gateway = stage.gateway
    orgs = stage.behind(2)
    first = gateway.create_request(stage.version, stage.at + timedelta(minutes=20))
    gateway.add_jobs(first, orgs)
    gateway.arm(first)
    gateway.cancel(first)
    found = gateway.request(first)
    assert found is not None
    assert found.status is SfStatus.CANCELED
    assert gateway.job_counts([first]) == {first: {SfStatus.CANCELED: 2}}
    with pytest.raises(Refused) as refused:
        gateway.cancel(first)
    assert refused.value.code == "INVALID_STATUS"
    with pytest.raises(Refused):
        gateway.arm(first)
    stage.forward(days=1)
    assert stage.happened("request_started") == 0


def test_a_deprecated_version_is_refused(stage: Stage) -> None:
    deprecated = next(one.id for one in stage.gateway.versions(stage.package) if one.deprecated)
    with pytest.raises(Refused, match="deprecated"):
        stage.gateway.create_request(deprecated, stage.at + timedelta(hours=1))


def test_an_expired_session_costs_one_login_and_one_call(stage: Stage) -> None:
    stage.gateway.packages()
    before = stage.gateway.calls
    stage.sim.expire_sessions()
    stage.gateway.packages()
    assert stage.gateway.calls - before == 3


def test_budget_and_clock(stage: Stage) -> None:
    stage.gateway.packages()
    budget = stage.gateway.budget()
    assert budget is not None
    assert (budget.used, budget.limit) == (1, 1_000_000)
    assert stage.gateway.clock_drift() == timedelta()


def test_credentials_that_are_wrong() -> None:
    with (
        staged(credentials=ClientCredentials("pushboard-demo", "wrong")) as stage,
        pytest.raises(LoginLost, match="check the client id and secret"),
    ):
        stage.gateway.packages()


def test_a_signed_assertion_logs_in(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "pushboard.test.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    credentials = JwtBearer("pushboard-demo", "releases@harborline.example", path)
    with staged(options=Options(jwt_public_key=public), credentials=credentials) as stage:
        assert stage.gateway.packages()


def test_an_org_that_spells_its_status_with_a_blank() -> None:
    options = Options(pace=FAST, failure_rate=0, unknowns=Unknowns(spaced_in_progress=True))
    with staged(options=options) as stage:
        gateway = stage.gateway
        orgs = stage.behind(2)
        stage.sim.script(orgs, "stuck")
        request = gateway.create_request(stage.version, stage.at + timedelta(minutes=1))
        gateway.add_jobs(request, orgs)
        gateway.arm(request)
        stage.forward(minutes=30)
        found = gateway.request(request)
        assert found is not None
        assert found.status is SfStatus.IN_PROGRESS
        assert gateway.job_counts([request]) == {request: {SfStatus.IN_PROGRESS: 2}}
        assert [one.id for one in gateway.open_requests(stage.package)] == [request]
        assert len(gateway.open_jobs_of(stage.package, orgs)) == 2


def test_a_package_that_may_not_be_pushed() -> None:
    with staged(options=Options(push_enabled=False)) as stage, pytest.raises(Refused) as refused:
        stage.gateway.open_requests(stage.package)
    assert refused.value.code == "INVALID_TYPE"


def test_what_each_operation_costs() -> None:
    """The figures by which polling and syncs are planned; a change here changes the budget."""
    with staged(orgs=2_500) as stage:
        gateway = stage.gateway

        def cost(act: Callable[[], object]) -> int:
            before = gateway.calls
            act()
            return gateway.calls - before

        everyone = [one.org for page in gateway.subscribers(stage.package) for one in page]
        request = gateway.create_request(stage.version, stage.at + timedelta(hours=1))
        version, start = stage.version, stage.at + timedelta(hours=2)
        costs = {
            "packages": cost(gateway.packages),
            "versions": cost(lambda: gateway.versions(stage.package)),
            "subscribers": cost(lambda: list(gateway.subscribers(stage.package))),
            "changed": cost(lambda: list(gateway.subscribers(stage.package, since=stage.at))),
            "installed": cost(lambda: gateway.installed(stage.package, everyone[:1_000])),
            "create": cost(lambda: gateway.create_request(version, start)),
            "add": cost(lambda: gateway.add_jobs(request, everyone[:200])),
            "open jobs": cost(lambda: gateway.open_jobs_of(stage.package, everyone[:200])),
            "jobs": cost(lambda: gateway.jobs([request])),
            "counts": cost(lambda: gateway.job_counts([request])),
            "errors": cost(lambda: gateway.errors([request])),
            "arm": cost(lambda: gateway.arm(request)),
            "cancel": cost(lambda: gateway.cancel(request)),
        }
        more_than_one = {name: calls for name, calls in costs.items() if calls != 1}
        # 2,500 subscribers are two pages; some 480 org keys fit into one address.
        assert more_than_one == {"subscribers": 2, "installed": 3}
