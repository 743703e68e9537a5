"""The settings of a world, each declared once: name, type, default, bounds and meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MAX_PAIRING_SECONDS = 30 * 86_400


def _setting(default: Any, description: str, lowest: float | None = None, highest: float | None = None) -> Any:
    metadata = {"description": description, "lowest": lowest, "highest": highest}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """How the simulated WhatsApp behaves where worlds may differ.

    World files, the control plane and the documentation take names, types, bounds and descriptions from here.
    """

    directory: Literal["open", "closed"] = _setting(
        "open", "open: every well-formed number is on WhatsApp. closed: only people of the directory are."
    )
    senders: Literal["auto", "number", "lid"] = _setting(
        "auto", "How events name people: auto by LID in groups and by number elsewhere, or all by number or lid."
    )
    lid_recipients: Literal["refuse", "accept"] = _setting(
        "refuse", "Whether a LID, such as 163514152964174@lid, is a recipient of messages."
    )
    offline_messages: Literal["keep", "drop"] = _setting(
        "keep", "What people write to an instance that is not connected: keep delivers it later, drop refuses it."
    )
    pairing_seconds: float | None = _setting(
        None, "Seconds until a QR code is scanned by itself; null for never.", 0, MAX_PAIRING_SECONDS
    )
    qr_codes: int | None = _setting(
        None,
        "How many QR codes, of a minute each, are shown before the instance disconnects; null for no end.",
        1,
        1000,
    )
