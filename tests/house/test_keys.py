"""The ring of encryption keys, as it is written in the environment."""

from __future__ import annotations

import base64

import pytest

from pushboard.env import Misconfigured
from pushboard.keys import encryption_keys

ONE, TWO = base64.urlsafe_b64encode(b"1" * 32).decode(), base64.b64encode(b"\xff" * 32).decode()


def test_keys_come_with_their_versions_parted_by_commas_or_lines() -> None:
    both = {1: b"1" * 32, 12: b"\xff" * 32}

    assert encryption_keys(f"1:{ONE}, 12:{TWO}") == both
    assert encryption_keys(f"12:{TWO}\n1:{ONE.rstrip('=')}\n") == both
    assert encryption_keys("") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE, "entry 1 "),
        (f"1:{ONE},two:{TWO}", "entry 2 "),
        (f"0:{ONE}", "entry 1 "),
        (f"1:{ONE[:20]}", "32 bytes"),
        (f"1:{ONE},1:{TWO}", "version 1 twice"),
    ],
)
def test_a_key_of_another_form_stops_the_start_and_is_not_repeated(text: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says) as refused:
        encryption_keys(text)
    assert ONE[:20] not in str(refused.value)
