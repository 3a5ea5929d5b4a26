"""The connection that the settings describe, as a row; its secrets stay in the settings."""

from __future__ import annotations

from django.conf import settings

from rollouts.models import Connection


class NotConfigured(RuntimeError):
    """The settings name no Salesforce org; the text says which to set."""


def from_settings() -> Connection:
    """Return the connection of the settings, made at the first call.

    A simulated org may come back at another port; a real one never changes its address silently.
    """
    chosen = settings.SALESFORCE
    if not chosen["login_url"]:
        raise NotConfigured(
            "No Salesforce org is set up: set PUSHBOARD_SF_LOGIN_URL, PUSHBOARD_SF_CLIENT_ID and "
            "a secret or a key, as docs/salesforce-setup.md says."
        )
    link, _ = Connection.objects.get_or_create(
        name=chosen["name"],
        defaults={"simulated": settings.SIMULATION, "login_url": chosen["login_url"]},
    )
    if link.login_url == chosen["login_url"]:
        return link
    if not (link.simulated and settings.SIMULATION):
        raise NotConfigured(
            f"“{link.name}” was made for {link.login_url}, the settings say "
            f"{chosen['login_url']}. Give another org another PUSHBOARD_SF_NAME."
        )
    Connection.objects.filter(pk=link.pk).update(login_url=chosen["login_url"])
    link.refresh_from_db()
    return link
