"""Phone numbers: how they may be written, and which of them are magic."""

from __future__ import annotations

import pytest

from flaresend_mock.core import numbers


@pytest.mark.parametrize(
    "given",
    [
        "254712345678",
        "+254712345678",
        "+254 712 345 678",
        "254.712.345.678",
        "254-712-345-678",
        "+254 (712) 345-678",
        "  254712345678\n",
        "254712345678@s.whatsapp.net",
        "+254712345678@c.us",
        254712345678,
    ],
)
def test_a_number_may_be_written_in_many_ways(given: str | int) -> None:
    assert numbers.parse(given) == "254712345678"


@pytest.mark.parametrize("given", ["1234567", "123456789012345", 1234567, 123456789012345])
def test_a_number_has_7_to_15_digits(given: str | int) -> None:
    assert numbers.parse(given) == str(given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "+",
        "123456",
        "1234567890123456",
        "0712345678",
        "+0712345678",
        "++254712345678",
        "254712345678+",
        "254712345678,254798765432",
        "254712345678x",
        "phone",
        "٢٥٤٧١٢٣٤٥٦٧٨",  # digits, but not the ones that are dialled
        "254712345678\x00",
        "254712\n345678",
        "254712345678@lid",
        "254712345678@g.us",
        "@s.whatsapp.net",
        "254712345678@S.WHATSAPP.NET",
        "254712345678@c.us@s.whatsapp.net",
        0,
        -254712345678,
        123456,
        10**15,
        10**4000,
    ],
)
def test_anything_else_is_no_number(given: str | int) -> None:
    assert numbers.parse(given) is None


@pytest.mark.parametrize("outcome", [404, 408, 425, 429, 500, 503])
@pytest.mark.parametrize("between", ["0", "1234", "000000000"])
def test_a_number_of_country_code_999_is_magic_by_its_last_three_digits(between: str, outcome: int) -> None:
    assert numbers.magic(f"999{between}{outcome}") == outcome


@pytest.mark.parametrize("number", ["9991234567", "9990000200", "254712345500", "99800000404", "9994040000"])
def test_other_numbers_are_not_magic(number: str) -> None:
    assert numbers.magic(number) is None
