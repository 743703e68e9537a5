"""Golden webhook events, one file a kind. `python -m tests.golden` writes them anew; look at what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from werkzeug.test import Client

from flaresend_mock import package_data
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from tests.defaults import ANN, ANNS_GROUP, BEN, FOLLOWED
from tests.support import KEY, client_of, default_state

FOLDER = package_data.FIXTURES / "webhooks"
DOCUMENTED_NOW = datetime(2025, 10, 17, 12, 47, 59, 689_000, tzinfo=UTC)
"""When the documented event was delivered."""

ABOUT = "the message before"


@dataclass(frozen=True)
class Case:
    """Somebody writes; `received` or `sent` is a text that was there before, whose id stands for ABOUT."""

    name: str
    request: dict[str, Any]
    received: str | dict[str, Any] | None = None
    sent: str | None = None
    sent_to: str = ANN


CASES = [
    Case("text", {"text": "Hi, how are you"}),
    Case("reply", {"text": "Yes, both days", "reply_to": ABOUT}, sent="Are you free at the weekend?"),
    Case("forwarded", {"text": "Good morning 🌅", "forwarded": 2}),
    Case(
        "link",
        {
            "text": "Look: https://example.com/offers",
            "link": {"url": "https://example.com/offers", "title": "Offers", "description": "What is fresh today."},
        },
    ),
    Case("image", {"type": "image", "caption": "The garden"}),
    Case("video", {"type": "video", "caption": "The sea"}),
    Case("audio", {"type": "audio"}),
    Case("voice", {"type": "voice"}),
    Case("document", {"type": "document"}),
    Case("document-with-caption", {"type": "document", "caption": "Please sign"}),
    Case("sticker", {"type": "sticker"}),
    Case("view-once", {"type": "view_once"}),
    Case("view-once-complete", {"type": "view_once", "complete": True, "caption": "Once"}),
    Case("view-once-voice", {"type": "view_once", "media": {"sample": "ogg"}, "seconds": 4}),
    Case("gif", {"type": "gif", "caption": "Ha!"}),
    Case("video-note", {"type": "video_note", "seconds": 3}),
    Case("album", {"type": "album", "images": 2, "videos": 1}),
    Case("album-item", {"type": "image", "caption": "The beach", "album": ABOUT}, received={"type": "album"}),
    Case("live-location", {"type": "live_location", "caption": "On my way"}),
    Case("contacts", {"type": "contacts"}),
    Case("contact-without-whatsapp", {"type": "contact", "contact": {"name": "Jane", "on_whatsapp": False}}),
    Case("group-invite", {"type": "group_invite", "caption": "Join us"}),
    Case("poll-any", {"type": "poll", "options": ["Tea", "Coffee", "Water"], "selectable": 0}),
    Case("poll-vote", {"type": "poll_vote", "target": ABOUT, "choices": ["Sunday"]}, received={"type": "poll"}),
    Case("disappearing", {"type": "disappearing", "seconds": 604800}),
    Case("disappeared-wrapped", {"text": "Soon gone"}, received={"type": "disappearing"}),
    Case("disappeared", {"text": "Soon gone"}, received={"type": "disappearing", "wrapped": False}),
    Case(
        "edit-caption",
        {"type": "edit", "text": "The garden", "target": ABOUT},
        received={"type": "image", "caption": "The gardn"},
    ),
    Case("edit-wrapped", {"type": "edit", "text": "Eight", "target": ABOUT, "wrapped": True}, received="Seven"),
    Case("delete-by-admin", {"type": "delete", "group": ANNS_GROUP, "target": ABOUT}, sent_to=ANNS_GROUP, sent="Oops"),
    Case("group-mention", {"text": f"@{BEN} look", "mentions": [BEN], "group": ANNS_GROUP}),
    Case("reply-to-file", {"text": "Nice", "reply_to": ABOUT}, received={"type": "image", "caption": "Look"}),
    Case(
        "edit-document",
        {"type": "edit", "text": "The menu", "target": ABOUT},
        received={"type": "document", "caption": "The mnu"},
    ),
    Case(
        "edit-in-group",
        {"type": "edit", "text": f"@{BEN} sorry", "target": ABOUT, "mentions": [BEN], "group": ANNS_GROUP},
        received={"text": "Sorry", "group": ANNS_GROUP},
    ),
    Case("reply-from-group", {"text": "Privately", "reply_to": ABOUT}, sent="Anything else?", sent_to=ANNS_GROUP),
    Case(
        "reaction-in-group",
        {"type": "reaction", "emoji": "❤️", "target": ABOUT, "group": ANNS_GROUP},
        sent_to=ANNS_GROUP,
        sent="It is ready",
    ),
    Case("location", {"type": "location", "name": "Uhuru Park", "address": "Kenyatta Avenue, Nairobi"}),
    Case("contact", {"type": "contact"}),
    Case("reaction", {"type": "reaction", "emoji": "❤️", "target": ABOUT}, sent="It is ready"),
    Case("reaction-removed", {"type": "reaction", "emoji": "", "target": ABOUT}, sent="It is ready"),
    Case("poll", {"type": "poll", "text": "Which day?", "options": ["Saturday", "Sunday"]}),
    Case("button-reply", {"type": "button_reply", "text": "Yes", "selected": "yes"}, sent="Shall we come?"),
    Case("list-reply", {"type": "list_reply", "text": "Tea", "selected": "row-2"}, sent="What will it be?"),
    Case("delete", {"type": "delete", "target": ABOUT}, received="Oops"),
    Case("edit", {"type": "edit", "text": "See you at eight", "target": ABOUT}, received="See you at seven"),
    Case("group", {"text": "Who comes along?", "group": ANNS_GROUP}),
    Case("from-lid", {"text": "Hi, how are you", "from_lid": True}),
    Case("channel-image", {"type": "channel_image", "channel": FOLLOWED, "caption": "Fresh today"}),
    Case(
        "raw",
        {
            "message": {
                "messageContextInfo": {"deviceListMetadataVersion": 2},
                "eventMessage": {"name": "Harvest", "startTime": "1760781600"},
            }
        },
    ),
]


def documented_world() -> World:
    """Return the default world at the time of the documented event, with the files and eyes of the emulator."""
    host = HostServices(sample_media=package_data.sample)
    world = World("default", default_state(), real=lambda: DOCUMENTED_NOW, host=host)
    world.timeline.change(now=DOCUMENTED_NOW, frozen=True)
    return world


def prepare(case: Case, client: Client) -> dict[str, Any]:
    """Let happen what was before, and return the request."""
    before: str | None = None
    if case.received is not None:
        said = {"text": case.received} if isinstance(case.received, str) else case.received
        client.post("/_mock/inbound", json={"from": ANN, **said})
    if case.sent is not None:
        is_group = case.sent_to != ANN
        to = {"groupJids": [case.sent_to]} if is_group else {"recipients": [case.sent_to]}
        path = "/groups/send-message" if is_group else "/send-message"
        client.post(path, headers=KEY, json={**to, "type": "text", "text": case.sent})
    listed = client.get("/_mock/messages").json
    assert listed is not None
    if listed["messages"]:
        before = listed["messages"][-1]["id"]
    request = {"from": ANN, **case.request}
    for name in ("reply_to", "target", "album"):
        if request.get(name) == ABOUT:
            request[name] = before
    return request


def event_of(case: Case, world: World) -> tuple[dict[str, Any], bytes]:
    """Return the request and the event that is delivered for it."""
    client = client_of(world)
    request = prepare(case, client)
    body = json.dumps(request, ensure_ascii=False).encode()  # Flask's json= would sort the keys
    response = client.post("/_mock/inbound", data=body, content_type="application/json")
    assert response.status_code == 201, response.text
    return request, world.deliveries.all()[-1].body


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for case in CASES:
        request, body = event_of(case, documented_world())
        golden = {"request": request, "event": json.loads(body)}
        text = json.dumps(golden, ensure_ascii=False, indent=2)
        (FOLDER / f"{case.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
