"""Connections to Salesforce orgs: which there are, whether they work, what each may do."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.connecting import AuthKind, Secret
from rollouts.domain.permissions import Permission
from rollouts.models import Connection
from rollouts.pipeline import certificates, connections, proof
from rollouts.pipeline.report import links
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import act, see, status_of
from rollouts.views.show import show


@require_safe
@may(Permission.LOOK)
def connections_list(request: Request) -> HttpResponse:
    """List every connection with its state and the age of its data."""
    context = {"lines": links.link_lines(), "may_connect": can(request, Permission.CONNECT)}
    return show(request, "connections/list.html", context)


@require_safe
@may(Permission.LOOK)
def connection(request: Request, pk: int) -> HttpResponse:
    """Show one connection: its proof, what is known of it, and what may be done."""
    return page(request, find(pk))


@require_safe
@may(Permission.LOOK)
def certificate(request: Request, pk: int) -> HttpResponse:
    """Hand out the certificate to upload to the app; it is public. ``?next`` is the next one."""
    link = find(pk)
    wanted = link.next_certificate if "next" in request.GET else link.certificate
    if not wanted:
        raise Http404("This connection has no such certificate.")
    answer = HttpResponse(wanted, content_type="application/x-pem-file")
    answer["Content-Disposition"] = f'attachment; filename="pushboard-{link.pk}.crt"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_POST
@may(Permission.CONNECT)
def check(request: Request, pk: int) -> HttpResponse:
    """Ask Salesforce everything anew, in this request; the page shows what came of it."""
    link = find(pk)
    checks = proof.prove(link, by=request.user)
    if proof.all_good(checks):
        messages.success(request, "Checked. Nothing is wrong.")
    return see(address(link))


@require_POST
@may(Permission.STOP_EVERYTHING)
def push_off(request: Request, pk: int) -> HttpResponse:
    """Turn push mode off at once, without a question."""
    link = find(pk)
    return act(
        request,
        lambda: connections.turn_push_off(link, by=request.user, now=request.now),
        done="Push mode is off. Nothing new is created or armed; the watcher calls back what has "
        "not started.",
        to=address(link),
        refused=lambda refusal: page(request, link, refusal=refusal),
    )


def find(pk: int) -> Connection:
    """Return a connection, or answer that there is none."""
    return get_object_or_404(Connection, pk=pk)


def address(link: Connection) -> str:
    """Return the address of a connection's page."""
    return reverse("connection", args=[link.pk])


def page(request: Request, link: Connection, *, refusal: Refusal | None = None) -> HttpResponse:
    """Show a connection's page, with why an act was refused if one was."""
    link.refresh_from_db()
    checks = links.link_checks(link)
    context = {
        "link": link,
        "line": links.link_line(link),
        "checks": checks,
        "questions": links.link_questions(link),
        "unswept": links.unswept(link),
        "events": links.link_events(link),
        "refusal": refusal,
        "certificate": certificates.about(link.certificate),
        "next_certificate": certificates.about(link.next_certificate),
        "is_jwt": link.auth == AuthKind.JWT.value,
        "is_web": link.auth == AuthKind.WEB_SERVER.value,
        "is_settings": link.auth == AuthKind.SETTINGS.value,
        "signed_in": link.has(Secret.REFRESH_TOKEN),
        "may_connect": can(request, Permission.CONNECT),
        "may_stop": can(request, Permission.STOP_EVERYTHING),
        "push_refusal": links.push_refusal(link),
    }
    status = status_of(refusal) if refusal else 200
    return show(request, "connections/detail.html", context, status=status)
