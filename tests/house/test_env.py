"""The typed readers: a wrong value is answered with what, where and how to mend it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushboard.env import (
    DatabaseAddress,
    Environment,
    Misconfigured,
    database_address,
    with_password,
)


def reader(**variables: str) -> Environment:
    return Environment(variables)


def test_blank_values_count_as_not_set() -> None:
    assert reader(NAME="  ").text("NAME", "default") == "default"


def test_lists_are_parted_by_commas_and_may_hold_blanks() -> None:
    assert reader(HOSTS=" a.example , b.example,").names("HOSTS") == ["a.example", "b.example"]


@pytest.mark.parametrize("text", ["fast", "0", "61", "nan", "1e9"])
def test_a_number_that_can_not_be_right_is_refused_with_its_bounds(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"SECONDS is .*number from 1 to 60, such as 5"):
        reader(SECONDS=text).number("SECONDS", 5, least=1, most=60)


def test_a_number_at_its_bounds_is_taken() -> None:
    assert reader(SECONDS="60").number("SECONDS", 5, least=1, most=60) == 60
    assert reader().number("SECONDS", 5, least=1, most=60) == 5


def test_a_word_outside_the_choices_is_refused_with_the_choices() -> None:
    with pytest.raises(Misconfigured, match="MODE is 'prod'; write one of: production, simulation"):
        reader(MODE="prod").choice("MODE", "production", ("production", "simulation"))


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")

    assert reader(KEY_FILE=str(file)).secret("KEY") == "s3cret"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="both KEY and KEY_FILE are set; remove one"):
        reader(KEY="x", KEY_FILE=str(tmp_path / "key")).secret("KEY")


def test_a_secret_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can't be read"):
        reader(KEY_FILE=str(tmp_path / "none")).secret("KEY")
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(Misconfigured, match="which is empty"):
        reader(KEY_FILE=str(empty)).secret("KEY")


@pytest.mark.parametrize("text", ["today", "2026-11-23T08:00:00", "2026-11-23"])
def test_an_instant_needs_its_offset(text: str) -> None:
    with pytest.raises(Misconfigured, match="an instant with its offset"):
        reader(AT=text).moment("AT", datetime(2026, 1, 1, tzinfo=UTC))


def test_an_instant_is_turned_to_utc() -> None:
    read = reader(AT="2026-11-23T10:00:00+02:00").moment("AT", datetime(2026, 1, 1, tzinfo=UTC))

    assert read == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert read.tzinfo is UTC


def test_sqlite_paths_are_relative_to_the_clone_or_absolute() -> None:
    assert database_address("sqlite:///var/a.sqlite3", Path("/srv")).name == "/srv/var/a.sqlite3"
    assert database_address("sqlite:////data/a%20b.sqlite3", Path("/srv")).name == (
        "/data/a b.sqlite3"
    )


def test_a_postgresql_address_keeps_its_parts_and_options() -> None:
    url = "postgresql://anna:p%40ss@db.example:5433/push?sslmode=verify-full"

    assert database_address(url, Path("/srv")) == DatabaseAddress(
        "postgresql", "push", "anna", "p@ss", "db.example", "5433", (("sslmode", "verify-full"),)
    )


@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/n", "postgresql://u:s3cret@h", "s3cret"])
def test_another_database_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="not a database address") as refusal:
        database_address(url, Path("/srv"))

    assert "s3cret" not in str(refusal.value)


def test_a_password_of_its_own_is_put_into_an_address() -> None:
    assert with_password("redis://broker:6379/0", "a/b@c") == "redis://:a%2Fb%40c@broker:6379/0"
    assert with_password("redis://broker:6379/0", "") == "redis://broker:6379/0"
    address = database_address(with_password("postgresql://u:old@h/n", "new:/"), Path("/srv"))
    assert (address.user, address.password) == ("u", "new:/")


def test_a_refusal_ends_a_program_with_one_line_and_no_traceback() -> None:
    assert issubclass(Misconfigured, SystemExit)
    assert str(Misconfigured("why.")) == "Pushboard does not start: why."
