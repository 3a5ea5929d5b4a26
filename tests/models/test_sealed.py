"""Secrets at rest: what opens them, and what does not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from rollouts.domain.connecting import Secret
from rollouts.models import Connection
from rollouts.models.sealed import CantOpen, CantSeal, KeyRing, version_of

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "connection:1:client_secret"
PLAIN = "a secret of the app, with ümlaut"


def test_the_newest_key_seals_and_every_key_opens() -> None:
    old = KeyRing({1: OLD}).seal(PLAIN, PLACE)
    both = KeyRing({1: OLD, 2: NEW})
    fresh = both.seal(PLAIN, PLACE)

    assert (version_of(old), version_of(fresh)) == (1, 2)
    assert both.open(old, PLACE) == both.open(fresh, PLACE) == PLAIN
    assert PLAIN not in base64.urlsafe_b64decode(fresh.partition(":")[2]).decode("latin-1")


def test_the_same_secret_never_looks_the_same() -> None:
    ring = KeyRing({1: OLD})

    assert ring.seal(PLAIN, PLACE) != ring.seal(PLAIN, PLACE)


@pytest.mark.parametrize("place", ["connection:2:client_secret", "connection:1:private_key"])
def test_a_value_moved_to_another_row_or_column_does_not_open(place: str) -> None:
    ring = KeyRing({1: OLD})

    with pytest.raises(CantOpen, match="another row"):
        ring.open(ring.seal(PLAIN, PLACE), place)


def test_a_version_changed_by_hand_does_not_open() -> None:
    ring = KeyRing({1: OLD, 2: OLD})
    sealed = ring.seal(PLAIN, PLACE)

    with pytest.raises(CantOpen):
        ring.open(sealed.replace("v2:", "v1:"), PLACE)


@pytest.mark.parametrize("damaged", ["", "plain text", "v1:", "v1:!!!!", "v1:AAAA"])
def test_what_was_never_sealed_is_never_taken_for_plain_text(damaged: str) -> None:
    with pytest.raises(CantOpen):
        KeyRing({1: OLD}).open(damaged, PLACE)


def test_without_its_key_it_stays_shut_and_the_sentence_names_the_version() -> None:
    sealed = KeyRing({7: OLD}).seal(PLAIN, PLACE)

    with pytest.raises(CantOpen, match="key 7"):
        KeyRing({1: NEW}).open(sealed, PLACE)


def test_without_any_key_nothing_is_stored_rather_than_stored_openly() -> None:
    with pytest.raises(CantSeal, match="PUSHBOARD_ENCRYPTION_KEYS"):
        KeyRing({}).seal(PLAIN, PLACE)


@pytest.mark.django_db
def test_a_row_gives_its_secret_back_and_shows_it_nowhere(settings: Any) -> None:
    link = Connection.objects.create(name="Org", login_url="x", simulated=True)
    link.seal(Secret.CLIENT_SECRET, PLAIN)
    link.save()
    other = Connection.objects.create(
        name="Copy", login_url="x", client_secret_sealed=link.client_secret_sealed
    )

    assert Connection.objects.get(pk=link.pk).secret(Secret.CLIENT_SECRET) == PLAIN
    assert PLAIN not in repr(link) + str(link) + str(Connection.objects.values())
    with pytest.raises(CantOpen):
        other.secret(Secret.CLIENT_SECRET)


@pytest.mark.django_db
def test_a_secret_is_bound_to_a_row_that_exists() -> None:
    with pytest.raises(ValueError, match="stored first"):
        Connection(name="Org").seal(Secret.PRIVATE_KEY, PLAIN)
