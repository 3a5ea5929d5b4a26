"""The one header that no app of ours brings."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

# Nothing here needs a sensor or a wallet, so no script, however it came in, may ask for one.
_NOTHING = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
PERMISSIONS = ", ".join(f"{name}=()" for name in _NOTHING)


class PermissionsPolicyMiddleware(MiddlewareMixin):
    """Add Permissions-Policy to every answer."""

    def process_response(
        self, _request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the header."""
        response["Permissions-Policy"] = PERMISSIONS
        return response
