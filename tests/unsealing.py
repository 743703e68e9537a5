"""Opens media as an application does that knows WhatsApp's encryption, and nothing of the emulator."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

INFO = {
    "image": b"WhatsApp Image Keys",
    "sticker": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}


class Spoiled(Exception):
    """A file that is not what its key says."""


def unseal(served: bytes, media_key: str, kind: str) -> bytes:
    """Return what is in a file from the media host."""
    keys = HKDF(SHA256(), length=112, salt=None, info=INFO[kind]).derive(b64decode(media_key, validate=True))
    iv, cipher, mac = keys[:16], keys[16:48], keys[48:80]
    ciphertext, tag = served[:-10], served[-10:]
    if not hmac.compare_digest(hmac.digest(mac, iv + ciphertext, "sha256")[:10], tag):
        raise Spoiled
    decryptor = Cipher(algorithms.AES256(cipher), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def hash_of(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()
