"""Poll votes, encrypted as WhatsApp does: only those who have the poll's secret can read them.

Observed in Baileys and whatsmeow, which agree. The key depends on the poll's id, and on the JIDs of its creator and of
the voter in the form in which the chat shows them: a receiver that mixes numbers and LIDs cannot decrypt the vote.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

USE = b"Poll Vote"
IV_LENGTH = 12
TAG_IN_BASE64 = 24
_SELECTED = bytes([0x0A, 32])
"""The head of each hash in the protocol buffer: field 1, 32 bytes."""


def encrypt(options: Iterable[str], *, secret: bytes, poll: str, creator: str, voter: str, iv: bytes) -> bytes:
    """Return the encrypted vote for these options, followed by its tag of 16 bytes. No options withdraw a vote.

    Args:
        secret: the 32 bytes of the poll's messageSecret.
        poll: the id of the poll's message.
        creator, voter: JIDs, as the chat shows them.
        iv: 12 random bytes.
    """
    # slow to import, and few runs need it
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    chosen = b"".join(_SELECTED + hashlib.sha256(option.encode()).digest() for option in options)
    cipher = AESGCM(key(secret, poll, creator, voter))
    return cipher.encrypt(iv, chosen, f"{poll}\0{voter}".encode())


def chooses(vote: Mapping[str, Any]) -> bool:
    """Tell whether a pollUpdateMessage chooses anything; a vote that is withdrawn is only a tag."""
    sealed = vote.get("vote")
    payload = sealed.get("encPayload") if isinstance(sealed, Mapping) else None
    return isinstance(payload, str) and len(payload) > TAG_IN_BASE64


def key(secret: bytes, poll: str, creator: str, voter: str) -> bytes:
    """Return the key of a voter's votes in a poll (RFC 5869 with SHA-256, no salt, 32 bytes)."""
    info = f"{poll}{creator}{voter}".encode() + USE
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\1", "sha256")
