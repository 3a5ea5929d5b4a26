"""What can be wrong with a connection: one sentence each, and what to do about it.

The only place where these sentences are made; pages, commands and refusals all show them. Texts of
Salesforce are recognised by a part of them, as seen by its clients (research of public sources);
what is not recognised is passed on in Salesforce's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rollouts.domain.connecting import AuthKind, OrgRole
from rollouts.models import Connection
from rollouts.salesforce.errors import SalesforceError


class Kind(StrEnum):
    """What is wrong."""

    WRONG_CERTIFICATE = "wrong_certificate"
    WRONG_ORG = "wrong_org"
    REVOKED = "revoked"
    MISSING_PERMISSION = "missing_permission"
    PUSH_NOT_ENABLED = "push_not_enabled"
    NOT_REVIEWED = "not_reviewed"
    CLOCK_OFF = "clock_off"
    QUOTA_GONE = "quota_gone"
    HOST_REFUSED = "host_refused"
    TLS_REFUSED = "tls_refused"
    UNREACHABLE = "unreachable"
    IP_RESTRICTED = "ip_restricted"
    USER_INACTIVE = "user_inactive"
    ORG_INACTIVE = "org_inactive"
    NOT_APPROVED = "not_approved"
    WRONG_CLIENT_ID = "wrong_client_id"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a kind of trouble
    WRONG_ADDRESS = "wrong_address"
    FLOW_OFF = "flow_off"
    NO_RUN_AS_USER = "no_run_as_user"
    NO_CREDENTIALS = "no_credentials"
    NOT_SIGNED_IN = "not_signed_in"
    SEALED = "sealed"
    SESSION_REFUSED = "session_refused"
    API_OFF = "api_off"
    NO_LMA = "no_lma"
    OLD_API = "old_api"
    CODE_OVER = "code_over"
    OBSERVES = "observes"
    DISCONNECTED = "disconnected"
    BUSY = "busy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Trouble:
    """``what`` is the case, ``do`` is what a person does about it; both are whole sentences."""

    kind: Kind
    what: str
    do: str

    @property
    def text(self) -> str:
        """Both sentences."""
        return f"{self.what} {self.do}"


PUSH_PERMISSION = {
    OrgRole.PACKAGING: "Upload AppExchange Packages",
    OrgRole.DEVHUB: "Create and Update Second-Generation Packages",
}

_ALL: dict[Kind, tuple[str, str]] = {
    Kind.WRONG_CERTIFICATE: (
        "Salesforce does not accept the signature: the app has another certificate than this one.",
        (
            "Download the certificate from this connection's page and upload it to the app under "
            "“Use digital signatures”."
        ),
    ),
    Kind.WRONG_ORG: (
        "The sign-in leads to another org than the one this connection is bound to.",
        (
            "Mend the credentials or the login address; for another org add another connection. "
            "Until then nothing is read or written."
        ),
    ),
    Kind.REVOKED: (
        "Salesforce has ended this access: it was revoked, or has expired.",
        (
            "Look who revoked it (Setup, Connected Apps OAuth Usage), then sign in again from "
            "this connection's page."
        ),
    ),
    Kind.MISSING_PERMISSION: (
        "The integration user may see the push objects but not create push requests.",
        "Give its permission set “{permission}” and API Enabled.",
    ),
    Kind.PUSH_NOT_ENABLED: (
        (
            "This org shows no push objects: push upgrades are not enabled for it, or the user "
            "lacks the permission."
        ),
        (
            "First give the user “{permission}”; if that changes nothing, ask Partner Support by "
            "a case that names this org to enable push upgrades, patch and major."
        ),
    ),
    Kind.NOT_REVIEWED: (
        "Salesforce refuses push requests for this package: it has not passed the security review.",
        "Finish the AppExchange security review of the package, then run the self-test again.",
    ),
    Kind.CLOCK_OFF: (
        "The clocks of this machine and of Salesforce differ too much.",
        (
            "Switch time synchronisation (NTP) on for this machine. Until then nothing is armed, "
            "and a sign-in by certificate may be refused."
        ),
    ),
    Kind.QUOTA_GONE: (
        "The org's API calls of the last 24 hours are used up.",
        (
            "Wait until they return, or find what else uses them (Setup, System Overview). "
            "Pushboard keeps its last 50 for stopping, and then arms nothing."
        ),
    ),
    Kind.HOST_REFUSED: (
        "The address is not on the list of hosts that may be asked.",
        (
            "Use the org's My Domain, such as https://example.my.salesforce.com. Custom domains "
            "and government clouds are not on the list."
        ),
    ),
    Kind.TLS_REFUSED: (
        "The address shows a certificate that this machine does not trust.",
        (
            "If your network opens TLS on the way out, name its certificates in "
            "PUSHBOARD_CA_BUNDLE; if not, find out who answers in Salesforce's place before you "
            "go on."
        ),
    ),
    Kind.UNREACHABLE: (
        "Salesforce can't be reached from this machine.",
        "Check the login address, the name service and the way out (port 443, firewall, proxy).",
    ),
    Kind.IP_RESTRICTED: (
        "Salesforce refuses sign-ins from this machine's address.",
        (
            "Add the addresses that Pushboard calls from to the app's or the profile's IP ranges, "
            "or relax the app's IP restriction."
        ),
    ),
    Kind.USER_INACTIVE: (
        "The integration user is not active.",
        "Activate or unlock it in Setup, Users.",
    ),
    Kind.ORG_INACTIVE: (
        "The org is not active.",
        "Ask Salesforce what has become of it.",
    ),
    Kind.NOT_APPROVED: (
        "The integration user is not approved for the app.",
        (
            "In the app's policies choose “Admin approved users are pre-authorized” and add the "
            "user's permission set."
        ),
    ),
    Kind.WRONG_CLIENT_ID: (
        "Salesforce does not know this consumer key.",
        "Copy it again from the app; a new app takes up to ten minutes to be known everywhere.",
    ),
    Kind.WRONG_SECRET: (
        "Salesforce does not accept the client secret.",
        "Copy the consumer secret again from the app and enter it under “Rotate”.",
    ),
    Kind.WRONG_ADDRESS: (
        "This way of signing in does not work at this login address.",
        "Use the org's own My Domain address; client credentials work nowhere else.",
    ),
    Kind.FLOW_OFF: (
        "The app does not allow this way of signing in.",
        "Switch the flow on in the app's OAuth settings.",
    ),
    Kind.NO_RUN_AS_USER: (
        "The app has no user to run as.",
        "Choose the integration user under “Run As” in the app's client credentials policy.",
    ),
    Kind.NO_CREDENTIALS: (
        "This connection has nothing to sign in with.",
        "Enter the secret or key that is missing.",
    ),
    Kind.NOT_SIGNED_IN: (
        "Nobody has signed in at Salesforce for this connection yet.",
        "Press “Sign in at Salesforce” on this connection's page.",
    ),
    Kind.SEALED: (
        "The stored secret can't be decrypted with the keys of this installation.",
        "Put the missing key back into PUSHBOARD_ENCRYPTION_KEYS, or enter the secret anew.",
    ),
    Kind.SESSION_REFUSED: (
        "Salesforce gave a new session and then refused it.",
        (
            "Check the app's policies (IP ranges, session security, high assurance) and the "
            "user's login hours."
        ),
    ),
    Kind.API_OFF: (
        "The integration user may not use the API.",
        (
            "Give its permission set API Enabled; Group and Professional orgs need API access by "
            "contract."
        ),
    ),
    Kind.NO_LMA: (
        (
            "This org shows no licences: the License Management App is not installed, or the user "
            "may not read it."
        ),
        (
            "Install the app here or connect the org that has it, and give the user read access "
            "to its licences, packages and package versions."
        ),
    ),
    Kind.OLD_API: (
        "This org does not answer the version of the API that Pushboard speaks.",
        "Set PUSHBOARD_SF_API_VERSION to one that it answers, 60.0 or newer.",
    ),
    Kind.CODE_OVER: (
        "The sign-in took too long, or its answer came twice.",
        "Begin the sign-in again on the connection's page.",
    ),
    Kind.OBSERVES: (
        "This connection only observes.",
        "An admin turns push mode on when everything here is right.",
    ),
    Kind.DISCONNECTED: (
        "This connection was disconnected.",
        "Enter its credentials anew to use it again.",
    ),
    Kind.BUSY: (
        "Salesforce could not answer just now.",
        "Run the checks again in a few minutes; if it stays so, look at Salesforce's status page.",
    ),
    Kind.OTHER: ("Salesforce refused.", "Mend what it names, then run the checks again."),
}

# Parts of what the token endpoint says, in small letters, the more special first.
_SAID: tuple[tuple[str, Kind], ...] = (
    ("expired authorization code", Kind.CLOCK_OFF),
    ("assertion", Kind.WRONG_CERTIFICATE),
    ("audience", Kind.WRONG_ADDRESS),
    ("not supported on this domain", Kind.WRONG_ADDRESS),
    ("approved", Kind.NOT_APPROVED),
    ("ip restricted", Kind.IP_RESTRICTED),
    ("inactive user", Kind.USER_INACTIVE),
    ("user is inactive", Kind.USER_INACTIVE),
    ("inactive org", Kind.ORG_INACTIVE),
    ("no client credentials user", Kind.NO_RUN_AS_USER),
    ("expired access/refresh token", Kind.REVOKED),
    ("token", Kind.REVOKED),
)
_CODES: dict[str, Kind] = {
    "HOST_REFUSED": Kind.HOST_REFUSED,
    "TLS_REFUSED": Kind.TLS_REFUSED,
    "NO_CONNECTION": Kind.UNREACHABLE,
    "NO_ANSWER": Kind.UNREACHABLE,
    "ORG_CHANGED": Kind.WRONG_ORG,
    "ORG_TAKEN": Kind.WRONG_ORG,
    "BAD_KEY": Kind.NO_CREDENTIALS,
    "NO_LOGIN": Kind.NO_CREDENTIALS,
    "NOT_SIGNED_IN": Kind.NOT_SIGNED_IN,
    "SEALED": Kind.SEALED,
    "DISCONNECTED": Kind.DISCONNECTED,
    "OBSERVE_MODE": Kind.OBSERVES,
    "LOGIN_UNAVAILABLE": Kind.BUSY,
    "UNREADABLE_ANSWER": Kind.BUSY,
    "SERVER_UNAVAILABLE": Kind.BUSY,
    "INVALID_SESSION_ID": Kind.SESSION_REFUSED,
    "REQUEST_LIMIT_EXCEEDED": Kind.QUOTA_GONE,
    "API_DISABLED_FOR_ORG": Kind.API_OFF,
    "API_CURRENTLY_DISABLED": Kind.API_OFF,
    "INSUFFICIENT_ACCESS": Kind.MISSING_PERMISSION,
    "INSUFFICIENT_ACCESS_OR_READONLY": Kind.MISSING_PERMISSION,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Kind.MISSING_PERMISSION,
    "INVALID_TYPE": Kind.PUSH_NOT_ENABLED,
    "NOT_FOUND": Kind.PUSH_NOT_ENABLED,
    "invalid_client_id": Kind.WRONG_CLIENT_ID,
    "app_not_found": Kind.WRONG_CLIENT_ID,
    "invalid_app_access": Kind.NOT_APPROVED,
    "OAUTH_APP_ACCESS_DENIED": Kind.NOT_APPROVED,
    "unsupported_grant_type": Kind.FLOW_OFF,
    "unauthorized_client": Kind.FLOW_OFF,
    "inactive_user": Kind.USER_INACTIVE,
    "inactive_org": Kind.ORG_INACTIVE,
}
_NOT_REVIEWED = "security review"


def trouble(kind: Kind, link: Connection, *, what: str = "") -> Trouble:
    """Return the sentences of a kind for one connection; ``what`` is said in place of the first."""
    first, then = _ALL[kind]
    permission = PUSH_PERMISSION.get(OrgRole(link.role), "")
    return Trouble(kind, what or first, then.format(permission=permission))


def explain(error: SalesforceError, link: Connection) -> Trouble:
    """Say in our words what an outcome of a call means, and what to do."""
    kind = kind_of(error, link)
    what = str(error) if kind in _IN_ITS_WORDS else ""
    return trouble(kind, link, what=what)


# Where the error's own sentence names what ours can't: the org, the address, what is missing.
_IN_ITS_WORDS = frozenset({Kind.WRONG_ORG, Kind.HOST_REFUSED, Kind.NO_CREDENTIALS, Kind.OTHER})


def kind_of(error: SalesforceError, link: Connection) -> Kind:
    """Recognise what is wrong by code and words."""
    code, said = error.code, error.told.casefold()
    if _NOT_REVIEWED in str(error).casefold():
        return Kind.NOT_REVIEWED
    if code == "invalid_client":
        jwt = link.auth == AuthKind.JWT.value
        return Kind.WRONG_CERTIFICATE if jwt else Kind.WRONG_SECRET
    if "authorization code" in said and link.auth == AuthKind.WEB_SERVER.value:
        return Kind.CODE_OVER
    if code in _CODES:
        return _CODES[code]
    if code.startswith("HTTP_"):
        return Kind.BUSY
    return next((kind for part, kind in _SAID if part in said), Kind.OTHER)


def worded(link: Connection, error: SalesforceError) -> str:
    """Return both sentences of what an outcome means."""
    return explain(error, link).text


__all__ = ["PUSH_PERMISSION", "Kind", "Trouble", "explain", "kind_of", "trouble", "worded"]
