"""Media as WhatsApp encrypts them: one key a file, expanded by HKDF, AES-256-CBC and a truncated HMAC."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

KEY_LENGTH = 32
MAC_LENGTH = 10
BLOCK = 16

_INFO = {
    "image": b"WhatsApp Image Keys",
    "sticker": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What a media key expands to."""

    iv: bytes
    cipher: bytes
    mac: bytes


def expand(media_key: bytes, kind: str) -> Keys:
    """Expand a media key of 32 bytes for one kind of media (RFC 5869 with SHA-256, no salt, 112 bytes)."""
    secret = hmac.digest(bytes(32), media_key, "sha256")
    block = output = b""
    for counter in range(1, 5):
        block = hmac.digest(secret, block + _INFO[kind] + bytes([counter]), "sha256")
        output += block
    return Keys(iv=output[:16], cipher=output[16:48], mac=output[48:80])


def seal(data: bytes, media_key: bytes, kind: str) -> bytes:
    """Return the file that is served: the ciphertext, and behind it ten bytes of its MAC."""
    from cryptography.hazmat.primitives.ciphers import (
        Cipher,
        algorithms,
        modes,
    )  # slow to import, rarely needed

    keys = expand(media_key, kind)
    missing = BLOCK - len(data) % BLOCK
    encryptor = Cipher(algorithms.AES256(keys.cipher), modes.CBC(keys.iv)).encryptor()
    ciphertext = encryptor.update(data + bytes([missing]) * missing) + encryptor.finalize()
    return ciphertext + hmac.digest(keys.mac, keys.iv + ciphertext, "sha256")[:MAC_LENGTH]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
