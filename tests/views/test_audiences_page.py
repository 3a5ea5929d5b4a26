"""Saved audiences, and the funnel of a draft: what is counted is what is listed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.test import Client

from rollouts import forms_audience
from rollouts.models import AudienceVersion, Draft, Exclusion, Installation, Org, SavedAudience
from rollouts.pipeline import drafts, saved_audiences
from rollouts.pipeline.audiences import AudienceChoice
from rollouts.pipeline.transitions import Refusal
from tests.support.people_words import Customers
from tests.views.conftest import Browser
from tests.views.world import World, key_of


def save(pia: Client, world: World, name: str = "German orgs", **typed: Any) -> SavedAudience:
    answer = pia.post(
        "/audiences/new/", {"name": name, "of_package": world.package.pk, **typed}, follow=True
    )
    assert answer.status_code == 200, answer.content.decode()
    return SavedAudience.objects.get(name=name)


def begin(world: World, **audience: Any) -> Draft:
    draft = drafts.begin(world.versions["4.3.0"], by=world.people["pia"], now=world.now)
    if audience:
        draft = drafts.save(
            draft, rev=draft.rev, step="audience", by=world.people["pia"], now=world.now,
            audience=AudienceChoice(**audience).as_json(),
        )  # fmt: skip
    return draft


class TestSavedAudiences:
    def test_it_says_whom_it_means_how_many_and_as_of_when(
        self, world: World, sign_in: Browser
    ) -> None:
        saved = save(sign_in("pia"), world, instance_prefix="DEU", types=["production"])

        page = sign_in("vic").get(f"/audiences/{saved.pk}/").content.decode()
        meant = Org.objects.filter(instance__startswith="DEU", is_production=True).count()

        assert f"{meant} orgs now" in page
        assert "are production orgs" in page
        assert "are on an instance like DEU…" in page
        assert f'<time datetime="{world.now:%Y-%m-%dT%H:%M}' in page
        assert saved.name in sign_in("vic").get("/audiences/").content.decode()

    def test_a_change_is_a_new_version_and_the_old_one_stays(
        self, world: World, sign_in: Browser
    ) -> None:
        pia = sign_in("pia")
        saved = save(pia, world, instance_prefix="DEU")
        typed = {"name": "x", "of_package": world.package.pk, "instance_prefix": "AP", "seen": 1}

        pia.post(f"/audiences/{saved.pk}/edit/", typed)
        late = pia.post(f"/audiences/{saved.pk}/edit/", {**typed, "instance_prefix": "NA"})

        assert late.status_code == 409
        rules = [version.rule for version in saved.versions.order_by("number")]
        assert rules == [{"instance_prefix": "DEU"}, {"instance_prefix": "AP"}]

    @pytest.mark.parametrize(
        ("typed", "why"),
        [
            ({"version_from": "four"}, "is no version"),
            ({"version_from": "5.0", "version_to": "4.0"}, "exchange the two"),
            ({"seats_from": "9", "seats_to": "3"}, "exchange the two"),
            ({"tags": "ok, <b>"}, "A tag has"),
            ({"ends_to": "soon"}, "Write the day as"),
            ({"org_ids": "hello"}, "Line 1:"),
            ({"without_tags": "bnak"}, "No org has the tag “bnak”"),
            ({"customers": "Nobody Ltd"}, "has no account “Nobody Ltd”"),
        ],
    )
    def test_a_condition_that_is_not_understood_is_said_and_nothing_is_stored(
        self, world: World, sign_in: Browser, typed: dict[str, str], why: str
    ) -> None:
        answer = sign_in("pia").post(
            "/audiences/new/", {"name": "n", "of_package": world.package.pk, **typed}
        )

        assert answer.status_code == 422
        assert why in answer.content.decode()
        assert not SavedAudience.objects.exists()

    def test_a_stored_condition_that_nobody_knows_stops_everything_it_is_used_for(
        self, world: World, sign_in: Browser
    ) -> None:
        saved = save(sign_in("pia"), world, instance_prefix="DEU")
        AudienceVersion.objects.update(rule={"instance_prefix": "DEU", "shoe_size": 43})

        page = sign_in("vic").get(f"/audiences/{saved.pk}/").content.decode()

        assert "The condition “shoe_size” is not known here" in page
        assert "can't be counted" in sign_in("vic").get("/audiences/").content.decode()
        with pytest.raises(Refusal, match="shoe_size"):
            saved_audiences.members(saved_audiences.newest(saved))

    def test_customers_are_given_by_name_or_id(self, world: World, sign_in: Browser) -> None:
        acme, kumo = map(Customers(world).account, ("ACME, Inc.", "Kumo KK"))

        saved = save(sign_in("pia"), world, customers=f"acme, inc.; {kumo.sf_id[:15]}")

        assert saved.versions.get().rule == {"customers": sorted([acme.sf_id, kumo.sf_id])}

    def test_one_that_is_dropped_is_offered_no_longer(self, world: World, sign_in: Browser) -> None:
        pia = sign_in("pia")
        saved = save(pia, world)

        pia.post(f"/audiences/{saved.pk}/drop/")

        assert saved_audiences.offered() == []
        assert pia.get(f"/audiences/{saved.pk}/").status_code == 200

    def test_only_planners_save(self, world: World, sign_in: Browser) -> None:
        assert sign_in("ari").get("/audiences/new/").status_code == 403


class TestTheFunnel:
    def test_each_reason_has_its_number_and_the_list_behind_it_is_as_long(
        self, world: World, sign_in: Browser
    ) -> None:
        customers = Customers(world)
        first = customers.production(0)
        customers.licence(first, None, ends=date(2026, 11, 20))
        Org.objects.filter(pk=customers.production(1).pk).update(status="Trial")
        Exclusion.objects.create(
            org=customers.production(2), reason="audit", by=world.people["pia"], since=world.now
        )
        draft = begin(world, skip_trials=True)

        page = sign_in("pia").get(f"/rollouts/drafts/{draft.pk}/audience/").content.decode()
        counts = drafts.propose(draft, world.now).counts

        assert {"expired", "trial", "excluded", "inactive", "blocked"} <= set(counts)
        for because, count in counts.items():
            address = f"/rollouts/drafts/{draft.pk}/audience/{because.value}/"
            assert address in page
            listed = sign_in("vic").get(f"{address}?as=csv").content.decode("utf-8-sig")
            assert len(listed.splitlines()) == count + 1

    def test_who_gets_it_can_be_downloaded_and_nothing_in_it_is_a_formula(
        self, world: World, sign_in: Browser
    ) -> None:
        Org.objects.filter(key=key_of(8)).update(name="=1+1")
        draft = begin(world)

        answer = sign_in("vic").get(f"/rollouts/drafts/{draft.pk}/audience/eligible/?as=csv")
        lines = answer.content.decode("utf-8-sig").splitlines()

        assert len(lines) == drafts.propose(draft, world.now).eligible + 1
        assert f"{key_of(8)},'=1+1," in answer.content.decode()

    def test_an_org_that_was_listed_and_has_uninstalled_is_accounted_for(
        self, world: World, sign_in: Browser
    ) -> None:
        gone, stays = key_of(8), key_of(10)
        Installation.objects.filter(org__key=gone).update(gone_at=world.now)
        draft = begin(world, org_ids=(gone, stays))

        counts = drafts.propose(draft, world.now).left_out

        assert counts[gone].value == "uninstalled"
        assert stays not in counts

    def test_no_such_reason_is_not_found(self, world: World, sign_in: Browser) -> None:
        draft = begin(world)

        answer = sign_in("pia").get(f"/rollouts/drafts/{draft.pk}/audience/because/")

        assert answer.status_code == 404

    def test_a_draft_starts_from_a_saved_audience_and_keeps_what_that_meant(
        self, world: World, sign_in: Browser
    ) -> None:
        pia = sign_in("pia")
        saved = save(pia, world, instance_prefix="DEU")
        draft = begin(world)
        address = f"/rollouts/drafts/{draft.pk}/audience/"

        pia.post(address, {"rev": draft.rev, "base": "saved", "saved": saved.pk})
        draft.refresh_from_db()
        before = drafts.propose(draft, world.now).eligible
        saved_audiences.change(
            saved, {"instance_prefix": "AP"}, world.package, seen=1, by=world.people["pia"],
            now=world.now,
        )  # fmt: skip

        assert before > 0
        assert drafts.propose(draft, world.now).eligible == before
        assert "this draft keeps version 1, the newest is 2" in pia.get(address).content.decode()

    def test_an_uploaded_list_is_where_a_draft_starts_from(
        self, world: World, sign_in: Browser
    ) -> None:
        pia = sign_in("pia")
        draft = begin(world)
        pasted = f"{key_of(7)}\n{key_of(8)}\n{key_of(77_777)}"

        where = pia.post(f"/lists/new/draft/{draft.pk}/", {"pasted": pasted})["Location"]
        pia.post(where, {"accepted": "1"})

        draft.refresh_from_db()
        assert draft.audience["org_ids"] == [key_of(7), key_of(8)]

    def test_a_long_list_is_kept_and_not_sent_to_and_fro(
        self, world: World, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forms_audience, "IDS_TYPED", 1)
        pia, ids = sign_in("pia"), (key_of(7), key_of(8))
        draft = begin(world, org_ids=ids)
        address = f"/rollouts/drafts/{draft.pk}/audience/"

        page = pia.get(address).content.decode()
        pia.post(
            address, {"rev": draft.rev, "base": "ids", "keep_ids": "on", "instance_prefix": "A"}
        )
        draft.refresh_from_db()

        assert "Keep the list of 2 orgs" in page
        assert ids[0] not in page.partition("Who is left")[0]
        assert (draft.audience["org_ids"], draft.audience["instance_prefix"]) == (list(ids), "A")
        pia.post(address, {"rev": draft.rev, "base": ""})
        draft.refresh_from_db()
        assert draft.audience["org_ids"] == []

    def test_to_start_from_something_it_must_be_given(self, world: World, sign_in: Browser) -> None:
        pia, draft = sign_in("pia"), begin(world)
        address = f"/rollouts/drafts/{draft.pk}/audience/"

        for typed in ({"base": "saved"}, {"base": "ids"}):
            assert pia.post(address, {"rev": draft.rev, **typed}).status_code == 422


@pytest.mark.parametrize(
    "stored",
    [{"shoe_size": 43}, {"types": "all"}, {"skip_trials": "yes"}, {"base": {"shoe_size": 43}}],
    ids=json.dumps,
)
def test_a_stored_choice_that_is_not_understood_in_full_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="can't be read"):
        AudienceChoice.from_json(stored)


def test_a_choice_is_read_back_as_it_was() -> None:
    choice = AudienceChoice(
        types=frozenset({"own"}), tags=frozenset({"bank"}), seats_from=3, ends_to=date(2027, 1, 1),
        base=AudienceChoice().base, skip_trials=True, largest_batch=400,
    )  # fmt: skip

    assert AudienceChoice.from_json(json.loads(json.dumps(choice.as_json()))) == choice
