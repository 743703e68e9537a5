"""What the default world holds, by the names that tests call it."""

from __future__ import annotations

import json
from typing import Any

from flaresend_mock.core.models import Content
from flaresend_mock.package_data import FIXTURES

INSTANCE = "9b540e83-e1ca-49b4-8c34-01fd31991d04"
OUR_NUMBER = "254708920430"
OUR_LID = "163514152964174@lid"
ANN = "254712345678"
ANN_LID = "268813446717676@lid"
BEN = "254723456789"
BEN_LID = "50479304319053@lid"
CARA = "254798765432"
DAN = "254718841608"
NOBODY = "254700000000"  # not on WhatsApp

ANNS_GROUP = "120363403582097887@g.us"  # Ann created it, the instance is an admin
FAMILY = "120363420250618357@g.us"  # the instance created it, Ann is in it
PROJECT = "120363422712338174@g.us"  # the instance created it, Ben is in it

FOLLOWED = "120363313617097254@newsletter"
OWNED = "120363406469149890@newsletter"
OWNED_INVITE = "0029Vb8Bvrt8vd1YTuvt1S14"


def text(words: str = "Hello") -> Content:
    return Content("text", text=words)


def described(**sections: Any) -> dict[str, Any]:
    """Return the default world's file, with some sections replaced."""
    file = (FIXTURES / "worlds" / "default.json").read_text(encoding="utf-8")
    return {**json.loads(file), **sections}
