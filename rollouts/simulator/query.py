"""Run a query: find the row ids, show one page, keep the rest behind a locator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from . import oddities
from .org_schema import OrgSchema
from .refusals import Refusal
from .showing import Json, reader, shown
from .soql.compiler import ChildPlan, CountPlan, RecordPlan, compile_query
from .soql.parser import parse_query
from .soql.scope import Scope
from .soql.tree import Path, Selected
from .store import Work
from .times import SECOND

LARGEST_PAGE: Final = 2_000
SMALLEST_PAGE: Final = 200
_CURSORS_KEPT: Final = 50


def fold(text: str | None) -> str | None:
    """Unicode case folding, offered to SQL for the strings that are not plain ASCII."""
    return None if text is None else text.casefold()


class Queries:
    """Queries of one API version."""

    def __init__(self, work: Work, schema: OrgSchema, api: str) -> None:
        self._work = work
        self._schema = schema
        self._api = api
        self._api_number = int(api.partition(".")[0])

    def run(self, soql: str, page_size: int = LARGEST_PAGE) -> Json:
        """The first page of a query's answer."""
        plan = self._compile(soql)
        if isinstance(plan, CountPlan):
            return self._counted(plan)
        rows = self._work.db.execute(plan.ids_sql, plan.ids_values).fetchall()
        row_ids = oddities.found(self._work, plan.sobject, soql, [row[0] for row in rows])
        end = oddities.page(self._work, soql, 0, page_size)
        answer: Json = {"totalSize": len(row_ids), "done": len(row_ids) <= end}
        if len(row_ids) > end:
            cursor = self._keep(soql, row_ids, page_size)
            answer["nextRecordsUrl"] = self._url(cursor, end)
        answer["records"] = self._records(plan, row_ids[:end])
        return answer

    def more(self, locator: str) -> Json:
        """A later page. Raises Refusal with INVALID_QUERY_LOCATOR."""
        cursor, _, start_text = locator.partition("-")
        row = self._work.db.execute(
            "SELECT soql, page_size, row_ids FROM cursor WHERE id = ? AND ends > ?",
            (cursor, self._work.now),
        ).fetchone()
        row_ids = [] if row is None else json.loads(row[2])
        start = int(start_text) if start_text.isdecimal() and start_text.isascii() else 0
        if not 0 < start < len(row_ids):
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        soql, page_size = row[0], row[1]
        plan = self._compile(soql)
        if isinstance(plan, CountPlan):
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        end = start + oddities.page(self._work, soql, start, page_size)
        answer: Json = {"totalSize": len(row_ids), "done": end >= len(row_ids)}
        if end < len(row_ids):
            answer["nextRecordsUrl"] = self._url(cursor, end)
        answer["records"] = self._records(plan, row_ids[start:end])
        return answer

    def table(self, soql: str) -> tuple[list[str], list[list[str]]]:
        """Header and rows as the Bulk APIs put a query's whole answer into CSV. Raises Refusal."""
        plan, paths = self.check_table(soql)
        found = self._work.db.execute(plan.ids_sql, plan.ids_values).fetchall()
        row_ids = oddities.found(self._work, plan.sobject, soql, [row[0] for row in found])
        records = self._records(plan, row_ids)
        rows = [[_cell(record, path) for path in paths] for record in records]
        return [".".join(path) for path in paths], rows

    def check_table(self, soql: str) -> tuple[RecordPlan, list[list[str]]]:
        """The plan of a bulk query and its columns' paths, in order. Raises Refusal."""
        query = parse_query(soql)
        plan = compile_query(query, self._schema, self._api_number, self._work.now)
        if isinstance(plan, CountPlan) or plan.children or query.offset is not None:
            raise Refusal(
                400, "FUNCTIONALITY_NOT_ENABLED", "Aggregate Relationships not supported in Bulk"
            )
        scope = Scope(self._schema, plan.sobject, self._api_number, soql)
        columns = [
            scope.column(item.what)
            for item in query.selected
            if isinstance(item, Selected) and isinstance(item.what, Path)
        ]
        return plan, [[*(name for name, _ in one.trail), one.field.name] for one in columns]

    def _compile(self, soql: str) -> RecordPlan | CountPlan:
        return compile_query(parse_query(soql), self._schema, self._api_number, self._work.now)

    def _url(self, cursor: str, start: int) -> str:
        return f"/services/data/v{self._api}/query/{cursor}-{start}"

    def _keep(self, soql: str, row_ids: list[int], page_size: int) -> str:
        db = self._work.db
        cursor = self._work.new_id("01g")
        ends = self._work.now + self._work.options.cursor_seconds * SECOND
        db.execute(
            "INSERT INTO cursor VALUES (?,?,?,?,?)",
            (cursor, soql, page_size, json.dumps(row_ids), ends),
        )
        db.execute(
            "DELETE FROM cursor WHERE id NOT IN (SELECT id FROM cursor ORDER BY ends DESC, id DESC"
            " LIMIT ?)",
            (_CURSORS_KEPT,),
        )
        return cursor

    # --- showing ----------------------------------------------------------------------------

    def _records(self, plan: RecordPlan, row_ids: Sequence[int]) -> list[Json]:
        if not row_ids:
            return []
        rows = self._work.db.execute(
            f"{plan.columns_sql} WHERE t.rowid IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            (json.dumps(row_ids),),
        )
        found = {row[0]: row for row in rows}
        here = [found[row_id] for row_id in row_ids if row_id in found]
        records = list(map(reader(plan.shape, self._api), here))
        for child in plan.children:
            self._attach(child, [row[1] for row in here], records)
        return records

    def _attach(self, child: ChildPlan, parents: list[str], records: list[Json]) -> None:
        plan = child.plan
        rows = self._work.db.execute(
            f"{plan.columns_sql.replace('SELECT ', f'SELECT {child.key_sql}, ', 1)}"  # noqa: S608 - our own names
            f" WHERE {child.key_sql} IN (SELECT value FROM json_each(?)) AND ({plan.where_sql})"
            f" ORDER BY {plan.order_sql}",
            (json.dumps(parents), *plan.ids_values),
        )
        by_parent: dict[str, list[Json]] = {}
        read = reader(plan.shape, self._api)
        for row in rows:
            found = by_parent.setdefault(row[0], [])
            if plan.limit is None or len(found) < plan.limit:
                found.append(read(row[1:]))
        for parent, record in zip(parents, records, strict=True):
            children = by_parent.get(parent)
            record[child.name] = (
                {"totalSize": len(children), "done": True, "records": children}
                if children
                else None
            )

    def _counted(self, plan: CountPlan) -> Json:
        rows = self._work.db.execute(plan.sql, plan.values).fetchall()
        if plan.bare:
            return {"totalSize": rows[0][0] if rows else 0, "done": True, "records": []}
        if len(rows) > LARGEST_PAGE:
            raise Refusal(
                400,
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results "
                "to a single batch",
            )
        records: list[Json] = []
        for row in rows:
            record: Json = {"attributes": {"type": "AggregateResult"}}
            for (name, kind), value in zip(plan.names, row, strict=True):
                record[name] = value if kind is None else shown(value, kind)
            records.append(record)
        return {"totalSize": len(records), "done": True, "records": records}


def _cell(record: Json, path: Sequence[str]) -> str:
    value: object = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return text.replace(".000+0000", ".000Z") if text.endswith(".000+0000") else text


def page_size(header: str) -> int:
    """The page size of a Sforce-Query-Options header, brought within the platform's bounds."""
    for option in header.split(","):
        name, _, value = option.partition("=")
        if name.strip().lower() == "batchsize" and value.strip().isdecimal():
            return min(LARGEST_PAGE, max(SMALLEST_PAGE, int(value.strip())))
    return LARGEST_PAGE
