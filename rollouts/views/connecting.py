"""Adding a connection, changing it, signing it in, letting it push, disconnecting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, may
from rollouts.domain.connecting import AUTH_WORDS, ROLE_WORDS, AuthKind, OrgRole, Secret
from rollouts.domain.permissions import Permission
from rollouts.forms import ConnectionForm, SecretForm, SelfTestForm, TypedReasonForm
from rollouts.models import Connection
from rollouts.pipeline import connections, consent, credentials, proof, selftest, troubles
from rollouts.pipeline.connections import Described
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, posted, see, status_of
from rollouts.views.connections import address, find, page
from rollouts.views.show import show

ROLES = tuple(OrgRole)
AUTHS = (AuthKind.JWT, AuthKind.CLIENT_CREDENTIALS, AuthKind.WEB_SERVER)
_SESSION = "salesforce_consent"


@dataclass(frozen=True, slots=True)
class _Choice:
    value: str
    words: str
    about: str


_ABOUT_ROLE = {
    OrgRole.PACKAGING: "owns a first-generation package; not its patch org",
    OrgRole.DEVHUB: "owns second-generation and unlocked packages",
    OrgRole.LMO: "has the License Management App; is only read",
}
_ABOUT_AUTH = {
    AuthKind.JWT: "recommended: a certificate of this installation, no shared secret",
    AuthKind.CLIENT_CREDENTIALS: "simplest: the app's consumer secret",
    AuthKind.WEB_SERVER: "a person signs in once at Salesforce; ends when that is revoked",
}


@ASK_OR_ACT
@may(Permission.CONNECT)
def new(request: Request) -> HttpResponse:
    """Lead through adding a connection: first what it is, then what to do and what to paste."""
    role, auth = _chosen(request)
    if role is None or auth is None:
        context = {
            "roles": [_Choice(one, ROLE_WORDS[one], _ABOUT_ROLE[one]) for one in ROLES],
            "auths": [_Choice(one, AUTH_WORDS[one], _ABOUT_AUTH[one]) for one in AUTHS],
            "role": role or OrgRole.PACKAGING,
            "auth": auth or AuthKind.JWT,
        }
        return show(request, "connections/new_kind.html", context)
    form = ConnectionForm(posted(request), auth=auth)
    if not form.is_valid():
        return _guide(request, form, role, auth)
    try:
        link = _made(request, form.cleaned_data, role, auth)
    except Refusal as refusal:
        return _guide(request, form, role, auth, refusal)
    if auth is AuthKind.CLIENT_CREDENTIALS:
        proof.prove(link, by=request.user)
    messages.success(request, "Stored. It only observes until an admin turns push mode on.")
    return see(address(link))


def _chosen(request: Request) -> tuple[OrgRole | None, AuthKind | None]:
    role = request.GET.get("role", "")
    auth = request.GET.get("auth", "")
    return (
        OrgRole(role) if role in set(ROLES) else None,
        AuthKind(auth) if auth in set(AUTHS) else None,
    )


def _made(request: Request, typed: dict[str, Any], role: OrgRole, auth: AuthKind) -> Connection:
    described = Described(
        name=typed["name"],
        role=role,
        auth=auth,
        login_url=typed["login_url"],
        client_id=typed["client_id"],
        username=typed.get("username", ""),
    )
    by, now = request.user, request.now
    link = connections.make(described, by=by, now=now)
    if auth is AuthKind.JWT:
        credentials.make_key(link, by=by, now=now)
    elif typed.get("secret"):
        credentials.store_secret(link, typed["secret"], by=by, now=now)
    link.refresh_from_db()
    return link


def _guide(
    request: Request,
    form: ConnectionForm,
    role: OrgRole,
    auth: AuthKind,
    refusal: Refusal | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()),
        "refusal": refusal,
        "role": role,
        "role_words": ROLE_WORDS[role],
        "auth": auth,
        "auth_words": AUTH_WORDS[auth],
        "permission": troubles.PUSH_PERMISSION.get(role, ""),
        "callback": _callback(),
    }
    status = status_of(refusal) if refusal else UNPROCESSABLE if form.is_bound else OK
    return show(request, "connections/new.html", context, status=status)


@ASK_OR_ACT
@may(Permission.CONNECT)
def change(request: Request, pk: int) -> HttpResponse:
    """Mend the address, the consumer key or the user of a connection."""
    link = find(pk)
    auth = AuthKind(link.auth)
    if auth is AuthKind.SETTINGS:
        return page(
            request, link, refusal=Refusal("It takes these from the settings; change them there.")
        )
    form = ConnectionForm(
        posted(request),
        auth=auth,
        bound=bool(link.org_id),
        new=False,
        initial={
            "name": link.name,
            "login_url": link.login_url,
            "client_id": link.client_id,
            "username": link.username,
        },
    )
    refusal = None
    if form.is_valid():
        typed = form.cleaned_data
        described = Described(
            name=link.name,
            role=OrgRole(link.role),
            auth=auth,
            login_url=typed["login_url"],
            client_id=typed["client_id"],
            username=typed.get("username", ""),
        )
        try:
            connections.describe_again(
                described, by=request.user, now=request.now, reason=typed["reason"]
            )
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, "Changed. Run the checks to see whether it works.")
            return see(address(link))
    context = {"link": link, "form": form, "refusal": refusal, "problems": len(form.errors)}
    status = status_of(refusal) if refusal else UNPROCESSABLE if form.is_bound else OK
    return show(request, "connections/change.html", context, status=status)


@ASK_OR_ACT
@may(Permission.CONNECT)
def rotate(request: Request, pk: int) -> HttpResponse:
    """Replace a consumer secret, tried at Salesforce before it counts."""
    link = find(pk)
    form = SecretForm(posted(request))
    refusal = None
    if form.is_valid():
        try:
            credentials.rotate_secret(
                link, form.cleaned_data["secret"], by=request.user, now=request.now
            )
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, "The new secret is in use, in every process.")
            return see(address(link))
    context = {"link": link, "form": form, "refusal": refusal, "problems": len(form.errors)}
    status = status_of(refusal) if refusal else UNPROCESSABLE if form.is_bound else OK
    return show(request, "connections/rotate.html", context, status=status)


@require_POST
@may(Permission.CONNECT)
def make_key(request: Request, pk: int) -> HttpResponse:
    """Make the next certificate; the one in use stays until the switch."""
    link = find(pk)
    return _do(
        request,
        link,
        lambda: credentials.make_key(link, by=request.user, now=request.now),
        "A new certificate is made. Upload it to the app, then switch to it.",
    )


@require_POST
@may(Permission.CONNECT)
def switch_key(request: Request, pk: int) -> HttpResponse:
    """Sign in with the next certificate and use it from now on."""
    link = find(pk)
    return _do(
        request,
        link,
        lambda: credentials.switch_key(link, by=request.user, now=request.now),
        "Salesforce accepts the new certificate; it is in use. The old key is forgotten.",
    )


def _do(request: Request, link: Connection, deed: Any, done: str) -> HttpResponse:
    try:
        deed()
    except Refusal as refusal:
        return page(request, link, refusal=refusal)
    messages.success(request, done)
    return see(address(link))


@ASK_OR_ACT
@may(Permission.CONNECT)
def push_on(request: Request, pk: int) -> HttpResponse:
    """Say what push mode means; on POST, with the org's name typed, turn it on."""
    link = find(pk)
    return _typed(
        request,
        link,
        "connections/push_on.html",
        lambda typed: connections.turn_push_on(link, by=request.user, now=request.now, **typed),
        "Push mode is on. Every push still needs its approvals.",
    )


