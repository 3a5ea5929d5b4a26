"""How one simulated Salesforce is set up: who it is, how fast it works, what it leaves open.

`Unknowns` holds every question to which no public source has an answer. Each is a switch, so that
the dashboard's safety can be tested under both answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What kind of org the simulator plays."""

    DEV_HUB = "devhub"  # owns both packages and answers ScratchOrgInfo
    PACKAGING = "packaging"  # a first-generation packaging org: owns Harbor only
    LMO = "lmo"  # has the License Management App, and pushes nothing

    @property
    def tenant(self) -> str:
        """Which of the two orgs of a world plays this role: the vendor's own, or the LMO."""
        return "lmo" if self is Role.LMO else "owner"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the platform takes, in simulated seconds."""

    start_delay: tuple[int, int] = (30, 240)
    late_start_delay: tuple[int, int] = (300, 1_500)
    late_start_share: float = 0.1
    job: tuple[int, int] = (120, 480)
    quick_failure: tuple[int, int] = (5, 20)
    parallel_jobs: int = 20
    licence_lag: tuple[int, int] = (300, 5_400)  # until the licence shows what the org has


FAST = Pace(
    start_delay=(1, 5),
    late_start_delay=(5, 10),
    job=(5, 20),
    quick_failure=(1, 3),
    licence_lag=(20, 60),
)


@dataclass(frozen=True, slots=True)
class BulkPace:
    """How long bulk jobs take, in seconds: until one is begun, and for each row.

    By simulated time, or by the wall clock. Without time, all is done when the client asks next.
    """

    start: float = 0.0
    row: float = 0.0
    wall: bool = False


@dataclass(frozen=True, slots=True)
class Unknowns:
    """Platform answers that must be probed on a real org (reliability note, section 2.8)."""

    start_kept_to_minute: bool = False
    created_date_readable: bool = False
    reopens_canceled: bool = False
    jobs_after_pending: bool = False
    duplicate_jobs: bool = False
    edits_while_pending: bool = False
    org_in_one_open_request_only: bool = False
    jobs_visible_after: int = 0  # simulated seconds until a query finds a new job
    max_jobs_per_request: int | None = None
    spaced_in_progress: bool = False  # emit "In Progress" in place of "InProgress"
    blocked_org_refused_at_create: bool = False
    empty_request_fails: bool = False
    empty_request_refused: bool = False
    mixed_request_succeeds: bool = False
    reopens_finished: bool = False
    pending_returns_to_created: bool = False
    past_start_refused: bool = False
    long_org_keys_refused: bool = False
    max_open_requests: int | None = None
    excluded_org_fails_at_run: bool = False
    patch_needs_same_minor: bool = False
    subscriber_lag: int = 0  # simulated seconds until PackageSubscriber shows a push's version
    uninstalled_stay_listed: bool = False  # with InstalledStatus u
    cancel_cascades_after: int = 0  # simulated seconds until jobs are Canceled too
    missing_permission_shows_objects: bool = False
    old_licence_names: bool = False  # licences lack the newer field names


@dataclass(frozen=True, slots=True)
class Options:
    """One simulated Salesforce."""

    role: Role = Role.DEV_HUB
    push_enabled: bool = True
    lma: bool = False  # the License Management App is in the vendor's own org too
    client_id: str = "pushboard-demo"
    client_secret: str = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
    username: str = "releases@harborline.example"
    jwt_public_key: bytes | None = None  # PEM public key or certificate of the client
    token_seconds: int = 7_200  # wall seconds
    code_seconds: int = 900  # wall seconds that an authorization code is good
    refresh_token_seconds: int | None = None  # wall seconds; None means until revoked
    rotate_refresh_tokens: bool = False
    pkce_required: bool = True
    secret_needed: bool = True  # for the web-server flow and for refreshing
    callback_urls: tuple[str, ...] = ()  # none means any on this machine
    instance_url: str = ""  # what the token answer names; empty means the address asked
    org_open: bool = True
    user_active: bool = True
    user_approved: bool = True  # has approved the app, or an admin has for them
    run_as_user: bool = True  # the app names a user for client credentials
    ip_allowed: bool = True
    api_allowed: bool = True  # the user may call the API
    push_permission: bool = True  # the user has what creating pushes takes
    limits_readable: bool = True  # the user may see the limits
    unreviewed_packages: tuple[str, ...] = ()  # names of packages without a security review
    excluded_orgs: tuple[str, ...] = ()  # 15-character keys on the exclusion list
    oldest_api: int = 38
    newest_api: int = 68
    clock_offset: int = 0  # seconds that the Date header is ahead of the truth
    short_pages: float = 0.0  # share of query pages that hold fewer rows than asked
    cursor_seconds: int = 172_800  # simulated seconds that a query locator is good
    query_timeout_rows: int | None = None  # more subscribers at once: QUERY_TIMEOUT
    extra_rows: bool = False  # bug W-6129024: subscribers nobody asked for
    daily_calls: int = 1_000_000  # calls per 24 simulated hours
    daily_bulk_batches: int = 15_000  # of both Bulk APIs together
    failure_rate: float = 0.02  # share of orgs in which a healthy version fails
    defect_rate: float = 0.25  # share of sandboxes in which the version with the defect fails
    fault_rate: float = 0.0  # share of calls that meet a random fault
    fault_hang_seconds: float = 3.0
    pace: Pace = field(default_factory=Pace)
    bulk: BulkPace = field(default_factory=BulkPace)
    unknowns: Unknowns = field(default_factory=Unknowns)

    @property
    def in_progress(self) -> str:
        """How this org spells the running status."""
        return "In Progress" if self.unknowns.spaced_in_progress else "InProgress"
