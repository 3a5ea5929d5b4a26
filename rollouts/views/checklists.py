"""What pages with a checklist share: an item as it is drawn, and what the list's template asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from rollouts.access import Request, can
from rollouts.domain.checklists import Item, Status, summary
from rollouts.domain.permissions import Permission
from rollouts.forms_checks import CheckForm
from rollouts.pipeline.transitions import Refusal


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of a checklist as the page draws it; ``form`` only for who may fill it in."""

    item: Item
    status: Status
    form: CheckForm | None


def item_lines(
    request: Request,
    items: list[Item],
    failed: CheckForm | None = None,
    code: str = "",
    *,
    is_open: bool = True,
) -> list[ItemLine]:
    """Give each item its status and, to who may, its form; a refused form stays filled in."""
    today = request.now.astimezone(UTC).date()
    may_check = is_open and can(request, Permission.CHECK_OFF)
    return [
        ItemLine(
            item,
            item.status(today),
            (failed if item.code == code and failed else CheckForm(item=item, initial=_given(item)))
            if may_check and not (item.is_automatic and not item.may_skip)
            else None,
        )
        for item in items
    ]


def _given(item: Item) -> dict[str, object]:
    if item.said is None:
        return {}
    return {
        "mark": item.said.mark.value,
        "evidence": item.said.evidence,
        "note": item.said.note,
        "due": item.said.due,
    }


def checklist(
    request: Request,
    lines: list[ItemLine],
    refusal: Refusal | None,
    *,
    act_name: str,
    act_key: str,
) -> dict[str, object]:
    """Return what a page says of its list: how far it is, and where a word on an item goes.

    ``act_name`` is the address that takes a word, by its name, and ``act_key`` what that address is
    told besides the item's code.
    """
    today = request.now.astimezone(UTC).date()
    done, of, following = summary([line.item for line in lines], today)
    return {
        "lines": lines,
        "done": done,
        "of": of,
        "following": following,
        "refusal": refusal,
        "act_name": act_name,
        "act_key": act_key,
    }
