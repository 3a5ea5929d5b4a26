"""Who the caller is: userinfo and the identity URL of the token answer."""

from __future__ import annotations

from rollouts.simulator.messages import Request, Response, json_response
from rollouts.simulator.refusals import Refusal
from rollouts.simulator.store import Work
from rollouts.simulator.world import org_id, user_id


def identity_url(work: Work, base: str) -> str:
    """The address that stands for the user in this org."""
    return f"{base}/id/{org_id(work)}/{user_id(work)}"


def userinfo(work: Work, request: Request) -> Response:
    """GET /services/oauth2/userinfo."""
    base = request.base_url
    return json_response(
        200,
        {
            "sub": identity_url(work, base),
            "user_id": user_id(work),
            "organization_id": org_id(work),
            "preferred_username": work.options.username,
            "nickname": "releases",
            "name": "Release Automation",
            "email": work.options.username,
            "email_verified": True,
            "zoneinfo": "America/Los_Angeles",
            "active": work.options.user_active,
            "urls": _urls(base),
        },
    )


def identity(work: Work, request: Request) -> Response:
    """GET /id/ORG/USER. Raises Refusal for anybody else's."""
    base = request.base_url
    if f"{base}{request.path.rstrip('/')}" != identity_url(work, base):
        raise Refusal(403, "FORBIDDEN", "Bad_OrgId")
    return json_response(
        200,
        {
            "id": identity_url(work, base),
            "asserted_user": True,
            "user_id": user_id(work),
            "organization_id": org_id(work),
            "username": work.options.username,
            "display_name": "Release Automation",
            "email": work.options.username,
            "active": work.options.user_active,
            "user_type": "STANDARD",
            "urls": _urls(base),
        },
    )


def _urls(base: str) -> dict[str, str]:
    data = f"{base}/services/data/v{{version}}/"
    return {
        "rest": data,
        "sobjects": f"{data}sobjects/",
        "query": f"{data}query/",
        "custom_domain": base,
    }
