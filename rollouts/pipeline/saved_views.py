"""Saved views: a name for the filters and the order of a list; a view is only a query string.

Everybody keeps views of their own; a shared one is offered to all. Only its owner changes a view,
and what is shared leaves a line of history when it comes, changes or goes.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction

from rollouts.domain.permissions import Permission
from rollouts.models import Person, SavedView
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal, demand, record, writing

# What an address says beside filters and order: where in the list, as what, by which view.
BESIDE = frozenset({"page", "as", "view", "v"})
_NAME, _QUERY, _MOST = 60, 2_000, 100


def canonical(query: str) -> str:
    """Return the part of an address that a view stores: filters and order, in one spelling."""
    given = parse_qsl(query, max_num_fields=_MOST)
    return urlencode(sorted((name, word) for name, word in given if name not in BESIDE))


def of_page(page: str, person: Person) -> list[SavedView]:
    """List the views of a page that a person is offered, their own first: one query."""
    rows = SavedView.objects.seen_by(person).filter(page=page).select_related("owner")
    return sorted(rows, key=lambda view: (view.owner_id != person.pk, view.name.casefold()))


@writing()
def save(name: str, page: str, query: str, *, shared: bool, by: Person, now: datetime) -> SavedView:
    """Store a view of a list under a name. Raises Refusal for a name that is bad or in use."""
    demand(by, Permission.LOOK, now)
    made = SavedView(name=_clean(name), owner=by, page=page, shared=shared)
    return _store(made, query, before=False, now=now)


@writing()
def change(
    view: SavedView, *, name: str, query: str, shared: bool, by: Person, now: datetime
) -> SavedView:
    """Store another name, another query string or another audience of a view of one's own."""
    held = _mine(view, by, now)
    before = held.shared
    held.name, held.shared = _clean(name), shared
    return _store(held, query, before=before, now=now)


@writing()
def delete(view: SavedView, *, by: Person, now: datetime) -> None:
    """Remove a view of one's own; lists stay as they are, only the name goes."""
    held = _mine(view, by, now)
    if held.shared:
        record("delete_view", f"view {held}", now=now, by=by, detail={"page": held.page})
    held.delete()


def _store(view: SavedView, query: str, *, before: bool, now: datetime) -> SavedView:
    view.query, view.changed_at = canonical(query), now
    if len(view.query) > _QUERY:
        raise Refusal("This list's address is too long to be kept. Save it as an audience instead.")
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise Refusal(f"You have a view “{view.name}” of this list. Choose another name.") from None
    if view.shared or before:
        record(
            "save_view",
            f"view {view}",
            now=now,
            by=view.owner,
            after="shared" if view.shared else "private",
            detail={"page": view.page, "query": view.query},
        )
    return view


def _mine(view: SavedView, by: Person, now: datetime) -> SavedView:
    demand(by, Permission.LOOK, now)
    held = SavedView.objects.select_for_update(of=("self",)).select_related("owner").filter(
        pk=view.pk
    ).first()  # fmt: skip
    if held is None:
        raise Overtaken("This view is gone already.")
    if held.owner_id != by.pk:
        raise Forbidden(f"This view is {held.owner}'s; only they change it. Save it as your own.")
    return held


def _clean(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > _NAME:
        raise Refusal(f"Give the view a name of at most {_NAME} characters.")
    return clean
