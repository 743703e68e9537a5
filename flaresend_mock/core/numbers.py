"""Phone numbers and JIDs: how they are written, and which numbers are magic."""

from __future__ import annotations

import re

USER = "@s.whatsapp.net"
LID = "@lid"
GROUP = "@g.us"
CHANNEL = "@newsletter"

_SPELLING = re.compile(r"[(]?\+?[0-9 .\-()]+", re.ASCII)
_SEPARATORS = str.maketrans("", "", "+ .-()")
MAGIC_COUNTRY = "999"
_MAGIC_OUTCOMES = {"404": 404, "408": 408, "425": 425, "429": 429, "500": 500, "503": 503}


def parse(given: str | int) -> str | None:
    """Return the digits of a phone number, or None if it is not one.

    Args:
        given: digits with optional `+`, spaces, dots, dashes and parentheses; or a user JID
            (`…@s.whatsapp.net`, `…@c.us`); or a whole number.

    A number has 7 to 15 digits and no leading zero.
    """
    if isinstance(given, int):
        text = str(given) if 0 < given < 10**15 else ""
    else:
        text = given.strip()
        text = text.removesuffix(USER) if text.endswith(USER) else text.removesuffix("@c.us")
    if not _SPELLING.fullmatch(text):
        return None
    digits = text.translate(_SEPARATORS)
    return digits if 7 <= len(digits) <= 15 and digits[0] != "0" else None


def jid(number: str) -> str:
    """Return the JID of the person with this number."""
    return number + USER


def magic(number: str) -> int | None:
    """Return the outcome a magic number asks for, as the HTTP status in its last three digits.

    Country code 999 belongs to nobody. `999…404` is not on WhatsApp, sending to `999…500` fails,
    `999…408` answers late, and `999…425`, `999…429`, `999…503` refuse the whole call.
    """
    return _MAGIC_OUTCOMES.get(number[-3:]) if number.startswith(MAGIC_COUNTRY) else None
