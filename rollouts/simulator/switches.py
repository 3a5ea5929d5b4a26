"""What can be changed while the simulator runs, from the control face or its page.

A switch is a field of `Options` or of `Unknowns`. What was switched is kept in the store, so it
survives a restart and then goes before the options given at the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from .options import Options, Unknowns
from .refusals import Refusal
from .store import Work
from .witness import note

Value = bool | int | float | str | tuple[str, ...] | bytes | None

# What each switch says when it is on, or what its figure means.
ACCESS: Final = {
    "org_open": "the org is open (else inactive_org)",
    "user_active": "the user is active (else inactive_user, and sessions end)",
    "user_approved": "the user has approved the app",
    "run_as_user": "the app names a user for client credentials",
    "ip_allowed": "sign-ins may come from this address (else ip restricted)",
    "pkce_required": "the web-server flow needs a code challenge",
    "secret_needed": "the web-server flow and refreshing need the client secret",
    "rotate_refresh_tokens": "a refresh token is good once and brings its successor",
    "callback_urls": "registered callback addresses, separated by blanks; none: any on loopback",
    "instance_url": "the instance_url of token answers; empty: the address asked",
    "token_seconds": "wall seconds an access token is good",
    "code_seconds": "wall seconds an authorization code is good",
    "refresh_token_seconds": "wall seconds a refresh token is good; empty: until revoked",
    "jwt_public_key": "certificate or public key (PEM) that signs the client's assertions",
}
PLATFORM: Final = {
    "lma": "the License Management App is in the vendor's own org too",
    "push_enabled": "push upgrades are enabled for this org (else INVALID_TYPE)",
    "api_allowed": "the user may call the API (else API_DISABLED_FOR_ORG)",
    "push_permission": "the user may create pushes; what else they see is an open question",
    "limits_readable": "the user may see the limits",
    "unreviewed_packages": "packages that have not passed the security review, by name",
    "excluded_orgs": "15-character keys on the push upgrade exclusion list",
    "oldest_api": "oldest API version answered",
    "newest_api": "newest API version answered",
    "clock_offset": "seconds that the Date header is ahead of the truth",
    "short_pages": "share of query pages with fewer rows than asked",
    "cursor_seconds": "simulated seconds a query locator is good",
    "query_timeout_rows": "subscribers in one query without InstanceName before QUERY_TIMEOUT",
    "extra_rows": "queries by OrgKey IN bring orgs nobody asked for (W-6129024)",
    "daily_calls": "API calls allowed in 24 simulated hours",
    "daily_bulk_batches": "uploads and queries of the Bulk APIs allowed in that time",
    "failure_rate": "share of orgs in which a healthy version fails",
    "defect_rate": "share of sandboxes in which the version with the defect fails",
    "fault_rate": "share of calls that meet a random fault",
    "fault_hang_seconds": "wall seconds such a fault holds an answer",
}
UNKNOWNS: Final = {
    "start_kept_to_minute": "ScheduledStartTime is cut to its minute",
    "created_date_readable": "requests have CreatedDate and CreatedById",
    "reopens_canceled": "a Canceled request can be set to Pending again",
    "jobs_after_pending": "jobs can be added to a Pending request",
    "duplicate_jobs": "an org can be added to a request twice",
    "edits_while_pending": "a Pending request can be edited",
    "org_in_one_open_request_only": "an org of an open request is refused in another",
    "jobs_visible_after": "simulated seconds until a query finds a new job",
    "max_jobs_per_request": "most jobs of a request; empty: any number",
    "spaced_in_progress": "the running status is spelled with a space",
    "blocked_org_refused_at_create": "a job for a blocking org is refused (else it fails)",
    "empty_request_fails": "a Pending request without jobs ends as Failed",
    "empty_request_refused": "a request without jobs can't be set to Pending",
    "mixed_request_succeeds": "a request ends as Succeeded if any job did",
    "reopens_finished": "a finished request can be set to Pending again; failed jobs run anew",
    "pending_returns_to_created": "a Pending request can be set back to Created",
    "past_start_refused": "a start time in the past is refused",
    "long_org_keys_refused": "SubscriberOrganizationKey takes 15 characters only",
    "max_open_requests": "most open requests of the org; empty: any number",
    "excluded_org_fails_at_run": "a job for an excluded org fails (else it is refused)",
    "patch_needs_same_minor": "patches go only to orgs on the same major and minor version",
    "subscriber_lag": "simulated seconds until PackageSubscriber shows a new version",
    "uninstalled_stay_listed": "orgs without the package stay listed, with status u",
    "cancel_cascades_after": "simulated seconds until a Canceled request's jobs are too",
    "missing_permission_shows_objects": "without the permission only writes are refused",
    "old_licence_names": "licences have the older field names only",
}
SAYS: Final = {**ACCESS, **PLATFORM, **UNKNOWNS}


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands. `kind` is the Python type of its values, as written."""

    name: str
    kind: str
    value: Value
    usual: Value
    says: str

    @property
    def shown(self) -> str:
        """The value as a form shows it."""
        return _text(self.value)


