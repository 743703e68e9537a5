"""Poll votes are encrypted as WhatsApp encrypts them."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from flaresend_mock.core import payloads

SECRET = b64decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
IV = b64decode("AAECAwQFBgcICQoL")
POLL = "3EB0C0FFEE00000000000001"
BY_NUMBER = {"creator": "254708920430@s.whatsapp.net", "voter": "254712345678@s.whatsapp.net"}
BY_LID = {"creator": "163514152964174@lid", "voter": "268813446717676@lid"}


@pytest.mark.parametrize(
    ("people", "key"),
    [
        (BY_NUMBER, "8f480268b7319150cc593cfda40f7d934c249fd25a811b4adb7e79900b059773"),
        (BY_LID, "0542ce3eac36bdf35f4bd081cfd91be6eaaf0752cadcfcd304a1c169a8f1c66a"),
    ],
)
def test_the_key_depends_on_the_poll_and_on_the_form_of_both_jids(people: dict[str, str], key: str) -> None:
    assert payloads.vote_key(SECRET, POLL, **people).hex() == key


@pytest.mark.parametrize(
    ("people", "options", "sealed"),
    [
        (BY_NUMBER, ["Saturday"], "nbBAkFaXtyMoGXe2rjQjK0Jo4JuL0lBqBCLpjKquHuIo2lvqxjbXVycKfiuvpO51OgI="),
        (BY_NUMBER, [], "taJYOji+S4xhAZUB6I+A2g=="),
    ],
)
def test_a_vote_is_sealed_with_the_hashes_of_its_options(
    people: dict[str, str], options: list[str], sealed: str
) -> None:
    found = payloads.encrypted_vote(options, secret=SECRET, poll=POLL, iv=IV, **people)

    assert b64encode(found).decode() == sealed
    assert len(found) == 34 * len(options) + 16
