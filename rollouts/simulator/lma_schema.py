"""The objects of the License Management App and what they point at, all read-only here.

Field names are those that tools in use read (package-manager, Package-Visualizer, PackagePush);
where two names for one thing are in use, both are there, and `Unknowns.old_licence_names` takes
the newer ones away. The API names of org name and org edition are not
published, so they are absent.
"""

from __future__ import annotations

from typing import Final

from .fields import Child, Field, Kind, SObject, choice, flag, id_field, modstamp, text, to


def _day(name: str, column: str) -> Field:
    return Field(name, Kind.DATE, "WOGN", "{t}." + column)


def _double(name: str, column: str) -> Field:
    return Field(name, Kind.DOUBLE, "WON", "{t}." + column)


def _moments() -> tuple[Field, ...]:
    return (
        Field("CreatedDate", Kind.DATETIME, "WO", "{t}.created"),
        Field("LastModifiedDate", Kind.DATETIME, "WO", "{t}.modstamp"),
        modstamp(),
    )


ACCOUNT: Final = SObject(
    "Account",
    "Account",
    "001",
    "account",
    (
        id_field(),
        text("Name", "WOG", "name"),
        choice("Type", "WOGN", "type", ("Customer", "Partner", "Prospect")),
        text("BillingCity", "WOGN", "city", length=40),
        text("BillingState", "WOGN", "state", length=80),
        text("BillingCountry", "WOGN", "country", length=80),
        text("BillingCountryCode", "WOGN", "country_code", length=10),
        text("ShippingCountry", "WOGN", "country", length=80),
        text("ShippingCountryCode", "WOGN", "country_code", length=10),
        # No standard field: what many an org adds.
        text("Time_Zone__c", "WOGN", "time_zone", length=60),
        *_moments(),
    ),
    children=(Child("sfLma__Licenses__r", "sfLma__License__c", "sfLma__Account__c"),),
    needs_lma=True,
)

LEAD: Final = SObject(
    "Lead",
    "Lead",
    "00Q",
    "lead",
    (
        id_field(),
        text("Name", "WOG", "name", length=121),
        text("Company", "WOG", "company"),
        text("Country", "WOGN", "country", length=80),
        choice("Status", "WOG", "status", ("Open", "Working", "Closed")),
        flag("IsConverted", "WOG", "is_converted"),
        *_moments(),
    ),
    needs_lma=True,
)

LMA_PACKAGE: Final = SObject(
    "sfLma__Package__c",
    "Package",
    "a0P",
    "lma_package",
    (
        id_field(),
        text("Name", "WOG", "name", length=80),
        text("sfLma__Package_ID__c", "WOGN", "package_id", length=18, exact_case=True),
        text("sfLma__Developer_Org_ID__c", "WOGN", "developer_org", length=18, exact_case=True),
        text("sfLma__Developer_Name__c", "WOGN", "developer_name"),
        to(
            "sfLma__Latest_Version__c",
            "WOGN",
            "latest_id",
            "sfLma__Package_Version__c",
            "sfLma__Latest_Version__r",
        ),
        _day("sfLma__Release_Date__c", "released_on"),
        # Added by package-manager to steer its rings.
        choice("Status__c", "WOGN", "status", ("Verified", "Pre-Release", "Preview", "Limited")),
        _double("DependencyTier__c", "tier"),
        *_moments(),
    ),
    children=(
        Child("sfLma__Package_Versions__r", "sfLma__Package_Version__c", "sfLma__Package__c"),
        Child("sfLma__Licenses__r", "sfLma__License__c", "sfLma__Package__c"),
    ),
    needs_lma=True,
)

