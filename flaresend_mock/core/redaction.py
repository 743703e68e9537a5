"""What is never shown: names that announce a credential, and what stands in its place."""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"

_ANNOUNCES = re.compile(r"AUTH|COOKIE|TOKEN|SECRET|API[_-]?KEY|PASSWORD", re.IGNORECASE)


@lru_cache(maxsize=1024)  # clients name the same headers over and over
def is_secret(name: str) -> bool:
    """Tell whether a header of this name holds a credential."""
    return _ANNOUNCES.search(name) is not None
