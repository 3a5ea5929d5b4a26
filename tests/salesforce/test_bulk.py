"""Adding many orgs through a bulk job: what is asked, and what is made of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.domain.ids import long_id
from rollouts.salesforce.errors import Refused, TryAgain, Unknown
from rollouts.salesforce.gateway import Added
from rollouts.salesforce.values import SfBulk, SfBulkState
from tests.salesforce.given import BULK, OTHER_ORG, REQUEST, bulk
from tests.salesforce.scripted import ORG, ScriptedOrg, gateway_to, problem

PATH = f"/services/data/v67.0/jobs/ingest/{BULK}"
COLUMNS = "PackagePushRequestId,SubscriberOrganizationKey"
THIRD, FOURTH = long_id("00D000000000003"), long_id("00D000000000004")
WRONG_STATE = problem(400, "INVALIDJOBSTATE", "Closing already Closed Job not allowed")
ENDED = SfBulk(BULK, SfBulkState.JOB_COMPLETE, processed=3, failed=2)
SUCCESSFUL = f'"sf__Id","sf__Created",{COLUMNS}\n"0DX1","true","{REQUEST}","{ORG[:15]}"\n'
FAILED = (
    f'{COLUMNS},"sf__Error","sf__Id"\n'
    f'"{REQUEST}","{OTHER_ORG[:15]}","INVALID_OPERATION:Not eligible: has a beta:--",""\n'
    f'"{REQUEST}","{THIRD}","UNABLE_TO_LOCK_ROW:row is locked:Name,Id --",""\n'
)
UNPROCESSED = f'{COLUMNS}\n"{REQUEST}","{FOURTH[:15]}"\n'


class CsvOrg(ScriptedOrg):
    """Answers result lists as what they are."""

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        answer = super().send(request, *args, **options)
        if "esults" in request.url or "unprocessed" in request.url:
            answer.headers["Content-Type"] = "text/csv"
        return answer


def lists(*texts: str) -> CsvOrg:
    return CsvOrg(script=[(200, text) for text in texts])


def test_a_job_is_opened_filled_and_closed_in_three_calls() -> None:
    org = ScriptedOrg(script=[(200, bulk("Open")), (201, ""), (200, bulk("UploadComplete"))])
    gateway = gateway_to(org)
    made = gateway.bulk_open()
    gateway.bulk_upload(made, REQUEST, [ORG, OTHER_ORG, ORG[:15]])
    gateway.bulk_close(made)
    assert made == BULK
    opened, uploaded, closed = org.calls
    assert (opened.method, opened.path) == ("POST", "/services/data/v67.0/jobs/ingest")
    assert (opened.json["object"], opened.json["operation"]) == ("PackagePushJob", "insert")
    assert (uploaded.method, uploaded.path) == ("PUT", PATH + "/batches")
    assert uploaded.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert uploaded.body == f"{COLUMNS}\n{REQUEST},{ORG[:15]}\n{REQUEST},{OTHER_ORG[:15]}\n"
    assert (closed.method, closed.path) == ("PATCH", PATH)
    assert closed.json == {"state": "UploadComplete"}


def test_a_job_without_an_id_may_be_open() -> None:
    org = ScriptedOrg(script=[(200, {"state": "Open"})])
    with pytest.raises(Unknown):
        gateway_to(org).bulk_open()


def test_a_job_takes_no_empty_list() -> None:
    with pytest.raises(ValueError, match="open none"):
        gateway_to(ScriptedOrg()).bulk_upload(BULK, REQUEST, [])


def test_what_a_job_says_of_itself() -> None:
    told = bulk("Failed", numberRecordsProcessed=7, numberRecordsFailed=2, errorMessage="Oh  no")
    org = ScriptedOrg(script=[(200, told), (200, bulk("InProgress"))])
    gateway = gateway_to(org)
    assert gateway.bulk_state(BULK) == SfBulk(BULK, SfBulkState.FAILED, 7, 2, "Oh no")
    running = gateway.bulk_state(BULK)
    assert not running.ended
    with pytest.raises(ValueError, match="not complete"):
        gateway.bulk_rows(running)


def test_a_state_nobody_knows_is_never_guessed() -> None:
    org = ScriptedOrg(script=[(200, bulk("Paused"))])
    with pytest.raises(Unknown, match="Paused"):
        gateway_to(org).bulk_state(BULK)


def test_closing_twice_is_no_trouble_and_closing_an_aborted_job_is() -> None:
    org = ScriptedOrg(script=[WRONG_STATE, (200, bulk("InProgress"))])
    gateway_to(org).bulk_close(BULK)
    org = ScriptedOrg(script=[WRONG_STATE, (200, bulk("Aborted"))])
    with pytest.raises(Refused):
        gateway_to(org).bulk_close(BULK)


def test_aborting_what_has_ended_is_no_trouble() -> None:
    org = ScriptedOrg(script=[WRONG_STATE, (200, bulk("JobComplete"))])
    gateway_to(org).bulk_abort(BULK)
    assert org.calls[0].json == {"state": "Aborted"}
    org = ScriptedOrg(script=[problem(403, "INSUFFICIENT_ACCESS")])
    with pytest.raises(Refused):
        gateway_to(org).bulk_abort(BULK)


def test_each_row_has_its_own_end() -> None:
    org = lists(SUCCESSFUL, FAILED, UNPROCESSED)
    assert gateway_to(org).bulk_rows(ENDED) == Added(
        1,
        {OTHER_ORG: ("INVALID_OPERATION", "Not eligible: has a beta")},
        {
            THIRD: ("UNABLE_TO_LOCK_ROW", "row is locked"),
            FOURTH: ("NOT_PROCESSED", "Salesforce did not come to this row"),
        },
    )
    assert [call.path for call in org.calls] == [
        f"{PATH}/successfulResults",
        f"{PATH}/failedResults",
        f"{PATH}/unprocessedrecords",
    ]


def test_an_org_that_is_there_already_is_as_good_as_added() -> None:
    twice = f"{COLUMNS},sf__Error,sf__Id\n{REQUEST},{ORG},DUPLICATE_VALUE:duplicate:--,\n"
    added = gateway_to(lists("", twice, "")).bulk_rows(
        SfBulk(BULK, SfBulkState.JOB_COMPLETE, processed=1, failed=1)
    )
    assert added == Added(1)


def test_an_error_in_a_form_nobody_knows_is_a_refusal_in_its_own_words() -> None:
    strange = f"{COLUMNS},sf__Error,sf__Id\n{REQUEST},{ORG},went wrong,\n"
    added = gateway_to(lists("", strange, "")).bulk_rows(
        SfBulk(BULK, SfBulkState.JOB_COMPLETE, processed=1, failed=1)
    )
    assert added.refused == {ORG: ("UNKNOWN_REFUSAL", "went wrong")}


@pytest.mark.parametrize(
    "texts",
    [
        ("", FAILED, UNPROCESSED),  # cut off at its beginning
        (SUCCESSFUL, FAILED.rsplit("\n", 2)[0], UNPROCESSED),  # between two rows
    ],
)
def test_lists_that_dont_add_up_tell_nothing(texts: tuple[str, str, str]) -> None:
    with pytest.raises(Unknown) as unknown:
        gateway_to(lists(*texts)).bulk_rows(ENDED)
    assert unknown.value.code == "ROWS_MISSING"


@pytest.mark.parametrize(
    "texts",
    [
        (SUCCESSFUL, FAILED[:-30], UNPROCESSED),  # cut off within a row
        (SUCCESSFUL, FAILED, "Id,Name\n1,2\n"),  # another list altogether
        (SUCCESSFUL, FAILED.replace(THIRD, "00DX"), UNPROCESSED),
        (SUCCESSFUL, FAILED.replace("sf__Error", "sf__Trouble"), UNPROCESSED),
    ],
)
def test_what_is_no_list_is_read_again(texts: tuple[str, str, str]) -> None:
    with pytest.raises(TryAgain):
        gateway_to(lists(*texts)).bulk_rows(ENDED)


def test_a_page_in_place_of_a_list_is_no_list() -> None:
    org = ScriptedOrg(script=[(200, SUCCESSFUL)])
    with pytest.raises(TryAgain) as again:
        gateway_to(org).bulk_rows(ENDED)
    assert again.value.code == "UNREADABLE_ANSWER"


def test_the_jobs_that_have_not_ended_whoever_opened_them() -> None:
    other = long_id("750000000000002")
    records = [bulk("Open"), bulk("JobComplete"), bulk("InProgress", object="Account")]
    following = "/services/data/v67.0/jobs/ingest?queryLocator=1000"
    org = ScriptedOrg(
        script=[
            (200, {"done": False, "records": records, "nextRecordsUrl": following}),
            (200, {"done": True, "records": [bulk("InProgress", id=other)]}),
        ]
    )
    found = gateway_to(org).bulk_jobs()
    assert [(one.id, one.state) for one in found] == [
        (BULK, SfBulkState.OPEN),
        (other, SfBulkState.IN_PROGRESS),
    ]
    assert org.calls[1].query["queryLocator"] == ["1000"]


@pytest.mark.parametrize("following", ["https://evil.example/", "/services/data/v9.0/x", 7])
def test_a_list_that_leads_elsewhere_is_not_followed(following: object) -> None:
    org = ScriptedOrg(script=[(200, {"records": [], "nextRecordsUrl": following})])
    with pytest.raises(TryAgain):
        gateway_to(org).bulk_jobs()