LMA_VERSION: Final = SObject(
    "sfLma__Package_Version__c",
    "Package Version",
    "a0V",
    "lma_version",
    (
        id_field(),
        text("Name", "WOG", "name", length=80),
        to("sfLma__Package__c", "WOGN", "lma_package_id", "sfLma__Package__c", "sfLma__Package__r"),
        text("sfLma__Version_ID__c", "WOGN", "version_id", length=18, exact_case=True),
        text("sfLma__Version__c", "WOGN", "title"),
        text("sfLma__Version_Number__c", "WOGN", "number"),
        _double("sfLma__Sequence__c", "sequence"),
        flag("sfLma__Is_Beta__c", "WOG", "is_beta"),
        _day("sfLma__Release_Date__c", "released_on"),
        choice("Status__c", "WOGN", "status", ("Verified", "Pre-Release", "Preview", "Limited")),
        *_moments(),
    ),
    children=(Child("sfLma__Licenses__r", "sfLma__License__c", "sfLma__Package_Version__c"),),
    needs_lma=True,
)

LICENCE_STATUSES: Final = ("Active", "Suspended", "Trial", "Uninstalled")

LICENCE: Final = SObject(
    "sfLma__License__c",
    "License",
    "a0L",
    "licence",
    (
        id_field(),
        text("Name", "WOG", "name", length=80),
        text("sfLma__Subscriber_Org_ID__c", "WOGN", "org_key", length=18, exact_case=True),
        to("sfLma__Package__c", "WOGN", "lma_package_id", "sfLma__Package__c", "sfLma__Package__r"),
        to(
            "sfLma__Package_Version__c",
            "WOGN",
            "lma_version_id",
            "sfLma__Package_Version__c",
            "sfLma__Package_Version__r",
        ),
        to("sfLma__Account__c", "WOGN", "account_id", "Account", "sfLma__Account__r"),
        to("sfLma__Lead__c", "WOGN", "lead_id", "Lead", "sfLma__Lead__r"),
        text("sfLma__Org_Instance__c", "WOGN", "instance_name", length=50),
        flag("sfLma__Subscriber_Org_Is_Sandbox__c", "WOG", "is_sandbox"),
        flag("sfLma__Is_Sandbox__c", "WOG", "is_sandbox"),
        choice("sfLma__Status__c", "WOGN", "status", LICENCE_STATUSES),
        choice("sfLma__License_Status__c", "WOGN", "status", LICENCE_STATUSES),
        choice("sfLma__License_Type__c", "WOGN", "kind", ("Free", "Paid")),
        choice("sfLma__Org_Status__c", "WOGN", "org_status", ("Active", "Free", "Trial")),
        Field("sfLma__Org_Status_Formula__c", Kind.STRING, "WON", "upper({t}.org_status)"),
        _day("sfLma__Install_Date__c", "installed_on"),
        _day("sfLma__Expiration__c", "expires_on"),
        _day("sfLma__Expiration_Date__c", "expires_on"),
        _day("sfLma__Trial_Expiration_Date__c", "trial_ends_on"),
        _double("sfLma__Seats__c", "seats"),
        _double("sfLma__Licensed_Seats__c", "seats"),
        _double("sfLma__Used_Licenses__c", "used"),
        *_moments(),
    ),
    children=(Child("Histories", "sfLma__License__History", "ParentId"),),
    needs_lma=True,
)

LICENCE_HISTORY: Final = SObject(
    "sfLma__License__History",
    "License History",
    "017",
    "licence_history",
    (
        id_field(),
        to("ParentId", "WOG", "licence_id", "sfLma__License__c", "Parent"),
        choice(
            "Field",
            "WOG",
            "field",
            ("created", "sfLma__Package_Version__c", "sfLma__Status__c"),
        ),
        text("OldValue", "N", "old_value"),
        text("NewValue", "N", "new_value"),
        Field("CreatedDate", Kind.DATETIME, "WO", "{t}.created"),
    ),
    needs_lma=True,
)

LMA_SOBJECTS: Final = (ACCOUNT, LEAD, LMA_PACKAGE, LMA_VERSION, LICENCE, LICENCE_HISTORY)

# The newer of two names for one thing.
NEWER_NAMES: Final = frozenset(
    {
        "sfLma__License_Status__c",
        "sfLma__Is_Sandbox__c",
        "sfLma__Expiration__c",
        "sfLma__Licensed_Seats__c",
    }
)
