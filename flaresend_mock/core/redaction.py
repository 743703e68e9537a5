"""Redaction: recognises credentials in header names, and API keys in paths, queries and JSON values."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from flaresend_mock.core.models import Webhook

MASK = "***"
LONG_KEY = 12  # characters from which on a key is not contained in a text by chance

_VANISHES = re.compile("%|^5?25")  # a key of which more may be lost
_ANNOUNCES = re.compile(r"AUTH|COOKIE|TOKEN|SECRET|API[_-]?KEY|PASSWORD", re.IGNORECASE)


@lru_cache(maxsize=1024)  # clients send the same headers again and again
def is_secret(name: str) -> bool:
    """Tell whether a header of this name holds a credential."""
    return _ANNOUNCES.search(name) is not None


def key_id(key: str) -> str:
    """Return the id of an API key, shown in place of the key: the start of its SHA-256, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def key_mask(key: str) -> str:
    """Return what stands for an API key. It contains the last four characters of a long key."""
    return f"…{key[-4:]}" if len(key) >= LONG_KEY else MASK


def masked(webhook: Webhook | None) -> Webhook | None:
    return webhook and replace(webhook, secret=webhook.secret and MASK, verify_token=webhook.verify_token and MASK)


def has_key(value: Any, keys: Sequence[str]) -> bool:
    """Tell whether a JSON value contains one of these API keys; short keys do not count."""
    if isinstance(value, str):
        texts = {value, unquote(value)} if "%" in value else {value}
        return any(len(key) >= LONG_KEY and any(key in text for text in texts) for key in keys)
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return isinstance(inner, list) and any(has_key(one, keys) for one in inner)


def decoded(text: str) -> str:
    """Return a path or a query with all its percent-encoding decoded, also what was encoded several times."""
    return unquote(re.sub("%(?:25)+", "%", text), "latin-1")


def may_hold(key: str, plain: str) -> bool:
    """Tell whether a text may hold an API key that holds it `decoded`. A lone % before a key takes its first digits."""
    end = key[-6:] if len(key) >= LONG_KEY else key
    return end in plain or _VANISHES.search(key) is not None


@lru_cache(maxsize=1024)
def pattern_of(key: str) -> re.Pattern[str]:
    """Return a pattern that finds an API key in a path or a query, any of its characters percent-encoded, once or more.

    A key may be any text: a short one is found only where it is a whole part, between slashes and signs.
    """
    pattern = "".join(map(_character, key))
    return re.compile(pattern if len(key) >= LONG_KEY else rf"(?<![^/&=?\s\"']){pattern}(?![^/&=\s\"'])")


def _character(character: str) -> str:
    digits = "".join(f"[{digit}{digit.lower()}]" for digit in f"{ord(character):02X}")
    return f"(?:{re.escape(character)}|%(?:25)*{digits})"
