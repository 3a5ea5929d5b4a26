"""Lists whose address is their state: columns that sort, sizes of pages, chips, saved views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect

from rollouts.access import Request
from rollouts.domain.ids import without_tokens
from rollouts.models import SavedView
from rollouts.pipeline import saved_views
from rollouts.pipeline.saved_views import canonical

SIZES = (50, 100, 200)
USUAL = 100


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column; without ``url`` it does not sort. ``sorted`` is aria-sort's word."""

    label: str
    url: str = ""
    sorted: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, in words, and the address without it."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A view of the list: an address with a name."""

    label: str
    url: str
    is_current: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Views:
    """The tabs of a list, and whether what is shown differs from the saved view it began as."""

    tabs: list[Tab]
    page: str
    query: str
    chosen: SavedView | None
    is_modified: bool
    is_mine: bool
    reset: str


def tidied(request: Request) -> HttpResponse | None:
    """Lead a form's address to the one that says only what is wanted, and no session token."""
    given = parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
    kept = [(name, without_tokens(word)) for name, word in given if word]
    if kept == given:
        return None
    return redirect(_address(request.path, urlencode(kept)))


def heads(request: Request, columns: Sequence[tuple[str, str]], sort: str) -> list[Head]:
    """Make the heads of a table from labels and the words they sort by ("" for none).

    A label that ends in "#" stands over numbers.
    """
    made = []
    for label, name in columns:
        is_number, text = label.endswith("#"), label.removesuffix("#")
        if not name:
            made.append(Head(text, is_number=is_number))
            continue
        down = sort == f"-{name}"
        here = sort == name or down
        url = instead(request, sort=f"-{name}" if sort == name else name)
        state = ("descending" if down else "ascending") if here else ""
        made.append(Head(text, url, state, is_number))
    return made


def sort_of(request: Request, known: Mapping[str, Any], usual: str) -> str:
    """Return the word that the list is sorted by; one that is not known counts as the usual."""
    sort = request.GET.get("sort", "")
    return sort if sort.removeprefix("-") in known else usual


def page_of(request: Request, rows: QuerySet[Any, Any] | Sequence[Any], count: int) -> Page[Any]:
    """Cut the page that is wanted out of so many rows, 50, 100 or 200 to a page."""
    typed = request.GET.get("size", "")
    size = int(typed) if typed in {str(one) for one in SIZES} else USUAL
    paginator: Paginator[Any] = Paginator(rows, size)
    paginator.count = count  # counted before, with what else the page tells of all rows
    return paginator.get_page(request.GET.get("page"))


def sizes(request: Request, page: Page[Any]) -> list[Tab]:
    """Offer the sizes of pages, when there is more than the smallest."""
    if page.paginator.count <= SIZES[0]:
        return []
    return [
        Tab(str(size), instead(request, size=str(size)), page.paginator.per_page == size)
        for size in SIZES
    ]


def chips(request: Request, words: Callable[[str, str], str]) -> list[Chip]:
    """Say each filter that is on; ``words`` makes them from name and word, "" for no filter."""
    made = []
    for name in request.GET:
        said = words(name, request.GET[name])
        if said:
            made.append(Chip(said, instead(request, **{name: ""})))
    return made


def instead(request: Request, **changed: str) -> str:
    """Return this address with some words changed ("" takes one out), from the first page."""
    # "v" is what a live part shows, see `show.unchanged`; it is no part of what is asked for.
    kept = {name: request.GET[name] for name in request.GET if name not in {"page", "as", "v"}}
    query = kept | changed
    return _address(request.path, urlencode([(n, word) for n, word in query.items() if word]))


def views_of(request: Request, page: str, built_in: Sequence[tuple[str, str]]) -> Views:
    """Make the tabs of a list: those that come along (label, query), then the saved ones.

    ``page`` is the name of the list's address, under which its views are stored: one query.
    """
    now = canonical(request.META.get("QUERY_STRING", ""))
    saved = saved_views.of_page(page, request.user)
    typed = request.GET.get("view", "")
    chosen = next((view for view in saved if str(view.pk) == typed), None)
    plain = [(label, canonical(query)) for label, query in built_in]
    # The order and the size of the pages make no other view of what comes along.
    bare = urlencode([pair for pair in parse_qsl(now) if pair[0] not in {"sort", "size"}])
    first = next((query for _, query in plain if query == bare), None) if chosen is None else None
    tabs = [Tab(label, _address(request.path, query), query == first) for label, query in plain]
    for view in saved:
        by = "" if view.owner_id == request.user.pk else str(view.owner)
        tabs.append(Tab(view.name, address_of(request.path, view), view == chosen, by))
    return Views(
        tabs=tabs,
        page=page,
        query=now,
        chosen=chosen,
        is_modified=chosen is not None and chosen.query != now,
        is_mine=chosen is not None and chosen.owner_id == request.user.pk,
        reset=address_of(request.path, chosen) if chosen else request.path,
    )


def address_of(path: str, view: SavedView) -> str:
    """Return the address of a list as a saved view shows it."""
    return _address(path, f"{view.query}&view={view.pk}" if view.query else f"view={view.pk}")


def _address(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
