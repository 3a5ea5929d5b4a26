"""Every kind of call the gateway makes: how to come to it, what it leaves, how to look for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from rollouts.salesforce.gateway import SfStatus
from rollouts.salesforce.values import SfBulkState
from tests.salesforce.simulated import Stage

# With the two looks at the fields, when pages hold 25 rows.
PAGES_OF_LICENCES = 8

Act = Callable[[], object]


@dataclass(frozen=True)
class Ready:
    """A call that may be made now.

    ``there`` says by reading whether its effect is there; ``again`` does what a caller does who
    does not know, or knows that it is not there.
    """

    act: Act
    there: Callable[[], bool] = lambda: True
    again: Act = lambda: None


@dataclass(frozen=True)
class CallKind:
    """``word`` is the simulator's word for the call, ``effect`` what a write leaves in its log.

    ``brings`` are effects that follow from it, ``rows`` the simulator's word for one of its rows,
    ``calls`` how many calls it takes, ``most`` how often its effect stands in the log.
    """

    word: str
    ready: Callable[[Stage], Ready]
    effect: str = ""
    brings: tuple[str, ...] = ()
    nth: int = 1
    rows: str = ""
    calls: int = 1
    most: int = 1


def _read(act: Callable[[Stage], object]) -> Callable[[Stage], Ready]:
    return lambda stage: Ready(lambda: act(stage))


def _of_request(act: Callable[[Stage, str], object]) -> Callable[[Stage], Ready]:
    """A read about a request that has ended, one of its two orgs failed."""

    def ready(stage: Stage) -> Ready:
        orgs = stage.behind(2)
        stage.sim.script(orgs[:1], "fail", error="ApexTestFailure")
        request = created(stage)
        stage.gateway.add_jobs(request, orgs)
        stage.gateway.arm(request)
        stage.forward(hours=4)
        return Ready(lambda: act(stage, request))

    return ready


def _installed(stage: Stage) -> Ready:
    orgs = stage.behind(3)
    return Ready(lambda: stage.gateway.installed(stage.package, orgs))


def created(stage: Stage) -> str:
    return stage.gateway.create_request(stage.version, stage.at + timedelta(hours=2))


def _login(stage: Stage) -> Ready:
    stage.sim.expire_sessions()
    return Ready(stage.gateway.packages)


def _create(stage: Stage) -> Ready:
    gateway, start = stage.gateway, stage.at + timedelta(hours=2)
    return Ready(
        act=lambda: gateway.create_request(stage.version, start),
        there=lambda: len(gateway.requests_starting(stage.version, start)) == 1,
        again=lambda: gateway.create_request(stage.version, start),
    )


def _add_jobs(stage: Stage) -> Ready:
    gateway, orgs, request = stage.gateway, stage.behind(3), created(stage)

    def missing() -> list[str]:
        there = {job.org for job in gateway.jobs([request])}
        return [org for org in orgs if org not in there]

    return Ready(
        act=lambda: gateway.add_jobs(request, orgs),
        there=lambda: not missing(),
        again=lambda: gateway.add_jobs(request, missing()),
    )


def _status(wanted: SfStatus) -> Callable[[Stage], Ready]:
    def ready(stage: Stage) -> Ready:
        gateway, request = stage.gateway, created(stage)
        gateway.add_jobs(request, stage.behind(1))

        def there() -> bool:
            found = gateway.request(request)
            return found is not None and found.status is wanted

        move = gateway.arm if wanted is SfStatus.PENDING else gateway.cancel
        return Ready(lambda: move(request), there, lambda: move(request))

    return ready


def _bulk_open(stage: Stage) -> Ready:
    gateway = stage.gateway
    return Ready(
        act=gateway.bulk_open,
        there=lambda: bool(gateway.bulk_jobs()),
        # An open job without data is nothing; another one may be opened at any time.
        again=lambda: gateway.bulk_open() if not gateway.bulk_jobs() else None,
    )


def _bulk_upload(stage: Stage) -> Ready:
    gateway, orgs, request = stage.gateway, stage.behind(3), created(stage)
    bulk = gateway.bulk_open()

    def again() -> None:
        gateway.bulk_abort(bulk)
        assert gateway.bulk_state(bulk).ended
        other = gateway.bulk_open()
        gateway.bulk_upload(other, request, orgs)

    # What lies in an open job can't be read, so a caller never takes it for there.
    return Ready(lambda: gateway.bulk_upload(bulk, request, orgs), lambda: False, again)


def _uploaded(stage: Stage) -> tuple[str, str]:
    gateway, request = stage.gateway, created(stage)
    bulk = gateway.bulk_open()
    gateway.bulk_upload(bulk, request, stage.behind(3))
    return request, bulk


def _bulk_close(stage: Stage) -> Ready:
    gateway, orgs = stage.gateway, stage.behind(3)
    request, bulk = _uploaded(stage)

    def missing() -> list[str]:
        there = {job.org for job in gateway.jobs([request])}
        return [org for org in orgs if org not in there]

    def again() -> None:
        gateway.bulk_close(bulk)
        assert gateway.bulk_state(bulk).ended
        if missing():
            gateway.add_jobs(request, missing())

    return Ready(
        act=lambda: gateway.bulk_close(bulk),
        there=lambda: not missing(),
        again=again,
    )


def _bulk_abort(stage: Stage) -> Ready:
    gateway = stage.gateway
    _, bulk = _uploaded(stage)
    return Ready(
        act=lambda: gateway.bulk_abort(bulk),
        there=lambda: gateway.bulk_state(bulk).state is SfBulkState.ABORTED,
        again=lambda: gateway.bulk_abort(bulk),
    )


def _closed(act: Callable[[Stage, str], object]) -> Callable[[Stage], Ready]:
    def ready(stage: Stage) -> Ready:
        _, bulk = _uploaded(stage)
        stage.gateway.bulk_close(bulk)
        assert stage.gateway.bulk_state(bulk).ended
        return Ready(lambda: act(stage, bulk))

    return ready


def _rows(stage: Stage) -> Ready:
    gateway = stage.gateway
    _, bulk = _uploaded(stage)
    gateway.bulk_close(bulk)
    ended = gateway.bulk_state(bulk)
    return Ready(lambda: gateway.bulk_rows(ended))


KINDS: Mapping[str, CallKind] = {
    "login": CallKind("token", _login, calls=3),
    "identity": CallKind("userinfo", _read(lambda stage: stage.gateway.identity()), calls=2),
    "packages": CallKind("query", _read(lambda stage: stage.gateway.packages())),
    "versions": CallKind("query", _read(lambda stage: stage.gateway.versions(stage.package))),
    "subscribers, page 1": CallKind(
        "query", _read(lambda stage: list(stage.gateway.subscribers(stage.package))), calls=9
    ),
    "subscribers, page 3": CallKind(
        "query_more",
        _read(lambda stage: list(stage.gateway.subscribers(stage.package))),
        nth=2,
        calls=9,
    ),
    "installed": CallKind("query", _installed),
    "requests": CallKind(
        "query", _of_request(lambda stage, request: stage.gateway.requests([request]))
    ),
    "jobs": CallKind("query", _of_request(lambda stage, request: stage.gateway.jobs([request]))),
    "counts": CallKind(
        "query", _of_request(lambda stage, request: stage.gateway.job_counts([request]))
    ),
    "errors": CallKind(
        "query", _of_request(lambda stage, request: stage.gateway.errors([request]))
    ),
    "licences": CallKind(
        "query", _read(lambda stage: list(stage.gateway.licences())), calls=PAGES_OF_LICENCES
    ),
    "describe": CallKind(
        "describe_global", _read(lambda stage: stage.gateway.capabilities()), calls=3
    ),
    "limits": CallKind("limits", _read(lambda stage: stage.gateway.daily_calls() is not None)),
    "create": CallKind("create:PackagePushRequest", _create, "request_created"),
    "add_jobs": CallKind(
        "collection:PackagePushJob", _add_jobs, "job_created", rows="collection_row", most=3
    ),
    "bulk_open": CallKind("bulk_create:PackagePushJob", _bulk_open, "bulk_created"),
    "bulk_upload": CallKind("bulk_upload", _bulk_upload, "bulk_uploaded"),
    "bulk_close": CallKind(
        "bulk_close", _bulk_close, "bulk_state", ("job_created",), rows="bulk_row", calls=2
    ),
    "bulk_state": CallKind(
        "bulk_state", _closed(lambda stage, bulk: stage.gateway.bulk_state(bulk))
    ),
    "bulk_rows": CallKind("bulk_results", _rows, nth=2, calls=3),
    "bulk_abort": CallKind("bulk_abort", _bulk_abort, "bulk_state", calls=2),
    "arm": CallKind(
        "update:PackagePushRequest", _status(SfStatus.PENDING), "request_pending", ("job_pending",)
    ),
    "cancel": CallKind(
        "update:PackagePushRequest",
        _status(SfStatus.CANCELED),
        "request_canceled",
        ("job_canceled",),
    ),
}
