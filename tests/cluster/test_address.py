"""Addresses of databases, and their options."""

import pytest

from weft.cluster import Address, is_address
from weft.storage import InvalidArgument


def test_what_is_not_wefts_is_left_to_the_driver() -> None:
    found = Address.of(
        "postgresql:///db?host=/run/postgresql&weft_shard=3&sslmode=require"
        "&weft_take_over=0&weft_owner=a%20b&weft_retry_s=2.5"
    )
    expected = Address(
        dsn="postgresql:///db?host=/run/postgresql&sslmode=require",
        shard=3,
        take_over=False,
        owner="a b",
        retry_s=2.5,
    )
    assert expected == found


def test_without_options_the_address_is_the_drivers() -> None:
    assert "postgresql://h/db" == Address.of("postgresql://h/db").dsn
    assert "postgresql://h/db" == Address.of("postgresql://h/db?weft_prepare=0").dsn


@pytest.mark.parametrize(
    "password", ["word", "wo#rd", "wo?rd", "wo?r&d", "wo@rd", "wo:rd", "wo/rd", "%40rd"]
)
def test_no_password_is_in_the_name_that_everybody_reads(password: str) -> None:
    found = Address.of(f"postgresql://weft:{password}@h:5/db?weft_shard=1&port=6")
    dsn = f"postgresql://weft:{password}@h:5/db?port=6"
    name = "postgresql://h:5/db?port=6"
    assert (dsn, 1, name) == (found.dsn, found.shard, found.name)


@pytest.mark.parametrize(
    "text",
    [
        "./weft-data",
        "mysql://h/db",
        "postgresql://h/db?weft_shrad=1",
        "postgresql://h/db?weft_shard=one",
        "postgresql://h/db?weft_retry_s=nan",
        "postgresql://h/db?weft_retry_s=-1",
        "postgresql://h/db?weft_dsn=postgresql://other",
    ],
)
def test_what_is_not_an_address_or_an_option_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Address.of(text)


def test_a_path_is_no_address() -> None:
    assert [True, True, False] == [
        is_address(text) for text in ("postgres://h/d", "postgresql:///d", "./data")
    ]
