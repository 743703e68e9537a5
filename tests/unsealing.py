"""Opens media and votes as an application does that knows WhatsApp's encryption, and nothing of the emulator."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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


def open_vote(poll: Mapping[str, Any], vote: Mapping[str, Any]) -> list[str]:
    """Return the options that a vote chooses, from the `data` of two events: the poll's, and the vote's."""
    update = vote["message"]["pollUpdateMessage"]
    key, sealed = update["pollCreationMessageKey"], update["vote"]
    creator, voter = (key.get("participant") or key["remoteJid"]), (vote.get("participant") or vote["from"])
    message = inner(poll["message"])
    secret = b64decode(poll["message"]["messageContextInfo"]["messageSecret"], validate=True)
    info = f"{key['id']}{creator}{voter}Poll Vote".encode()
    vote_key = HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)
    chosen = AESGCM(vote_key).decrypt(
        b64decode(sealed["encIv"]), b64decode(sealed["encPayload"]), f"{key['id']}\0{voter}".encode()
    )
    (content,) = (value for name, value in message.items() if name.startswith("pollCreationMessage"))
    hashes = {sha256(one["optionName"].encode()).digest(): one["optionName"] for one in content["options"]}
    assert len(chosen) % 34 == 0
    return [hashes[chosen[start + 2 : start + 34]] for start in range(0, len(chosen), 34)]


def inner(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message without the wrappers of chats whose messages disappear, view once, captions and edits."""
    for name, content in message.items():
        if name != "messageContextInfo" and isinstance(content, Mapping) and "message" in content:
            return inner(content["message"])
    return message
