"""The page of instances: phones that are linked to Flaresend, their API keys and their webhooks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from flaresend_mock.core.models import INSTANCE_STATUSES, Instance, QrCode
from flaresend_mock.core.redaction import LONG_KEY, MASK, key_id
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.pages import page, part

blueprint = Blueprint("instances_page", __name__)

MODES = ("none", "post", "challenge")
"""How a webhook can be asked to prove that it is there."""

MEANINGS = {
    "initializing": "It starts up, and shows a QR code in a second.",
    "qr": "It waits for a phone to scan its QR code.",
    "connecting": "A phone scanned the QR code; it is connected in a second.",
    "connected": "It sends and receives.",
    "disconnected": "It is cut off: calls that need the phone are refused with 425.",
}
"""What each status means to whoever looks at it."""


@dataclass(frozen=True, slots=True)
class Card:
    """An instance as it is shown: nothing of its keys and secrets but what may be seen.

    `keys` are the id of each API key and its mask; `held` counts the events that wait for the webhook to be
    resumed; `seconds` is for how long the QR code is valid still, by the world's clock.
    """

    instance: Instance
    lid: str
    keys: tuple[tuple[str, str], ...]
    held: int
    seconds: int
    only: bool

    @property
    def id(self) -> str:
        return self.instance.id

    @property
    def title(self) -> str:
        return self.instance.name or f"+{self.instance.number}"

    @property
    def qr(self) -> QrCode | None:
        """What is to be scanned, while it waits for that."""
        return self.instance.qr if self.instance.status == "qr" else None


@blueprint.get("/w/<world>/instances")
def instances(world: World) -> Response:
    """Show the page."""
    return page("instances.html", world, "instances", statuses=INSTANCE_STATUSES, **_cards(world))


@blueprint.get("/w/<world>/parts/instances")
def cards(world: World) -> Response:
    """Return the cards, as they are now."""
    return part("instances_cards.html", world, **_cards(world))


@blueprint.get("/w/<world>/parts/instances/<instance>/<dialog>")
def dialog(world: World, instance: str, dialog: str) -> Response:
    """Return what a dialog about an instance holds: its webhook, its settings, or a scan by another phone."""
    if dialog not in ("webhook", "settings", "scan"):
        raise NotFound
    found = next((card for card in read(world) if card.id == instance), None)
    if found is None:
        raise NotFound("There is no such instance.")
    return part(
        "instances_dialog.html", world, dialog=dialog, card=found, modes=MODES, statuses=INSTANCE_STATUSES
    )


def read(world: World) -> list[Card]:
    """Return the instances of a world, oldest first."""
    with world.lock:
        now = world.clock.now()
        held = Counter(one.instance for one in world.deliveries.all() if one.status == "held")
        found = []
        for one in world.state.instances.values():
            person = world.state.people.get(one.number)
            left = (one.qr.expires - now).total_seconds() if one.qr else 0
            found.append(
                Card(
                    one,
                    person.lid if person else "",
                    tuple((key_id(key), masked(key)) for key in one.api_keys),
                    held[one.id],
                    max(0, round(left)),
                    only=len(world.state.instances) == 1,
                )
            )
        return found


def masked(key: str) -> str:
    """Return what may be seen of an API key: its last four characters, if it is long."""
    return f"…{key[-4:]}" if len(key) >= LONG_KEY else MASK


def _cards(world: World) -> dict[str, object]:
    seconds = world.state.pairing_seconds
    return {"cards": read(world), "meanings": MEANINGS, "pairing": seconds}
