"""Licences of the License Management App: in an org's own words, and in few calls."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from rollouts.domain.ids import long_id
from rollouts.salesforce.errors import Refused, TryAgain
from rollouts.salesforce.values import SfLicence, SfLmaPackage, SfLmaVersion
from tests.salesforce.given import LATER, PACKAGE, VERSION
from tests.salesforce.scripted import NOW, ORG, ScriptedOrg, gateway_to, page, problem

LICENCE = long_id("a00000000000001")
ACCOUNT = long_id("001000000000001")
NEW = ("sfLma__License_Status__c", "sfLma__Licensed_Seats__c", "sfLma__Expiration__c")
OLD = ("sfLma__Status__c", "sfLma__Seats__c", "sfLma__Expiration_Date__c")


def described(*names: str) -> Any:
    return 200, {"fields": [{"name": name} for name in ("Id", "SystemModstamp", *names)]}


APP = described(*NEW, "sfLma__Install_Date__c", "sfLma__Account__c")
ACCOUNTS = described("Name", "BillingCountry", "Time_Zone__c")


def licence(**changes: Any) -> dict[str, Any]:
    return {
        "Id": LICENCE,
        "sfLma__Subscriber_Org_ID__c": ORG[:15],
        "sfLma__Package__r": {"sfLma__Package_ID__c": PACKAGE},
        "sfLma__Package_Version__r": {"sfLma__Version_ID__c": VERSION},
        "sfLma__License_Status__c": "Active",
        "sfLma__Licensed_Seats__c": 25.0,
        "sfLma__Expiration__c": "2027-03-31",
        "sfLma__Install_Date__c": "2026-01-15",
        "sfLma__Account__c": ACCOUNT,
        "sfLma__Account__r": {
            "Name": "Acme",
            "BillingCountry": "Norway",
            "Time_Zone__c": "Europe/Oslo",
        },
        "SystemModstamp": "2026-11-16T01:00:00.000+0000",
    } | changes


def read(*rows: dict[str, Any]) -> list[SfLicence]:
    org = ScriptedOrg(script=[APP, ACCOUNTS, page(*rows)])
    return [one for found in gateway_to(org).licences() for one in found]


def test_a_licence_with_its_account_comes_in_one_query() -> None:
    org = ScriptedOrg(
        script=[APP, ACCOUNTS, page(licence(), total=2, following=LATER), page(licence(), total=2)]
    )
    (first,), _ = list(gateway_to(org).licences())
    assert first == SfLicence(
        id=LICENCE,
        org=ORG,
        package_id=PACKAGE,
        version_id=VERSION,
        status="Active",
        seats=25,
        expires=date(2027, 3, 31),
        installed_on=date(2026, 1, 15),
        account_id=ACCOUNT,
        account_name="Acme",
        zone="Europe/Oslo",
        country="Norway",
        modified=NOW,
    )
    assert org.calls[2].soql == (
        "SELECT Id,sfLma__Subscriber_Org_ID__c,sfLma__Package__r.sfLma__Package_ID__c,"
        "sfLma__Package_Version__r.sfLma__Version_ID__c,SystemModstamp,sfLma__License_Status__c,"
        "sfLma__Licensed_Seats__c,sfLma__Expiration__c,sfLma__Install_Date__c,sfLma__Account__c,"
        "sfLma__Account__r.Name,sfLma__Account__r.BillingCountry,sfLma__Account__r.Time_Zone__c "
        "FROM sfLma__License__c"
    )


def test_only_the_changed_ones_and_no_second_look_at_the_fields() -> None:
    org = ScriptedOrg(script=[APP, ACCOUNTS, page(), page()])
    gateway = gateway_to(org)
    list(gateway.licences())
    list(gateway.licences(since=datetime(2026, 11, 16, 1, 0, 0, 999, tzinfo=UTC)))
    assert org.calls[3].soql.endswith(" WHERE SystemModstamp >= 2026-11-16T01:00:00Z")


def test_an_older_app_has_other_names() -> None:
    app = described(*OLD)
    row = licence(
        sfLma__Status__c="Trial", sfLma__Seats__c=None, sfLma__Expiration_Date__c="2026-12-01"
    )
    org = ScriptedOrg(script=[app, page(row)])
    ((found,),) = list(gateway_to(org).licences())
    assert (found.status, found.seats, found.expires) == ("Trial", None, date(2026, 12, 1))
    assert (found.installed_on, found.zone, found.country) == (None, "", "")
    assert "Account" not in org.calls[1].soql


def test_accounts_that_this_user_may_not_see() -> None:
    org = ScriptedOrg(script=[APP, problem(404, "NOT_FOUND"), page(licence())])
    ((found,),) = list(gateway_to(org).licences())
    assert found.org == ORG
    assert "sfLma__Account__r" not in org.calls[2].soql


def test_an_org_without_the_app() -> None:
    org = ScriptedOrg(script=[problem(404, "NOT_FOUND", "The requested resource does not exist")])
    with pytest.raises(Refused):
        list(gateway_to(org).licences())


@pytest.mark.parametrize("answer", [{"fields": "none"}, {"fields": ["Id"]}, []])
def test_a_describe_that_cant_be_read(answer: Any) -> None:
    with pytest.raises(TryAgain):
        list(gateway_to(ScriptedOrg(script=[(200, answer)])).licences())


def test_typing_errors_and_gaps_of_one_record_cost_only_its_own_link() -> None:
    gaps = licence(
        sfLma__Subscriber_Org_ID__c="see contract",
        sfLma__Package__r=None,
        sfLma__Package_Version__r={"sfLma__Version_ID__c": PACKAGE},
        sfLma__Account__c=None,
        sfLma__Account__r=None,
    )
    first, second = read(gaps, licence())
    assert (first.org, first.package_id, first.version_id) == ("", "", "")
    assert (first.account_id, first.account_name) == ("", "")
    assert second.org == ORG


def test_packages_and_versions_of_the_app() -> None:
    package = {"Id": LICENCE, "Name": "Harbor", "sfLma__Package_ID__c": PACKAGE[:15]}
    version = {
        "Id": LICENCE,
        "Name": "Winter",
        "sfLma__Version_ID__c": VERSION,
        "sfLma__Version_Number__c": "4.2.2",
        "sfLma__Release_Date__c": "2026-10-01",
        "sfLma__Package__r": {"sfLma__Package_ID__c": PACKAGE},
    }
    gateway = gateway_to(ScriptedOrg(script=[page(package), page(version)]))
    assert gateway.lma_packages() == [SfLmaPackage(LICENCE, PACKAGE, "Harbor")]
    assert gateway.lma_versions() == [
        SfLmaVersion(LICENCE, VERSION, PACKAGE, "Winter", "4.2.2", date(2026, 10, 1))
    ]


def test_a_country_typed_by_hand_is_read_where_no_code_was_picked() -> None:
    accounts = described("Name", "BillingCountryCode", "BillingCountry", "BillingState")
    by_hand = {
        "Name": "Acme", "BillingCountryCode": None, "BillingCountry": "U.S.A.",
        "BillingState": "MN",
    }  # fmt: skip
    org = ScriptedOrg(script=[APP, accounts, page(licence(sfLma__Account__r=by_hand))])

    ((one,),) = list(gateway_to(org).licences())

    assert (one.country, one.state, one.zone) == ("U.S.A.", "MN", "")
