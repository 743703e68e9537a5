"""POST /_mock/inbound: what it takes, what it refuses, and that a refusal changes nothing."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.core.kinds import KINDS
from flaresend_mock.core.media import image_info
from flaresend_mock.core.world import World
from flaresend_mock.package_data import sample
from tests.contents import contents
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, BEN_LID, FAMILY, INSTANCE, NOBODY
from tests.golden import documented_world
from tests.support import client_of
from tests.unsealing import unseal

INBOUND = "/_mock/inbound"
COMPARED = (
    "text",
    "caption",
    "fileSha256",
    "fileName",
    "mimetype",
    "seconds",
    "ptt",
    "displayName",
    "vcard",
    "name",
    "address",
    "degreesLatitude",
    "options",
    "selectableOptionsCount",
)


@pytest.fixture
def world() -> World:
    return documented_world()


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world)


def post(client: Client, **request: Any) -> TestResponse:
    return client.post(INBOUND, json={"from": ANN, **request})


def message_of(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    assert response.json is not None
    found: dict[str, Any] = response.json["event"]["data"]["message"]
    return found


def event_of(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    assert response.json is not None
    found: dict[str, Any] = response.json["event"]
    return found


def body_of(response: TestResponse) -> Any:
    return next(body for name, body in message_of(response).items() if name != "messageContextInfo")


def test_a_number_and_a_text_are_a_complete_request(client: Client) -> None:
    response = client.post(INBOUND, json={"from": "254712345678", "text": "hi"})

    assert response.status_code == 201
    assert response.json is not None
    assert list(response.json) == ["event", "delivery"]
    event, delivery = response.json["event"], response.json["delivery"]
    assert event["data"]["message"]["conversation"] == "hi"
    assert event["instanceId"] == INSTANCE
    assert delivery["message"] == event["data"]["id"]
    assert delivery["status"] == "no endpoint"
    assert delivery["body"] == event


def test_the_answer_holds_the_event_as_it_is_delivered(client: Client, world: World) -> None:
    response = post(client, text="Habari 👋")

    (delivery,) = world.deliveries.all()
    assert response.data.startswith(b'{"event":' + delivery.body + b',"delivery":')


def test_what_was_received_is_among_the_messages_and_deliveries(client: Client) -> None:
    post(client, text="hi")

    messages, deliveries = client.get("/_mock/messages").json, client.get("/_mock/deliveries").json

    assert messages is not None
    assert deliveries is not None
    (message,), (delivery,) = messages["messages"], deliveries["deliveries"]
    assert (message["direction"], message["from"], message["text"]) == ("inbound", ANN, "hi")
    assert delivery["message"] == message["id"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_needs_nothing_but_what_it_is_about(kind: str, client: Client) -> None:
    first = post(client, text="first").json
    assert first is not None
    about = {"target": first["event"]["data"]["id"]} if kind in ("reaction", "delete", "edit") else {}
    if kind == "poll_vote":
        about = {"target": event_of(post(client, type="poll"))["data"]["id"]}

    assert message_of(post(client, type=kind, **about))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"media": {"sample": "jpeg"}}, "imageMessage"),
        ({"media": {"sample": "png"}}, "imageMessage"),
        ({"media": {"sample": "mp4"}}, "videoMessage"),
        ({"media": {"sample": "ogg"}}, "audioMessage"),
        ({"media": {"sample": "pdf"}}, "documentMessage"),
        ({"media": {"base64": "AAAA", "mimetype": "video/mp4"}}, "videoMessage"),
        ({"media": {"base64": "AAAA", "mimetype": 'image/png; from="a/b"'}}, "imageMessage"),
        ({"media": {"base64": "AAAA"}}, "documentMessage"),
        ({"latitude": 0, "longitude": 0}, "locationMessage"),
        ({"contact": {"name": "Jane"}}, "contactMessage"),
        ({"link": {"url": "https://example.com"}, "text": "x"}, "extendedTextMessage"),
        ({"forwarded": 1}, "extendedTextMessage"),
        ({"mentions": [f"{BEN}@s.whatsapp.net"]}, "extendedTextMessage"),
    ],
)
def test_the_type_is_guessed_from_what_is_given(given: dict[str, Any], name: str, client: Client) -> None:
    assert name in message_of(post(client, **given))


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "mp4", "ogg", "pdf"])
def test_a_shipped_sample_is_sent_by_its_name(name: str, client: Client) -> None:
    document = message_of(post(client, type="document", media={"sample": name}))["documentMessage"]

    served = client.get(document["directPath"]).data
    assert unseal(served, document["mediaKey"], "document") == sample(name).data
    assert document["mimetype"] == sample(name).mimetype


def test_bytes_are_sent_in_base64(client: Client) -> None:
    media = {"base64": b64encode(b"some bytes").decode(), "mimetype": "text/plain", "fileName": "../a/Notes ü.txt"}

    document = message_of(post(client, media=media))["documentMessage"]

    served = client.get(document["directPath"]).data
    assert unseal(served, document["mediaKey"], "document") == b"some bytes"
    assert (document["mimetype"], document["fileName"]) == ("text/plain", "../a/Notes ü.txt")


@pytest.mark.parametrize(
    ("name", "key", "mimetype"),
    [
        ("a.png", "imageMessage", "image/png"),
        ("clip.mp4", "videoMessage", "video/mp4"),
        ("clip.webp", "imageMessage", "image/webp"),  # which not every version of Python knows by itself
        ("notes.txt", "documentMessage", "text/plain"),
        ("what.unheard-of", "documentMessage", "application/octet-stream"),
    ],
)
def test_bytes_without_a_media_type_have_that_of_their_name(name: str, key: str, mimetype: str, client: Client) -> None:
    message = message_of(post(client, media={"base64": b64encode(b"some bytes").decode(), "fileName": name}))

    assert message[key]["mimetype"] == mimetype


def test_a_file_is_uploaded_in_a_form(client: Client) -> None:
    form = {"from": ANN, "caption": "Look", "file": (io.BytesIO(b"a picture"), "a.png", "image/png")}

    image = message_of(client.post(INBOUND, data=form))["imageMessage"]

    served = client.get(image["directPath"]).data
    assert unseal(served, image["mediaKey"], "image") == b"a picture"
    assert (image["mimetype"], image["caption"]) == ("image/png", "Look")


def test_a_form_holds_flaws_and_chaos_as_json(client: Client) -> None:
    form = {
        "from": ANN,
        "media": '{"keyless": true}',
        "chaos": '{"drop": 0}',
        "type": "image",
        "file": (io.BytesIO(b"a picture"), "a.png", "image/png"),
    }

    image = message_of(client.post(INBOUND, data=form))["imageMessage"]
    assert "mediaKey" not in image
    assert image["fileLength"] == "9"


def test_a_form_without_a_file_is_a_text(client: Client) -> None:
    form = {"from": ANN, "text": "hi", "mentions[]": [f"{BEN}@s.whatsapp.net"], "from_lid": "true"}

    response = client.post(INBOUND, data=form)

    extended = message_of(response)["extendedTextMessage"]
    assert extended["text"] == "hi"
    assert extended["contextInfo"] == {"mentionedJid": [BEN_LID]}
    assert response.json is not None
    assert response.json["event"]["data"]["from"] == ANN_LID


@pytest.mark.parametrize("media", [{"fileName": "Mine.jpg"}, {"mimetype": "image/png"}])
def test_what_is_said_of_a_sample_is_not_lost(media: dict[str, str], client: Client) -> None:
    document = message_of(post(client, type="document", media=media))["documentMessage"]

    assert set(media.items()) <= set(document.items())


def test_a_reaction_is_a_thumb_unless_told_otherwise_and_removed_by_an_empty_emoji(client: Client) -> None:
    first = post(client, text="first").json
    assert first is not None
    about = first["event"]["data"]["id"]

    assert message_of(post(client, type="reaction", target=about))["reactionMessage"]["text"] == "👍"
    assert message_of(post(client, target=about, emoji="❤️"))["reactionMessage"]["text"] == "❤️"
    assert message_of(post(client, target=about, emoji=""))["reactionMessage"]["text"] == ""


def test_a_contact_is_named_by_any_spelling_of_a_number(client: Client) -> None:
    contact = {"name": "Jane", "number": "+254 798 765432"}

    assert "waid=254798765432:" in message_of(post(client, contact=contact))["contactMessage"]["vcard"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"nonsense": 1}, 400, "'nonsense' is not known"),
    ({"txet": "hi"}, 400, "'txet' is not known; did you mean 'text'?"),
    ({"media": {"nonsense": 1}}, 400, "media: 'nonsense' is not known"),
    ({"chaos": {"nonsense": 1}}, 400, "chaos: 'nonsense' is not known"),
    ({"contact": {"nonsense": "x"}}, 400, "contact: 'nonsense' is not known"),
    ({"link": {"nonsense": "x"}}, 400, "link: 'nonsense' is not known"),
    ({"from": None}, 400, "from: Field may not be null."),
    ({"from": []}, 400, "from: A phone number is a string or a whole number."),
    ({"from": True}, 400, "from: A phone number is a string or a whole number."),
    ({"from": 1.5}, 400, "from: A phone number is a string or a whole number."),
    ({"from": "nobody"}, 400, "from: not a phone number in international format"),
    ({"from": NOBODY}, 400, "from: this number is not on WhatsApp"),
    ({"from": 10**30}, 400, "from: not a phone number in international format"),
    ({"text": 1}, 400, "text: Not a valid string."),
    ({"text": None}, 400, "text: Field may not be null."),
    ({"text": ["hi"]}, 400, "text: Not a valid string."),
    ({"type": "nonsense"}, 400, "type: Must be one of: text, image"),
    ({"type": 1}, 400, "type: Not a valid string."),
    ({"caption": {}}, 400, "caption: Not a valid string."),
    ({"media": "nonsense"}, 400, "media: An object is expected here."),
    ({"media": [1]}, 400, "media: An object is expected here."),
    ({"media": {"sample": "gif"}}, 400, "media.sample: Must be one of: jpeg, png, webp, mp4, ogg, pdf."),
    ({"media": {"base64": "not base64!"}}, 400, "media.base64: not base64"),
    ({"media": {"base64": "AAA"}}, 400, "media.base64: not base64"),
    ({"media": {"base64": 1}}, 400, "media.base64: Not a valid string."),
    ({"media": {"sample": "jpeg", "base64": "AAAA"}}, 400, "media: Give a sample or base64, not both."),
    ({"media": {"sample": "jpeg"}, "type": "text"}, 400, "media: a message of type text has none"),
    ({"media": {"keyless": True}, "type": "text"}, 400, "media: a message of type text has none"),
    ({"media": {"keyless": "perhaps"}}, 400, "media.keyless: Not a valid boolean."),
    ({"file": "a.png"}, 400, "file: upload it as a part of a multipart form"),
    ({"forwarded": -1}, 400, "forwarded: Must be greater than or equal to 0 and less than or equal to 127."),
    ({"forwarded": 128}, 400, "forwarded: Must be greater than or equal to 0 and less than or equal to 127."),
    ({"forwarded": "often"}, 400, "forwarded: Not a valid integer."),
    ({"forwarded": 1.5}, 400, "forwarded: Not a valid integer."),
    ({"mentions": BEN}, 400, "mentions: Not a valid list."),
    ({"mentions": [1]}, 400, "mentions[0]: Not a valid string."),
    ({"latitude": 91}, 400, "latitude: Must be greater than or equal to -90 and less than or equal to 90."),
    ({"longitude": -181}, 400, "longitude: Must be greater than or equal to -180 and less than or equal to 180."),
    ({"latitude": "north"}, 400, "latitude: Not a valid number."),
    ({"latitude": "1.5", "type": "location"}, 400, "latitude: Not a valid number."),
    ({"seconds": 1.5, "type": "audio"}, 400, "seconds: Not a valid integer."),
    ({"seconds": "2", "type": "audio"}, 400, "seconds: Not a valid integer."),
    ({"selectable": 1e-42, "options": ["a", "b"], "type": "poll"}, 400, "selectable: Not a valid integer."),
    ({"from_lid": "true"}, 400, "from_lid: Not a valid boolean."),
    ({"media": {"expired": "true"}, "type": "image"}, 400, "media.expired: Not a valid boolean."),
    ({"media": "{}", "type": "image"}, 400, "media: An object is expected here."),
    ({"options": ["one"], "type": "poll"}, 400, "options: Length must be between 2 and 12."),
    ({"options": "one", "type": "poll"}, 400, "options: Not a valid list."),
    ({"options": ["a", "b"], "selectable": 3, "type": "poll"}, 400, "selectable: more than there are options"),
    ({"options": ["a", ""], "type": "poll"}, 400, "options: an option is empty"),
    ({"options": ["a", " "], "type": "poll"}, 400, "options: an option is empty"),
    ({"options": ["a", " a"], "type": "poll"}, 400, "options: each option is different"),
    ({"text": "", "type": "poll"}, 400, "text: a message of type poll needs one"),
    ({"text": " \n", "options": ["a", "b"]}, 400, "text: a message of type poll needs one"),
    ({"selected": " ", "type": "button_reply"}, 400, "selected: a message of type button_reply needs one"),
    ({"selected": "", "type": "list_reply"}, 400, "selected: a message of type list_reply needs one"),
    ({"contact": {"name": ""}}, 400, "contact.name: This is empty."),
    ({"contacts": [{"name": "a"}, {"name": " "}]}, 400, "contacts[1].name: This is empty."),
    ({"type": "edit", "target": "AC00", "text": " "}, 400, "text: an edit has a text"),
    ({"contact": {"number": "nonsense"}}, 400, "contact.number: Not a phone number in international format."),
    ({"seconds": -1}, 400, "seconds: Must be greater than or equal to 0 and less than or equal to 7776000."),
    ({"message": [1]}, 400, "message: An object is expected here."),
    ({"message": "hi"}, 400, "message: An object is expected here."),
    ({"message": {"conversation": "hi"}, "type": "image"}, 400, "type: this payload is of type text"),
    ({"from_lid": "perhaps"}, 400, "from_lid: Not a valid boolean."),
    ({"chaos": {"drop": 2}}, 400, "chaos.drop: Must be greater than or equal to 0 and less than or equal to 1."),
    (
        {"chaos": {"delay": -1}},
        400,
        "chaos.delay: Must be greater than or equal to 0 and less than or equal to 31622400.",
    ),
    ({"chaos": 1}, 400, "chaos: An object is expected here."),
    ({"type": "reaction"}, 400, "target: reaction needs the id of the message that it changes"),
    ({"type": "delete"}, 400, "target: delete needs the id of the message that it changes"),
    ({"type": "edit"}, 400, "target: edit needs the id of the message that it changes"),
    ({"type": "delete", "target": "AC00"}, 404, "no message with this id is kept"),
    ({"type": "delete", "target": "AC00", "reply_to": "AC00"}, 400, "reply_to: a message of type delete has none"),
    ({"reply_to": "AC00"}, 404, "no message with this id is kept"),
    ({"target": "AC00"}, 400, "target: a message of type text has none"),
    ({"instance": "nope"}, 404, "there is no instance with this id"),
    ({"group": "nope"}, 404, "there is no group with this JID"),
    ({"group": ANNS_GROUP, "from": BEN}, 409, "the sender is not in this group"),
    ({"type": "channel_image", "channel": "nonsense"}, 404, "there is no channel with this JID"),
    ({"type": "channel_image", "group": FAMILY}, 400, "group: a channel image comes from a channel, not from a group"),
    ({"mentions": ["nonsense"]}, 400, "mentions[0]: 'nonsense' is neither a phone number nor the JID of a person."),
]


@pytest.mark.parametrize(
    ("given", "status", "message"), REFUSED, ids=[json.dumps(given)[:60] for given, _, _ in REFUSED]
)
def test_a_request_that_makes_no_sense_is_refused_and_changes_nothing(
    given: dict[str, Any], status: int, message: str, client: Client, world: World
) -> None:
    before = contents(world)

    response = post(client, **given)

    assert response.status_code == status, response.text
    assert response.json is not None
    assert list(response.json) == ["error"]
    assert response.json["error"]["message"].startswith(message)
    assert contents(world) == before
    assert world.deliveries.all() == []
    assert len(world.state.served) == 0


def test_from_is_needed(client: Client, world: World) -> None:
    for response in (client.post(INBOUND, json={"text": "hi"}), client.post(INBOUND)):
        assert response.status_code == 400
        assert response.json is not None
        assert response.json["error"]["message"] == "from: Missing data for required field."
    assert len(world.state.messages) == 0


@pytest.mark.parametrize("name", ["media", "message", "contact", "link", "chaos"])
def test_a_form_whose_json_is_broken_is_refused(name: str, client: Client, world: World) -> None:
    response = client.post(INBOUND, data={"from": ANN, name: "{"})

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["message"] == f"{name}: not JSON"
    assert len(world.state.messages) == 0


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"hi"', b"null", b"\xff", b'{"from": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, client: Client) -> None:
    assert client.post(INBOUND, data=body, content_type="application/json").status_code == 400


def test_a_body_of_another_type_is_refused(client: Client) -> None:
    assert client.post(INBOUND, data="hi", content_type="text/plain").status_code == 415


@pytest.mark.parametrize("status", ["disconnected", "qr"])
def test_an_instance_that_is_not_connected_is_409(status: str, client: Client, world: World) -> None:
    world.pairing.change_settings(offline_messages="drop")
    world.pairing.set_status(INSTANCE, status)

    response = post(client, text="hi")

    assert response.status_code == 409
    assert response.json == {"error": {"code": "instance_not_connected", "message": f"the instance is {status}"}}


def test_a_raw_message_as_deep_as_json_may_be_is_shown_as_json(client: Client) -> None:
    nested: dict[str, Any] = {}
    for _ in range(98):
        nested = {"a": nested}

    response = post(client, message=nested)

    assert message_of(response) == nested
    assert response.json is not None
    assert response.json["delivery"]["body"] == response.json["event"]


@pytest.mark.parametrize("text", ["", "x" * 65_536, "مرحبا", "👩‍👩‍👧‍👦", "\u0000", "\ud83d"])
def test_texts_that_break_naive_bots_can_be_sent(text: str, client: Client) -> None:
    body = json.dumps({"from": ANN, "text": text}).encode()

    response = client.post(INBOUND, data=body, content_type="application/json")

    assert message_of(response)["conversation"] == text.replace("\ud83d", "\ufffd")


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_raw_message_is_refused(client: Client, kind: str) -> None:
    response = client.post("/_mock/inbound", json={"from": ANN, "type": kind, "message": {}})

    assert response.status_code == 400


@pytest.mark.parametrize("data", [b"DDS |\0\0\0" + b"\1" * 130, b"\1\0\0\0" + b"\0" * 36 + b" EMF" + b"\0" * 40])
def test_a_broken_picture_is_no_picture(data: bytes) -> None:
    assert image_info(data) is None


def test_without_a_text_a_message_is_empty(client: Client) -> None:
    assert body_of(post(client)) == body_of(post(client, type="text")) == ""


def test_a_text_beside_a_file_is_its_caption(client: Client) -> None:
    assert body_of(post(client, type="image", text="look"))["caption"] == "look"
    assert body_of(post(client, media={"sample": "mp4"}, caption="look"))["caption"] == "look"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"type": "sticker", "text": "look"}, "text: a message of type sticker has none"),
        ({"media": {"sample": "jpeg"}, "text": "a", "caption": "b"}, "has no text beside its caption"),
    ],
)
def test_text_beside_a_file_that_has_no_place_is_refused(given: dict[str, Any], says: str, client: Client) -> None:
    response = post(client, **given)

    assert response.status_code == 400
    assert says in response.text


def test_a_form_says_how_often_something_was_forwarded(client: Client) -> None:
    form = {"from": ANN, "text": "hi", "forwarded": "2"}
    message = message_of(client.post(INBOUND, data=form, content_type="multipart/form-data"))

    assert message["extendedTextMessage"]["contextInfo"] == {"forwardingScore": 2, "isForwarded": True}
    assert client.post(INBOUND, json=form).status_code == 400
    assert client.post(INBOUND, data=form | {"forwarded": "128"}).status_code == 400
    assert client.post(INBOUND, data=form | {"forwarded": "often"}).status_code == 400


def test_a_form_says_where_somebody_is(client: Client) -> None:
    form = {"from": ANN, "type": "location", "latitude": "-1.25", "longitude": "36", "from_lid": "true"}
    response = client.post(INBOUND, data=form)

    place = message_of(response)["locationMessage"]
    assert (place["degreesLatitude"], place["degreesLongitude"]) == (-1.25, 36)
    assert "@lid" in response.text


@pytest.mark.parametrize(
    "letter",
    [
        {"text": "See you at 8"},
        {"type": "image", "caption": "The cake"},
        {"type": "document", "media": {"sample": "pdf", "fileName": "menu.pdf"}},
        {"type": "voice", "seconds": 7},
        {"type": "sticker"},
        {"type": "location", "latitude": 1.5, "longitude": 2.5, "name": "Shop", "address": "Moi Avenue"},
        {"type": "contact", "contact": {"name": "Jane", "number": "254798765432"}},
        {"type": "poll", "text": "When?", "options": ["Now", "Later"], "selectable": 2},
    ],
    ids=lambda letter: letter.get("type", "text"),
)
def test_what_is_forwarded_says_the_same(letter: dict[str, Any], client: Client, world: World) -> None:
    first = post(client, **letter)
    again = client.post(INBOUND, json={"from": BEN, "forward": event_of(first)["data"]["id"]})

    assert again.status_code == 201, again.text
    said, as_before = body_of(again), body_of(first)
    if not isinstance(as_before, dict):
        as_before = {"text": as_before}
    if letter.get("type") != "poll":  # which have no context
        assert said["contextInfo"] == {"forwardingScore": 1, "isForwarded": True}
    for name in COMPARED:
        assert said.get(name) == as_before.get(name)
    assert event_of(again)["data"]["from"] == f"{BEN}@s.whatsapp.net"


def test_forwarding_counts_and_says_what_was_said_last(client: Client) -> None:
    first = event_of(post(client, text="See you at 8"))["data"]["id"]
    post(client, type="edit", target=first, text="See you at 9")

    again = client.post(INBOUND, json={"from": ANN, "forward": first})
    third = body_of(client.post(INBOUND, json={"from": ANN, "forward": event_of(again)["data"]["id"]}))

    assert body_of(again)["text"] == third["text"] == "See you at 9"
    assert third["contextInfo"] == {"forwardingScore": 2, "isForwarded": True}


def test_what_the_application_sent_can_be_forwarded(client: Client, world: World) -> None:
    sent = {"recipients": [ANN], "type": "text", "text": "Your code is 1234"}
    client.post("/send-message", json=sent, headers={"Authorization": "Bearer YOUR_API_KEY"})
    id_ = next(iter(reversed(world.state.messages))).id

    again = body_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))

    assert again["text"] == "Your code is 1234"


def test_what_cannot_be_forwarded_is_refused(client: Client, world: World) -> None:
    once = event_of(post(client, type="view_once"))["data"]["id"]
    gone = event_of(post(client, text="never mind"))["data"]["id"]
    event_of(post(client, type="delete", target=gone))
    heart = event_of(post(client, type="reaction", target=once, emoji="❤️"))["data"]["id"]
    odd = event_of(post(client, message={"strangeMessage": 1}))["data"]["id"]
    before = len(world.state.messages)

    for id_ in (once, gone, heart, odd):
        assert client.post(INBOUND, json={"from": ANN, "forward": id_}).status_code == 409
    assert client.post(INBOUND, json={"from": ANN, "forward": "nothing"}).status_code == 404
    response = client.post(INBOUND, json={"from": ANN, "forward": once, "text": "hi"})
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["message"] == "text: a forwarded message cannot be changed"
    assert len(world.state.messages) == before


@pytest.mark.parametrize(
    ("payload", "again"),
    [
        ({"conversation": "hello"}, {"extendedTextMessage": {"text": "hello"}}),
        ({"strangeMessage": {"a": [1]}}, {"strangeMessage": {"a": [1]}}),
        (
            {"imageMessage": {"url": "x", "caption": "c", "contextInfo": {"stanzaId": "y", "forwardingScore": 3}}},
            {"imageMessage": {"url": "x", "caption": "c"}},
        ),
        (
            {"ephemeralMessage": {"message": {"imageMessage": {"url": "x"}}}},
            {"ephemeralMessage": {"message": {"imageMessage": {"url": "x"}}}},
        ),
    ],
)
def test_what_was_given_as_it_is_is_forwarded_as_it_is(
    payload: dict[str, Any], again: dict[str, Any], client: Client
) -> None:
    score = payload.get("imageMessage", {}).get("contextInfo", {}).get("forwardingScore", 0) + 1
    id_ = event_of(post(client, message=payload))["data"]["id"]

    told = message_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))

    inner = told
    while isinstance(inner, dict) and "contextInfo" not in inner:
        inner = next(iter(inner.values()))["message"] if "ephemeralMessage" in inner else next(iter(inner.values()))
    assert inner.pop("contextInfo") == {"forwardingScore": score, "isForwarded": True}
    assert told == again


def test_what_stood_in_a_channel_is_forwarded_to_whom_one_writes(client: Client) -> None:
    id_ = event_of(post(client, type="channel_image"))["data"]["id"]
    again = event_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))
    assert again["data"]["from"] == f"{ANN}@s.whatsapp.net"


@pytest.mark.parametrize(("before", "after"), [(127, 127), (126, 127), (1, 2)])
def test_a_score_has_an_end(before: int, after: int, client: Client) -> None:
    id_ = event_of(post(client, text="a", forwarded=before))["data"]["id"]
    again = body_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))
    assert again["contextInfo"]["forwardingScore"] == after


@pytest.mark.parametrize("score", [-1, 10**40, True, "5", 2.5])
def test_an_odd_score_is_none_or_the_last(score: Any, client: Client) -> None:
    payload = {"extendedTextMessage": {"text": "a", "contextInfo": {"forwardingScore": score}}}
    id_ = event_of(post(client, message=payload))["data"]["id"]
    again = body_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))
    assert again["contextInfo"]["forwardingScore"] == (127 if score == 10**40 else 1)


def test_a_name_is_no_number(client: Client) -> None:
    contact = {"name": "x waid=666", "number": "254798765432"}
    id_ = event_of(post(client, type="contact", contact=contact))["data"]["id"]
    again = body_of(client.post(INBOUND, json={"from": ANN, "forward": id_}))
    assert "waid=254798765432:+254" in again["vcard"]


@pytest.mark.parametrize(
    "given",
    [
        {"text": "a", "mentions": ["254799123457", "268813446717676"]},
        {"type": "image", "album": "AC00", "mentions": ["254799123457"]},
        {"type": "group_invite", "invite": "120363000000000000@g.us", "mentions": ["254799123457"]},
        {"text": "a", "mentions": ["254799123457"], "reply_to": "AC00"},
    ],
)
def test_a_refused_message_has_met_nobody_it_mentions(given: dict[str, Any], client: Client, world: World) -> None:
    before = contents(world)

    assert post(client, **given).status_code in (400, 404)

    assert "254799123457" not in world.state.people
    assert contents(world) == before
    assert len(world.state.served) == 0


@pytest.mark.parametrize("mimetype", ["image/webpx", "image/jpeg", "video/webm"])
def test_a_sticker_is_a_webp_and_nothing_that_begins_like_one(mimetype: str, client: Client) -> None:
    media = {"base64": "AAAA", "mimetype": mimetype}

    assert post(client, type="sticker", media=media).status_code == 400
    assert post(client, type="sticker", media={**media, "mimetype": "image/webp; charset=binary"}).status_code == 201
