"""Encryption of media: the vectors of the reference, and files that an application's own code opens."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from flaresend_mock.core.media import KEY_LENGTH, MAC_LENGTH, expand, seal
from tests.unsealing import INFO, Spoiled, unseal

MEDIA_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY = b64decode(MEDIA_KEY)
PLAIN = b"hello flaresend"
VECTORS = {
    "image": ("t1P/d5zW15qR8wQo6jte3AY75NvPBSoEjLU=", "4WRKf+10kAy8Q8O8W+ZKLCUOOBpxEyMwpelTOivbquE="),
    "video": ("VDH2oLbdUmVtw//HoU/0epdFNmq20xTh+Dc=", "zOYGYP9FQGR5T5L+thonANbnJW0HH0ekfmEDPgzztKE="),
    "audio": ("9mYPAINk15Qhtmsdy533VtkFHkuDx5KGFBM=", "fvisvs6rNtmakpc8CMASZAiJZCEmwC3AlGz4ha9fo/8="),
    "document": ("CJ5YZlaZhEKGfnvGKK1Y9GIfqGrpA2zyGOQ=", "D4AU4H5lengCxCJS8N/wviNojZ7LMlZSOKg0tCShZZk="),
}


def in_base64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize("kind", VECTORS)
def test_a_file_is_sealed_as_the_reference_says(kind: str) -> None:
    served, hashed = VECTORS[kind]

    sealed = seal(PLAIN, KEY, kind)

    assert in_base64(sealed) == served
    assert in_base64(sha256(sealed).digest()) == hashed
    assert in_base64(sha256(PLAIN).digest()) == "1Mc5KndAzwA1GatmZ0kM3MvzNBzzhmg2BObNMOJ1pDc="


def test_a_sticker_is_sealed_like_an_image() -> None:
    assert seal(PLAIN, KEY, "sticker") == seal(PLAIN, KEY, "image")


@pytest.mark.parametrize("kind", INFO)
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 4096, 100_001])
def test_what_was_sealed_opens_with_its_key(kind: str, length: int) -> None:
    data = bytes(number % 251 for number in range(length))

    sealed = seal(data, KEY, kind)

    assert unseal(sealed, MEDIA_KEY, kind) == data
    assert len(sealed) == (length // 16 + 1) * 16 + MAC_LENGTH


@pytest.mark.parametrize("position", [0, 15, -11, -10, -1])
def test_one_wrong_bit_is_noticed(position: int) -> None:
    sealed = bytearray(seal(PLAIN, KEY, "image"))
    sealed[position] ^= 1

    with pytest.raises(Spoiled):
        unseal(bytes(sealed), MEDIA_KEY, "image")


def test_a_file_opens_only_as_the_kind_it_is() -> None:
    with pytest.raises(Spoiled):
        unseal(seal(PLAIN, KEY, "image"), MEDIA_KEY, "video")


def test_keys_have_their_lengths() -> None:
    iv, cipher, mac = expand(KEY, "image")

    assert (KEY_LENGTH, len(iv), len(cipher), len(mac)) == (32, 16, 32, 32)
