"""How a refusal is put into words, by the kind of address that was called."""

from __future__ import annotations

from .bulk import xml
from .composite import refused_tree
from .messages import Request, Response
from .refusals import Refusal


def refused(request: Request, refusal: Refusal) -> Response:
    """The answer to a refused call: XML for Bulk API v1, else an array of errors."""
    if request.path.startswith(xml.PREFIX):
        return xml.error(refusal)
    return refusal.response()


def refused_by_fault(request: Request, refusal: Refusal) -> Response:
    """The same for a fault, which strikes a tree in one of its records."""
    return refused_tree(request, refusal) or refused(request, refusal)
