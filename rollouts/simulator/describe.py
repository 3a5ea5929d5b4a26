"""What describe says about an object; for a client this is the truth about the org."""

from __future__ import annotations

from typing import TypedDict

from .fields import Field, Kind, SObject

_SOAP_TYPES = {
    Kind.ID: "tns:ID",
    Kind.REFERENCE: "tns:ID",
    Kind.INT: "xsd:int",
    Kind.BOOLEAN: "xsd:boolean",
    Kind.DATETIME: "xsd:dateTime",
    Kind.DATE: "xsd:date",
    Kind.DOUBLE: "xsd:double",
}


class PicklistValue(TypedDict):
    """One value of a picklist."""

    active: bool
    defaultValue: bool
    label: str
    validFor: None
    value: str


def describe_global(sobjects: list[SObject], api: str) -> dict[str, object]:
    """The answer of `/sobjects`."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [_summary(sobject, api) for sobject in sobjects],
    }


def basic_information(sobject: SObject, api: str) -> dict[str, object]:
    """The answer of `/sobjects/X`."""
    return {"objectDescribe": _summary(sobject, api), "recentItems": []}


def describe(sobject: SObject, api: str, api_number: int) -> dict[str, object]:
    """The answer of `/sobjects/X/describe`."""
    return {
        **_summary(sobject, api),
        "fields": [_field(field) for field in sobject.visible_fields(api_number)],
        "childRelationships": [
            {
                "cascadeDelete": False,
                "childSObject": child.sobject,
                "deprecatedAndHidden": False,
                "field": child.field,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": child.name,
                "restrictedDelete": False,
            }
            for child in sobject.children
        ],
    }


def _summary(sobject: SObject, api: str) -> dict[str, object]:
    base = f"/services/data/v{api}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "createable": sobject.writable and not sobject.locked,
        "custom": sobject.name.endswith("__c"),
        "deletable": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": sobject.label + "s",
        "layoutable": False,
        "name": sobject.name,
        "queryable": True,
        "replicateable": False,
        "retrieveable": True,
        "searchable": False,
        "undeletable": False,
        "updateable": sobject.writable and not sobject.locked,
        "urls": {
            "sobject": base,
            "describe": f"{base}/describe",
            "rowTemplate": f"{base}/{{ID}}",
        },
    }


def _field(field: Field) -> dict[str, object]:
    return {
        "aggregatable": field.kind is not Kind.BOOLEAN,
        "createable": "C" in field.can,
        "custom": field.name.endswith("__c"),
        "defaultedOnCreate": field.kind is Kind.BOOLEAN or field.name == "Status",
        "filterable": "W" in field.can,
        "groupable": "G" in field.can,
        "idLookup": field.kind is Kind.ID or (field.name == "Name" and field.kind is Kind.STRING),
        "label": field.name,
        "length": field.length,
        "name": field.name,
        "nillable": "N" in field.can,
        "picklistValues": [_picklist_value(value) for value in field.picklist],
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relationship or None,
        "restrictedPicklist": field.restricted,
        "soapType": _SOAP_TYPES.get(field.kind, "xsd:string"),
        "sortable": "O" in field.can,
        "type": field.kind.value,
        "updateable": "U" in field.can,
    }


def _picklist_value(value: str) -> PicklistValue:
    return {
        "active": True,
        "defaultValue": value == "Created",
        "label": "In Progress" if value == "InProgress" else value,
        "validFor": None,
        "value": value,
    }
