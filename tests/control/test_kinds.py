"""Kinds of inbound messages: each takes its own fields, all of which are in the event, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.control.inbound import InboundInput
from flaresend_mock.core.kinds import COMMON, FIELDS, KINDS
from flaresend_mock.core.world import World
from tests.defaults import ANN, ANNS_GROUP, BEN, BEN_LID, FAMILY
from tests.golden import documented_world
from tests.support import KEY, REPOSITORY, client_of

INBOUND = "/_mock/inbound"
MP4, OGG = {"sample": "mp4"}, {"sample": "ogg"}
VALUES: dict[str, Any] = {
    "text": "the text",
    "caption": "the caption",
    "media": {"fileName": "the-name.bin"},
    "album": "AC00",
    "images": 7,
    "videos": 9,
    "reply_to": "AC00",
    "target": "AC00",
    "wrapped": True,
    "complete": True,
    "forwarded": 11,
    "mentions": [BEN],
    "link": {"url": "https://example.com/the-link", "title": "the title", "description": "the description"},
    "latitude": 1.2345,
    "longitude": 5.4321,
    "name": "the name",
    "address": "the address",
    "emoji": "🦒",
    "contact": {"name": "the contact", "number": "254798000111"},
    "contacts": [{"name": "contact one", "number": "254798000111"}, {"name": "contact two"}],
    "invite": FAMILY,
    "options": ["option one", "option two"],
    "selectable": 2,
    "choices": ["Sunday"],
    "selected": "the-choice",
    "channel": "120363313617097254@newsletter",
    "seconds": 86_400,
    "file": "",
}
"""A value of each field that a kind may have."""
FILE_NAMES = {"document"}
"""The kinds whose files have names."""


@pytest.fixture
def world() -> World:
    return documented_world()


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world)


def post(client: Client, **request: Any) -> TestResponse:
    return client.post(INBOUND, json={"from": ANN, **request})


def data_of(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    assert response.json is not None
    found: dict[str, Any] = response.json["event"]["data"]
    return found


def shown(client: Client) -> dict[str, Any]:
    listed = client.get("/_mock/messages").json
    assert listed is not None
    found: dict[str, Any] = listed["messages"][-1]
    return found


def everything(client: Client, kind: str) -> dict[str, Any]:
    """Return a request that has every field of a kind; of two names of one thing the second."""
    names = [name for name in FIELDS[kind] if name not in ("file", "complete")]
    if "caption" in names or "emoji" in names:
        names.remove("text")
    request = {"type": kind, **{name: VALUES[name] for name in names}}
    if kind == "view_once":
        del request["seconds"]
    if kind in ("gif", "video", "video_note"):
        request["media"] = {"fileName": "the-name.bin", "sample": "mp4"}
    if "album" in request:
        request["album"] = data_of(post(client, type="album"))["id"]
    if "reply_to" in request:
        request["reply_to"] = data_of(post(client, text="quoted"))["id"]
    if "target" in request:
        about = {"type": "poll"} if kind == "poll_vote" else {"text": "the target"}
        request["target"] = data_of(post(client, **about))["id"]
    return request


def values(of: Any) -> Iterator[Any]:
    """Yield the values in what was given, however deep."""
    inside = of.values() if isinstance(of, Mapping) else of if isinstance(of, list) else None
    if inside is None:
        yield of
    for one in inside or ():
        yield from values(one)


def found_in(payload: Any, name: str) -> Any:
    """Return the first value under a key, outside of quotes; an independent reading of a payload."""
    if not isinstance(payload, Mapping):
        return None
    for key, value in payload.items():
        if key == name and isinstance(value, str):
            return value
    for key, value in payload.items():
        if key != "contextInfo" and (found := found_in(value, name)) is not None:
            return found
    return None


def test_each_field_of_a_request_belongs_to_a_kind_or_to_all() -> None:
    of_kinds = {name for fields in FIELDS.values() for name in fields}

    assert set(FIELDS) == set(KINDS)
    assert set(InboundInput().fields) == of_kinds | COMMON | {"message", "event", "forward"}
    assert of_kinds == set(VALUES)


def test_the_documentation_has_one_row_for_each_kind_with_its_fields() -> None:
    text = (REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
    context = {"reply_to", "mentions", "forwarded"}
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| ([^|]*) \|", text, re.MULTILINE)
    documented = {
        kind: set(re.findall(r"`([a-z_]+)`", fields))
        for kinds, fields in rows
        for kind in re.findall(r"`(\w+)`", kinds)
        if kind in KINDS
    }

    assert documented.keys() == set(KINDS)
    for kind, fields in FIELDS.items():
        own = set(fields) if not context <= set(fields) else set(fields) - context
        assert own <= documented[kind], kind
        assert documented[kind] - own <= {"name", "number"}, kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_does_not_belong_to_a_kind_is_refused_by_name(kind: str, client: Client) -> None:
    for name in VALUES.keys() - set(FIELDS[kind]) - {"file"}:
        answers = [post(client, type=kind, **{name: VALUES[name]})]
        value = VALUES[name]
        form = {name: value if isinstance(value, str) else json.dumps(value)}
        if isinstance(value, list) and isinstance(value[0], str):
            form = {f"{name}[]": value[0]}
        if name not in ("options", "contacts"):  # of which a form has one here
            answers.append(client.post(INBOUND, data={"from": ANN, "type": kind, **form}))

        for answer in answers:
            assert answer.status_code == 400, (name, answer.text)
            assert answer.json is not None
            assert answer.json["error"]["message"].startswith(f"{name}: a message of type {kind} has none")
    assert client.get("/_mock/messages").json == {"messages": [], "evicted": 0}


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_a_request_says_is_in_its_event(kind: str, client: Client) -> None:
    request = everything(client, kind)

    event = json.dumps(data_of(post(client, **request)), ensure_ascii=False)

    for value in values({name: one for name, one in request.items() if name not in ("type", "choices")}):
        if value not in ("mp4", "the-name.bin", BEN, True) or (value == "the-name.bin" and kind in FILE_NAMES):
            in_vcard = f"+{str(value)[:3]} {str(value)[3:]}"
            assert str(value) in event or in_vcard in event, value


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_list_shows_of_a_message_is_what_its_event_holds(kind: str, client: Client) -> None:
    request = everything(client, kind)

    payload = data_of(post(client, **request))["message"]

    found = shown(client)
    texts = {
        "reaction": "text",
        "poll": "name",
        "button_reply": "selectedDisplayText",
        "list_reply": "title",
        "text": "text",
        "edit": "text",
    }
    assert found["type"] == kind
    assert found["text"] == (found_in(payload, texts[kind]) if kind in texts else None)
    assert found["caption"] == found_in(payload, "caption")
    assert found["fileName"] == found_in(payload, "fileName")
    assert found["mimetype"] == found_in(payload, "mimetype")
    assert (found["media"] is not None) == (found_in(payload, "url") is not None)
    assert "the caption" in (found["caption"] or "") or "caption" not in request


WRAPPED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("text", {"conversation": "hi"}, {"text": "hi"}),
    ("context first", {"messageContextInfo": {}, "conversation": "hi"}, {"text": "hi"}),
    ("null before", {"imageMessage": None, "conversation": "hi"}, {"text": "hi"}),
    ("sender key first", {"senderKeyDistributionMessage": {"groupId": "g"}, "conversation": "hi"}, {"text": "hi"}),
    ("ephemeral", {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "hi"}}}}, {"text": "hi"}),
    (
        "view once",
        {"viewOnceMessage": {"message": {"imageMessage": {"caption": "look", "mimetype": "image/png"}}}},
        {"type": "view_once", "caption": "look", "mimetype": "image/png"},
    ),
    (
        "ephemeral view once",
        {"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": {"videoMessage": {"caption": "x"}}}}}},
        {"type": "view_once", "caption": "x"},
    ),
    (
        "document with caption",
        {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "sign", "fileName": "a.pdf"}}}},
        {"type": "document", "caption": "sign", "fileName": "a.pdf"},
    ),
    (
        "edit",
        {"protocolMessage": {"type": "MESSAGE_EDIT", "editedMessage": {"conversation": "new"}}},
        {"type": "edit", "text": "new"},
    ),
    (
        "edit of a caption, by number",
        {"protocolMessage": {"type": 14, "editedMessage": {"imageMessage": {"caption": "new"}}}},
        {"type": "edit", "caption": "new"},
    ),
    (
        "wrapped edit",
        {
            "editedMessage": {
                "message": {"protocolMessage": {"type": "MESSAGE_EDIT", "editedMessage": {"conversation": "n"}}}
            }
        },
        {"type": "edit", "text": "n"},
    ),
    ("edit without a key", {"editedMessage": {"message": {"conversation": "new"}}}, {"text": "new"}),
    ("deletion", {"protocolMessage": {"key": {"id": "A"}, "type": "REVOKE"}}, {"type": "delete"}),
    ("deletion without a type", {"protocolMessage": {"key": {"id": "A"}}}, {"type": "delete"}),
    ("other protocol", {"protocolMessage": {"type": "HISTORY_SYNC_NOTIFICATION"}}, {"type": "other"}),
    ("odd protocol", {"protocolMessage": {"type": ["REVOKE"]}}, {"type": "other"}),
    ("album item", {"associatedChildMessage": {"message": {"imageMessage": {}}}}, {"type": "image"}),
    (
        "poll in a wrapper",
        {"pollCreationMessageV4": {"message": {"pollCreationMessage": {"name": "Day?"}}}},
        {"type": "poll", "text": "Day?"},
    ),
    ("gif", {"videoMessage": {"gifPlayback": True, "caption": "ha"}}, {"type": "gif", "caption": "ha"}),
    ("voice", {"audioMessage": {"ptt": True}}, {"type": "voice", "caption": None}),
    ("video note", {"ptvMessage": {"mimetype": "video/mp4"}}, {"type": "video_note", "mimetype": "video/mp4"}),
    (
        "native flow reply",
        {"interactiveResponseMessage": {"body": {"text": "Yes"}}},
        {"type": "button_reply", "text": "Yes"},
    ),
    (
        "template",
        {"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Your code"}}},
        {"type": "other", "text": "Your code"},
    ),
    ("order", {"orderMessage": {"message": "Two loaves"}}, {"type": "other", "text": "Two loaves"}),
    ("text of another type", {"conversation": {"a": 1}}, {"type": "text", "text": None}),
    ("nothing of ours", {"unheardOfMessage": {"text": "hidden"}}, {"type": "other", "text": None}),
    ("keys alone", {"senderKeyDistributionMessage": {"groupId": "g"}}, {"type": "other", "text": None}),
]


@pytest.mark.parametrize(("payload", "said"), [case[1:] for case in WRAPPED], ids=[case[0] for case in WRAPPED])
def test_a_payload_that_is_given_whole_is_read_wherever_its_words_are(
    payload: dict[str, Any], said: dict[str, Any], client: Client
) -> None:
    assert data_of(post(client, message=payload))["message"] == payload

    found = shown(client)
    assert {"type": "text", **said}.items() <= found.items()
    words = {name: value for name, value in said.items() if isinstance(value, str)}
    for path in ("search", "wait"):
        answer = client.post(
            f"/_mock/messages/{path}", json={"match": words, **({"timeout": 0} if path == "wait" else {})}
        )
        assert answer.json is not None
        assert [one["id"] for one in answer.json["messages"]] == [found["id"]]
    transcript = client.get("/_mock/transcript").text
    assert all(value in transcript for name, value in words.items() if name in ("text", "caption"))


def test_a_stub_has_no_file_and_a_complete_message_has_one(client: Client) -> None:
    post(client, type="view_once")
    assert shown(client)["media"] is None

    post(client, type="view_once", media={"base64": "AAAA", "mimetype": "image/jpeg"})
    assert shown(client)["media"] is None

    post(client, type="view_once", complete=True)
    assert client.get(f"/_mock/media/{shown(client)['media']}").status_code == 200


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"type": "view_once", "media": OGG, "caption": "x"}, "caption"),
        ({"type": "view_once", "seconds": 3}, "seconds"),
        ({"type": "view_once", "media": MP4, "seconds": 3}, "seconds"),
        ({"type": "view_once", "media": {"expired": True}}, "media.expired"),
        ({"type": "view_once", "media": {"keyless": True}}, "media.keyless"),
        ({"type": "reaction", "target": "AC00", "text": "a", "emoji": "b"}, "text"),
        ({"type": "live_location", "text": "a", "caption": "b"}, "text"),
        ({"type": "poll_vote", "target": "AC00", "choices": ["a", "a"]}, "choices"),
        ({"type": "poll", "options": ["a", "a"]}, "options"),
        ({"type": "poll", "selectable": 3}, "selectable"),
        ({"type": "album", "images": 1}, "images"),
        ({"type": "album", "images": 0, "videos": 0}, "images"),
        ({"type": "disappearing", "seconds": 60}, "seconds"),
        ({"link": {"url": "", "title": "lost"}, "text": "x"}, "link.url"),
    ],
)
def test_a_value_that_would_get_lost_is_refused(given: dict[str, Any], place: str, client: Client) -> None:
    answer = post(client, **given)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["message"].startswith(f"{place}: ")


def test_sound_may_come_in_a_container_of_videos(client: Client) -> None:
    sound = {"base64": "AAAAGGZ0eXBpc29t", "mimetype": "audio/mp4"}

    assert post(client, type="audio", media=sound).status_code == 201


@pytest.mark.parametrize(
    ("kind", "media"),
    [
        ("sticker", {"sample": "mp4"}),
        ("sticker", {"sample": "jpeg"}),
        ("image", {"sample": "mp4"}),
        ("image", {"sample": "pdf"}),
        ("image", {"sample": "jpeg", "mimetype": "video/mp4"}),
        ("channel_image", {"sample": "mp4"}),
        ("video", {"sample": "jpeg"}),
        ("gif", {"base64": "R0lGODlhAQABAAAAACw=", "mimetype": "image/gif"}),
        ("video_note", {"sample": "ogg"}),
        ("voice", {"sample": "mp4"}),
        ("audio", {"sample": "png"}),
        ("view_once", {"sample": "pdf"}),
        ("view_once", {"base64": "JVBERi0xLjc=", "mimetype": "image/jpeg"}),
        ("sticker", {"base64": "AAAAGGZ0eXBtcDQy", "mimetype": "image/webp"}),
    ],
)
def test_a_file_that_does_not_fit_its_kind_is_refused_however_it_is_given(
    kind: str, media: dict[str, Any], client: Client
) -> None:
    answers = [
        post(client, type=kind, media=media),
        client.post(INBOUND, data={"from": ANN, "type": kind, "media": json.dumps(media)}),
    ]

    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert "media" in answer.text
    assert client.get("/_mock/messages").json == {"messages": [], "evicted": 0}


def test_a_contact_is_on_whatsapp_under_its_registered_number_and_has_a_waid_only_then(
    client: Client, world: World
) -> None:
    world.people.put("553188561070", name="Bia", aliases=["5531988561070"])
    cards = data_of(
        post(
            client,
            contacts=[
                {"name": "Bia", "number": "5531988561070"},
                {"name": "Nobody", "number": "254700000000"},
                {"name": "Said", "number": "254798765432", "on_whatsapp": False},
            ],
        )
    )["message"]["contactsArrayMessage"]["contacts"]

    lines = [next(line for line in card["vcard"].split("\n") if "TEL" in line) for card in cards]
    assert lines == [
        "TEL;type=CELL;waid=553188561070:+553 1988561070",
        "TEL;type=CELL:+254 700000000",
        "TEL;type=CELL:+254 798765432",
    ]
    again = data_of(client.post(INBOUND, json={"from": BEN, "forward": shown(client)["id"]}))["message"]
    assert [one["vcard"].count("waid") for one in again["contactsArrayMessage"]["contacts"]] == [1, 0, 0]


def test_a_video_that_is_viewed_once_has_a_length_if_it_is_complete(client: Client) -> None:
    video = {"type": "view_once", "media": MP4, "seconds": 3}

    assert "seconds: the stub of a video has none" in post(client, **video).text
    assert "seconds: a picture has none" in post(client, **{**video, "media": {"sample": "jpeg"}}).text
    assert '"seconds":3' in post(client, **video, complete=True).text


def test_an_item_of_an_album_is_its_authors_in_the_same_chat(client: Client) -> None:
    album = data_of(post(client, type="album", group=ANNS_GROUP))["id"]

    item = data_of(post(client, media={"sample": "jpeg"}, caption="One", album=album, group=ANNS_GROUP))
    elsewhere = post(client, media={"sample": "jpeg"}, album=album)
    other = client.post(INBOUND, json={"from": BEN, "media": {"sample": "jpeg"}, "album": album})

    association = item["message"]["messageContextInfo"]["messageAssociation"]
    assert association["parentMessageKey"]["id"] == album
    assert item["message"]["imageMessage"]["caption"] == "One"
    assert [elsewhere.status_code, other.status_code] == [409, 409]
    assert post(client, media={"sample": "jpeg"}, album="AC00").status_code == 404


def test_a_chat_whose_messages_disappear_is_set_by_a_payload_too(client: Client, world: World) -> None:
    def switch(seconds: Any) -> None:
        protocol = {"type": "EPHEMERAL_SETTING", "ephemeralExpiration": seconds}
        post(client, message={"ephemeralMessage": {"message": {"protocolMessage": protocol}}})

    switch(86_400)
    assert data_of(post(client, text="hi"))["message"]["ephemeralMessage"]
    switch(0)
    assert data_of(post(client, text="hi"))["message"]["conversation"] == "hi"
    switch(["x"])
    assert world.state.disappearing == {}


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_chat_whose_messages_disappear_marks_what_is_said_and_not_what_changes(
    kind: str, wrapped: bool, client: Client
) -> None:
    request = everything(client, kind)
    post(client, type="disappearing", wrapped=wrapped)

    payload = data_of(post(client, **request))["message"]

    marks = kind not in ("reaction", "delete", "edit", "poll_vote", "disappearing", "channel_image")
    assert ("ephemeralMessage" in payload) == (marks and wrapped)
    assert ('"expiration": 604800' in json.dumps(payload)) == marks
    assert shown(client)["type"] == kind


SENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "text", "text": "a", "caption": "x", "url": "https://x.test/x", "template": "x"}, {"text": "a"}),
    (
        {"type": "image", "url": "https://a.test/a", "caption": "a", "text": "x", "fileName": "x", "template": "x"},
        {"url": "https://a.test/a", "caption": "a"},
    ),
    (
        {"type": "video", "url": "https://a.test/a", "caption": "a", "text": "x", "fileName": "x"},
        {"url": "https://a.test/a", "caption": "a"},
    ),
    (
        {"type": "audio", "url": "https://a.test/a", "caption": "x", "text": "x", "fileName": "x"},
        {"url": "https://a.test/a"},
    ),
    (
        {"type": "document", "url": "https://a.test/a", "caption": "a", "fileName": "a", "text": "x"},
        {"url": "https://a.test/a", "caption": "a", "fileName": "a"},
    ),
    ({"type": "template", "template": "a", "text": "x", "caption": "x"}, {"template": "a"}),
]


@pytest.mark.parametrize(("content", "kept"), SENT, ids=[one["type"] for one, _ in SENT])
@pytest.mark.parametrize("to", ["people", "group", "channel", "schedule"])
def test_what_whatsapp_does_not_show_of_a_sent_message_is_not_recorded(
    to: str, content: dict[str, Any], kept: dict[str, Any], client: Client
) -> None:
    people, owned = {"recipients": [ANN]}, "120363406469149890@newsletter"
    match to:
        case "people":
            answer = client.post("/send-message", headers=KEY, json={**people, **content})
        case "group":
            answer = client.post("/groups/send-message", headers=KEY, json={"groupJids": [FAMILY], **content})
        case "channel":
            if content["type"] == "template":
                pytest.skip("channels have no templates")
            answer = client.post(f"/channels/{owned}/message", headers=KEY, json=content)
        case _:
            soon = {"sendAt": "2027-01-01 00:00:00"}
            answer = client.post("/schedule-message", headers=KEY, json={**people, **content, **soon})
            (task,) = client.get("/scheduled-messages", headers=KEY).json["data"]  # type: ignore[index]
            assert content.items() >= {name: task[name] for name in content if name in task}.items()
            (pending,) = client.get("/_mock/scheduled").json["scheduled"]  # type: ignore[index]
            assert pending["text"] == kept.get("text")
            client.post("/_mock/clock/advance", json={"to_next": True})

    assert answer.status_code == 200, answer.text
    found = shown(client)
    names = ("text", "caption", "fileName", "mimetype", "media", "url", "template")
    assert {name: found[name] for name in names if found[name] is not None} == kept


def test_mentions_and_quotes_stay_in_a_stub_and_in_a_poll(client: Client) -> None:
    quoted = data_of(post(client, text="Which?", group=ANNS_GROUP))["id"]

    for kind in ("view_once", "poll"):
        payload = data_of(post(client, type=kind, reply_to=quoted, mentions=[BEN], group=ANNS_GROUP))["message"]
        assert f'"mentionedJid": ["{BEN_LID}"]' in json.dumps(payload)
        assert f'"stanzaId": "{quoted}"' in json.dumps(payload)
