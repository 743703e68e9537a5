"""Seeded randomness: the world's seed decides everything that is random."""

import hashlib
import string
from collections.abc import Callable, Container

from flaresend_mock.core.bounded_store import MAX_COUNT

_ALPHANUMERIC = string.ascii_letters + string.digits


class SeededRandom:
    """Returns random identifiers and numbers that are the same for the same seed and the same calls.

    Each kind counts separately, in `counters`: one message more does not change the id of the next group. Worlds may
    be imported with lower counters. What is then `used` already, in the `form` that it has, is drawn no second time.
    """

    def __init__(self, seed: int, counters: dict[str, int]) -> None:
        self.seed, self._counters = seed, counters

    def digits(self, kind: str, length: int, form: Callable[..., str] = str, used: Container[object] = ()) -> str:
        """Return the next decimal string of this kind; its first digit is not zero."""
        while (text := form(as_digits(self.material(kind), length))) in used:
            continue
        return text

    def hexadecimal(self, kind: str, length: int, form: Callable[..., str] = str, used: Container[object] = ()) -> str:
        """Return the next string of upper-case hex digits of this kind (at most 128)."""
        while (text := form(self.material(kind).hex()[:length].upper())) in used:
            continue
        return text

    def letters(self, kind: str, length: int, form: Callable[..., str] = str, used: Container[object] = ()) -> str:
        """Return the next string of letters and digits of this kind (at most 64)."""
        while (text := form(as_letters(self.material(kind), length))) in used:
            continue
        return text

    def share(self, kind: str) -> float:
        """Return the next number of this kind, from 0 to less than 1."""
        return int.from_bytes(self.material(kind)[:6], "big") / 2**48

    def material(self, kind: str) -> bytes:
        """Return the next 64 bytes of this kind."""
        count = self._counters[kind] = self._counters.get(kind, 0) % MAX_COUNT + 1
        return lasting(self.seed, kind, str(count))


def lasting(seed: int, kind: str, name: str) -> bytes:
    """Return 64 bytes that depend on this name alone, and are always the same."""
    return hashlib.blake2b(f"{seed}:{kind}:{name}".encode()).digest()


def as_letters(data: bytes, length: int) -> str:
    """Turn bytes into a text of this length, of letters and digits."""
    return "".join(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)] for byte in data[:length])


def as_digits(data: bytes, length: int) -> str:
    """Turn bytes into a decimal string of this length that does not start with zero."""
    first = 10 ** (length - 1)
    return str(first + int.from_bytes(data[:16], "big") % (9 * first))