def switches(options: Options, names: Mapping[str, str] = SAYS) -> list[Switch]:
    """The switches of those names, in their order."""
    here, usual = _values(options), _values(Options())
    kinds = {field.name: str(field.type) for field in (*fields(Options), *fields(Unknowns))}
    return [
        Switch(name, kinds[name], here[name], usual[name], says) for name, says in names.items()
    ]


def turn(work: Work, wanted: Mapping[str, object]) -> None:
    """Set switches by name, each to a value or to the text of one. Raises Refusal."""
    kinds = {switch.name: switch.kind for switch in switches(work.options)}
    for name, value in wanted.items():
        if name not in kinds:
            raise _bad(f"There is no switch {name}. Known are {', '.join(SAYS)}.")
        found = _read(name, kinds[name], value)
        work.db.execute(
            "INSERT OR REPLACE INTO switch VALUES (?, ?)", (name, json.dumps(_text(found)))
        )
        note(work, "switched", detail={"name": name, "value": _text(found)})
    work.switched = True


def switched(options: Options, kept: Mapping[str, str]) -> Options:
    """The options with what was switched. `kept` holds the JSON of each switch."""
    kinds = {switch.name: switch.kind for switch in switches(options)}
    found = {
        name: _read(name, kinds[name], json.loads(text))
        for name, text in kept.items()
        if name in kinds
    }
    unknowns = {name: value for name, value in found.items() if name in UNKNOWNS}
    rest = {name: value for name, value in found.items() if name not in UNKNOWNS}
    changed = replace(options.unknowns, **unknowns)  # type: ignore[arg-type]
    return replace(options, unknowns=changed, **rest)  # type: ignore[arg-type]


def _values(options: Options) -> dict[str, Value]:
    return {name: getattr(options.unknowns if name in UNKNOWNS else options, name) for name in SAYS}


def _read(name: str, kind: str, value: object) -> Value:
    text = _text(value)
    if text == "" and kind.endswith("| None"):
        return None
    match kind.partition(" ")[0]:
        case "bool" if text in ("true", "false"):
            return text == "true"
        case "int" if text.isascii() and text.removeprefix(_sign(name)).isdecimal():
            return int(text)
        case "float":
            return _number(name, text)
        case "bytes":
            return _key(name, text)
        case "str":
            return text
        case "tuple[str,":
            return tuple(text.split())
    raise _bad(f"{text!r} is no value for {name}, which takes {kind}.")


def _sign(name: str) -> str:
    """What may stand before a number; only the clock can be behind."""
    return "-" if name == "clock_offset" else ""


def _number(name: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise _bad(f"{text!r} is no value for {name}, which takes a number from 0.")
    return found


def _key(name: str, text: str) -> bytes:
    from .signature import readable

    pem = text.strip().encode()
    if not readable(pem):
        raise _bad(f"{name} takes a certificate or public key of an RSA key, as PEM.")
    return pem


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple):
        return " ".join(str(part) for part in value)
    return str(value)


def _bad(message: str) -> Refusal:
    return Refusal(400, "INVALID_INPUT", message)
