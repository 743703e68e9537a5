"""Phone numbers and JIDs, and magic numbers: phone numbers of country code 999 that make a call fail or wait."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from flaresend_mock.core.errors import NotReady, Overloaded

Delay = Callable[[float], None]

USER = "@s.whatsapp.net"  # what makes a JID of a phone number
LID = "@lid"
GROUP = "@g.us"
CHANNEL = "@newsletter"

_SPELLING = re.compile(r"[(]?\+?[0-9 .\-()]+", re.ASCII)
_SEPARATORS = str.maketrans("", "", "+ .-()")
MAGIC_COUNTRY = "999"
STALL_SECONDS = 12.0  # longer than the usual timeouts of clients, 5 and 10 s, so that each of them gives up
_MAGIC_OUTCOMES = {"404": 404, "408": 408, "425": 425, "429": 429, "500": 500, "503": 503}


def parse(given: object) -> str | None:
    """Return the digits of a phone number, or None if it is not one.

    It is digits with optional `+`, spaces, dots, dashes and parentheses; or a user JID (`…@s.whatsapp.net`, `…@c.us`);
    or a whole number. A number has 7 to 15 digits and no leading zero.
    """
    text = ""
    if isinstance(given, int):
        text = str(given) if 0 < given < 10**15 else ""
    elif isinstance(given, str):
        text = given.strip()
        text = text.removesuffix(USER) if text.endswith(USER) else text.removesuffix("@c.us")
    if not _SPELLING.fullmatch(text):
        return None
    digits = text.translate(_SEPARATORS)
    return digits if 7 <= len(digits) <= 15 and digits[0] != "0" else None


def magic(number: str) -> int | None:
    """Return the outcome that a magic number asks for, as the HTTP status in its last three digits.

    No country has the code 999. `999…404` is not on WhatsApp, sending to `999…500` fails, `999…408` delays the
    response, and `999…425`, `999…429`, `999…503` refuse the whole call.
    """
    return _MAGIC_OUTCOMES.get(number[-3:]) if number.startswith(MAGIC_COUNTRY) else None


def magic_outcomes(given: Iterable[str | None], delay: Delay | None = None) -> AbstractContextManager[None]:
    """Refuse a call if magic numbers ask for it; otherwise delay its caller after the block, for `999…408`.

    NotReady is for `999…425`, Overloaded for `999…429` and `999…503`. The work is done before the delay: a client that
    times out has sent its message, as with a real service. Without `delay`, which takes seconds, no caller waits.
    """
    outcomes = list(filter(None, map(magic, filter(None, given))))
    return _met(outcomes, delay) if outcomes else nullcontext()


@contextmanager
def _met(outcomes: list[int], delay: Delay | None) -> Iterator[None]:
    for outcome in outcomes:
        if outcome == 425:
            raise NotReady("initializing")
        if outcome in (429, 503):
            raise Overloaded(outcome)
    yield
    if delay is not None and 408 in outcomes:
        delay(STALL_SECONDS)
