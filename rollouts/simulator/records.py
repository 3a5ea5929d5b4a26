"""Read, create and change single records, as strictly as the platform does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from . import customization, push
from .fields import Field, Kind, SObject
from .ids import BadId, long_id
from .messages import Request
from .org_schema import OrgSchema
from .refusals import Refusal, not_found, not_json, wrong_method
from .showing import Json, shown
from .store import Work
from .times import BadMoment, parse

_REQUIRED: Final = {
    "PackagePushRequest": ("PackageVersionId",),
    "PackagePushJob": ("PackagePushRequestId", "SubscriberOrganizationKey"),
}
_WHOLE: Final[dict[Kind, type[int]]] = {Kind.BOOLEAN: bool, Kind.INT: int}
_JSON_NAMES: Final = {
    bool: "VALUE_TRUE",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}


def json_object(request: Request) -> dict[str, object]:
    """The body as a JSON object. Raises Refusal."""
    if not request.header("Content-Type").lower().startswith("application/json"):
        raise Refusal(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "The Content-Type header must be application/json for this call.",
        )
    try:
        content = json.loads(request.body)
    except ValueError:
        raise not_json("Unexpected character or end of input at [line:1, column:1]") from None
    if not isinstance(content, dict):
        raise not_json(f"Unexpected {_json_name(content)} where an object was expected")
    return content


def create(work: Work, sobject: SObject, api: int, body: Mapping[str, object]) -> str:
    """Create a record and give its id. Raises Refusal."""
    _check_unlocked(sobject)
    values = _values(sobject, api, body, "C")
    missing = [name for name in _REQUIRED.get(sobject.name, ()) if values.get(name) is None]
    if missing:
        raise Refusal(
            400,
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            missing,
        )
    if sobject.name == "PackagePushRequest":
        return push.create_request(work, values)
    if sobject.name == "PushUpgradeCustomization":
        return customization.create()
    return push.create_job(work, values)


def update(
    work: Work, sobject: SObject, api: int, record_id: str, body: Mapping[str, object]
) -> None:
    """Change a record. Raises Refusal."""
    _check_unlocked(sobject)
    found = _find(work, sobject, record_id)
    values = _values(sobject, api, body, "U")
    if sobject.name == "PackagePushRequest":
        push.update_request(work, found, values)
    elif sobject.name == "PushUpgradeCustomization":
        customization.update(work, found, values)
    else:
        push.update_job(work, found, values)


def read(work: Work, sobject: SObject, api: str, record_id: str, only: str | None) -> Json:
    """A record with all its fields, or with those named. Raises Refusal."""
    number = int(api.partition(".")[0])
    found = _find(work, sobject, record_id)
    fields = sobject.visible_fields(number)
    if only is not None:
        fields = [_named(sobject, number, name.strip()) for name in only.split(",")]
    columns = ", ".join(field.column.format(t="t") for field in fields)
    sql = f"SELECT {columns} FROM {sobject.table} t WHERE t.id = ?"  # noqa: S608 - our own names
    row = work.db.execute(sql, (found,)).fetchone()
    record: Json = {
        "attributes": {
            "type": sobject.name,
            "url": f"/services/data/v{api}/sobjects/{sobject.name}/{found}",
        }
    }
    for field, value in zip(fields, row, strict=True):
        record[field.name] = shown(value, field.kind)
    return record


def _check_unlocked(sobject: SObject) -> None:
    if sobject.locked:
        raise Refusal(
            400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
        )


def writable(schema: OrgSchema, name: str, method: str) -> SObject:
    """The object of that name, if clients may write it. Raises Refusal."""
    sobject = schema.find(name)
    if sobject is None:
        raise not_found()
    if not sobject.writable:
        raise wrong_method(method, "HEAD, GET")
    return sobject


def _find(work: Work, sobject: SObject, record_id: str) -> str:
    try:
        full = long_id(record_id)
    except BadId:
        raise Refusal(400, "MALFORMED_ID", f"malformed id {record_id}") from None
    mine = f" AND tenant = '{work.options.role.tenant}'" if sobject.per_tenant else ""
    sql = f"SELECT id FROM {sobject.table} WHERE id = ?{mine}"  # noqa: S608 - our own names
    found = work.db.execute(sql, (full,)).fetchone()
    if found is None:
        raise not_found()
    return full


def _named(sobject: SObject, api: int, name: str) -> Field:
    field = sobject.field(name, api)
    if field is None:
        raise Refusal(
            400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
        )
    return field


def _values(
    sobject: SObject, api: int, body: Mapping[str, object], letter: str
) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in body.items():
        if name == "attributes":
            _check_attributes(sobject, value)
            continue
        field = _named(sobject, api, name)
        if letter not in field.can:
            raise Refusal(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {field.name}. Please check the security settings "
                "of this field and verify that it is read/write for your profile or permission "
                "set.",
                [field.name],
            )
        values[field.name] = _converted(field, value)
    return values


def _check_attributes(sobject: SObject, attributes: object) -> None:
    named = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(named, str) or named.lower() != sobject.name.lower():
        raise not_json(f"The type in attributes must be {sobject.name}")


def _converted(field: Field, value: object) -> object:
    """The value as the store keeps it. Raises Refusal for a wrong type."""
    if value is None:
        return None
    match field.kind:
        case Kind.BOOLEAN | Kind.INT if type(value) is _WHOLE[field.kind]:
            return int(value)
        case Kind.DATETIME if isinstance(value, str):
            try:
                return parse(value)
            except BadMoment:
                raise _wrong_type(field, value) from None
        case Kind.REFERENCE if isinstance(value, str):
            return _reference(field, value)
        case Kind.PICKLIST if isinstance(value, str):
            if field.restricted and value not in field.picklist:
                raise Refusal(
                    400,
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    f"{field.name}: bad value for restricted picklist field: {value}",
                    [field.name],
                )
            return value
        case Kind.STRING if isinstance(value, str):
            if len(value) > field.length:
                raise Refusal(
                    400,
                    "STRING_TOO_LONG",
                    f"{field.name}: data value too large: {value} (max length={field.length})",
                    [field.name],
                )
            return value
    raise _wrong_type(field, value)


def _reference(field: Field, value: str) -> str:
    prefix = {"MetadataPackageVersion": "04t", "PackagePushRequest": "0DV"}[field.refers_to]
    try:
        full = long_id(value)
    except BadId:
        full = ""
    if not full.startswith(prefix):
        raise Refusal(
            400,
            "MALFORMED_ID",
            f"{field.name}: id value of incorrect type: {value}",
            [field.name],
        )
    return full


def _wrong_type(field: Field, value: object) -> Refusal:
    return not_json(
        f"Cannot deserialize instance of {field.kind.value} from {_json_name(value)} value {value} "
        "or request may be missing a required field"
    )


def _json_name(value: object) -> str:
    return _JSON_NAMES.get(type(value), "VALUE_NULL")