@ASK_OR_ACT
@may(Permission.CONNECT)
def disconnect(request: Request, pk: int) -> HttpResponse:
    """Say what ends; on POST, with the org's name typed, revoke and forget."""
    link = find(pk)
    said: list[str] = []
    return _typed(
        request,
        link,
        "connections/disconnect.html",
        lambda typed: said.append(
            credentials.disconnect(link, by=request.user, now=request.now, **typed)
        ),
        "Disconnected. Its secrets are forgotten; what was read stays.",
        said,
    )


def _typed(
    request: Request,
    link: Connection,
    template: str,
    deed: Any,
    done: str,
    said: list[str] | None = None,
) -> HttpResponse:
    form = TypedReasonForm(posted(request))
    refusal = None
    if form.is_valid():
        try:
            deed(form.cleaned_data)
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, " ".join([done, *(said or [])]).strip())
            return see(address(link))
    context = {
        "link": link,
        "form": form,
        "refusal": refusal,
        "problems": len(form.errors),
        "why_not": connections.push_refusal(link),
        "permission": troubles.PUSH_PERMISSION.get(OrgRole(link.role), ""),
    }
    status = status_of(refusal) if refusal else UNPROCESSABLE if form.is_bound else OK
    return show(request, template, context, status=status)


@ASK_OR_ACT
@may(Permission.CONNECT)
def self_test(request: Request, pk: int) -> HttpResponse:
    """Say what the self-test does; on POST, with the org's name typed, run it in this request."""
    link = find(pk)
    form = SelfTestForm(posted(request))
    refusal = None
    if form.is_valid():
        wanted = selftest.Wanted(form.cleaned_data["typed"], form.cleaned_data["org"])
        try:
            answers = selftest.run(link, wanted, by=request.user, now=request.now)
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, f"Asked. {len(answers)} questions are answered below.")
            return see(f"{address(link)}#questions")
    context = {"link": link, "form": form, "refusal": refusal, "problems": len(form.errors)}
    status = status_of(refusal) if refusal else UNPROCESSABLE if form.is_bound else OK
    return show(request, "connections/self_test.html", context, status=status)


@require_POST
@may(Permission.CONNECT)
def sign_in(request: Request, pk: int) -> HttpResponse:
    """Begin a sign-in at Salesforce: remember it in the session, then show the way there.

    A link and not a redirect: the browser's rules let no form of ours end on another site.
    """
    link = find(pk)
    try:
        begun, url = consent.begin(link, _callback(), by=request.user, now=request.now)
    except Refusal as refusal:
        return page(request, link, refusal=refusal)
    request.session[_SESSION] = begun.kept()
    context = {
        "link": link,
        "url": url,
        "origin": begun.origin,
        "has_secret": link.has(Secret.CLIENT_SECRET),
    }
    return show(request, "connections/go.html", context)


@require_safe
@may(Permission.CONNECT)
def signed_in(request: Request) -> HttpResponse:
    """Take the person back from Salesforce. It counts once: what was begun is taken out first."""
    kept = request.session.pop(_SESSION, None)
    begun = consent.Begun.of(kept) if kept else None
    try:
        link = consent.finish(begun, request.GET.dict(), by=request.user, now=request.now)
    except Refusal as refusal:
        link_of = Connection.objects.filter(pk=begun.connection_id).first() if begun else None
        if link_of is not None:
            return page(request, link_of, refusal=refusal)
        return show(
            request, "connections/not_begun.html", {"refusal": refusal}, status=status_of(refusal)
        )
    checks = proof.prove(link, by=request.user)
    if proof.signed_in(checks):
        messages.success(request, "Signed in at Salesforce.")
    return see(address(link))


def _callback() -> str:
    return settings.BASE_URL + reverse("connection-signed-in")
