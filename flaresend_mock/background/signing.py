"""Signs webhooks: Standard Webhooks 1.0.0, and X-Hub-Signature-256 as GitHub and Meta send it."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """Return the key of a Standard Webhooks secret: its decoded base64 part.

    A secret that is not base64 is the key itself, so any string can be a secret.
    """
    text = secret.removeprefix(PREFIX)
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return secret.encode(errors="surrogateescape")


def standard(secret: str, message_id: str, timestamp: int | str, body: bytes) -> str:
    """Return the webhook-signature header: v1,<base64 of HMAC-SHA256 over id.timestamp.body>."""
    content = f"{message_id}.{timestamp}.".encode(errors="surrogateescape") + body
    return "v1," + b64encode(hmac.digest(key_of(secret), content, "sha256")).decode()


def hub(secret: str, body: bytes) -> str:
    """Return the X-Hub-Signature-256 header: sha256=<hex of HMAC-SHA256 over the body>, keyed by the whole secret."""
    return "sha256=" + hmac.new(secret.encode(errors="surrogateescape"), body, hashlib.sha256).hexdigest()


def headers(secret: str | None, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the signature headers of a delivery; none without a secret."""
    if not secret:
        return {}
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard(secret, message_id, timestamp, body),
        "X-Hub-Signature-256": hub(secret, body),
    }
