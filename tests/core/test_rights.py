"""Who may edit, delete, quote, and vote: as on WhatsApp. Everything else is refused, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flaresend_mock.core import payloads
from flaresend_mock.core.errors import MessageNotFound, NotAllowed, NotGroupAdmin, PersonNotInGroup
from flaresend_mock.core.models import Content, Upload
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.contents import contents
from tests.defaults import ANN, ANN_LID, BEN, BEN_LID, CARA, FAMILY, INSTANCE, OUR_NUMBER, described, text
from tests.support import NOW

OTHER = "11111111-2222-4333-8444-555555555555"
OTHER_NUMBER = "254711111111"
CLUB = "120363777777777777@g.us"
OURS = "163514152964174@lid"


@pytest.fixture
def world(make_world: Callable[[State], World]) -> World:
    """Two instances, and a group of both with Ann as its admin, Ben and Cara. The clock is frozen."""
    members = [{"number": one} for one in (OUR_NUMBER, OTHER_NUMBER, BEN, CARA)]
    club = {
        "id": CLUB,
        "subject": "Club",
        "owner": ANN,
        "participants": [{"number": ANN, "admin": "superadmin"}, *members],
    }
    default = described()
    other = {"id": OTHER, "number": OTHER_NUMBER, "api_keys": ["OTHER"]}
    made = described(instances=[*default["instances"], other], groups=[*default["groups"], club])
    world = make_world(load_world(made))
    world.timeline.change(now=NOW, frozen=True)
    return world


def receive(world: World, sender: str = ANN, **said: Any) -> dict[str, Any]:
    data: dict[str, Any] = world.inbound.receive(InboundMessage(sender, **said)).event["data"]
    return data


def message_id(world: World, sender: str = ANN, **said: Any) -> str:
    id_: str = receive(world, sender, **said)["id"]
    return id_


def protocol(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["message"]["protocolMessage"]
    return found


def refused(world: World, says: str, sender: str = ANN, **said: Any) -> None:
    """Check that a message is refused for this reason, and that nothing changed."""
    before = contents(world)
    with pytest.raises(NotAllowed, match=says):
        world.inbound.receive(InboundMessage(sender, **said))
    assert contents(world) == before


def edit(target: str, words: str = "New", **more: Any) -> dict[str, Any]:
    return {"kind": "edit", "target": target, "text": words, **more}


def delete(target: str, **more: Any) -> dict[str, Any]:
    return {"kind": "delete", "target": target, **more}


@pytest.mark.parametrize(("kind", "most"), [("edit", timedelta(minutes=15)), ("delete", timedelta(hours=60))])
@pytest.mark.parametrize("group", [None, FAMILY])
def test_an_author_changes_a_message_for_a_time_and_no_longer(
    kind: str, most: timedelta, group: str | None, world: World
) -> None:
    first, second = (message_id(world, text="Oops", group=group) for _ in range(2))

    world.timeline.advance(most)
    assert protocol(receive(world, kind=kind, text="New", target=first, group=group))["key"]["fromMe"] is True

    world.timeline.advance(timedelta(microseconds=1))
    refused(world, "within", kind=kind, text="New", target=second, group=group)

    world.timeline.change(now=NOW)
    receive(world, kind=kind, text="New", target=second, group=group)


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_no_one_changes_the_message_of_another(kind: str, world: World) -> None:
    ann, ben = message_id(world, group=CLUB, text="a"), message_id(world, BEN, group=CLUB, text="b")
    world.sending.send(INSTANCE, [ANN], text("ours"))
    ours = next(iter(reversed(world.state.messages))).id

    refused(world, "only its author", BEN, kind=kind, text="New", target=ann, group=CLUB)
    refused(world, "only its author", CARA, kind=kind, text="New", target=ben, group=CLUB)
    refused(world, "only its author", kind=kind, text="New", target=ours)
    refused(world, "another chat", kind=kind, text="New", target=ann)
    refused(world, "another chat", BEN, kind=kind, text="New", target=ann)
    refused(world, "another instance", kind=kind, text="New", target=ann, group=CLUB, instance=OTHER)
    with pytest.raises(MessageNotFound):
        receive(world, kind=kind, text="New", target="AC00")
    with pytest.raises(MessageNotFound):
        receive(world, kind=kind, text="New")


def test_the_same_person_changes_it_in_another_chat_or_at_another_instance_never(world: World) -> None:
    private = message_id(world, text="a")

    for kind in ("edit", "delete", "reaction"):
        refused(world, "another chat", kind=kind, text="👍", target=private, group=CLUB)
        refused(world, "another instance", kind=kind, text="👍", target=private, instance=OTHER)


def test_an_admin_deletes_what_anybody_wrote_in_the_group(world: World) -> None:
    ben = message_id(world, BEN, group=CLUB, text="b")
    world.groups.send(INSTANCE, [CLUB], text("ours"))
    ours = next(one.id for one in reversed(world.state.messages) if one.direction == "outbound")
    own = message_id(world, group=CLUB, text="a")
    world.timeline.advance(timedelta(days=30))

    for target, author, from_me in ((ben, BEN_LID, False), (ours, OURS, False), (own, ANN_LID, True)):
        data = receive(world, **delete(target, group=CLUB))
        assert (data["participant"], data["participantPn"]) == (ANN_LID, f"{ANN}@s.whatsapp.net")
        assert protocol(data) == {
            "key": {"remoteJid": CLUB, "fromMe": from_me, "id": target, "participant": author},
            "type": "REVOKE",
        }
    refused(world, "only its author edits", **edit(message_id(world, BEN, group=CLUB, text="b"), group=CLUB))


def test_who_is_no_admin_any_more_deletes_only_their_own(world: World) -> None:
    world.groups.arrange(CLUB, "promote", [BEN])
    first, second = (message_id(world, CARA, group=CLUB, text="c") for _ in range(2))
    receive(world, BEN, **delete(first, group=CLUB))
    world.groups.arrange(CLUB, "demote", [BEN])

    refused(
        world,
        "^target: only its author, or an admin of its group, deletes a message$",
        BEN,
        **delete(second, group=CLUB),
    )
    receive(world, BEN, **delete(message_id(world, BEN, group=CLUB, text="b"), group=CLUB))


def test_who_left_the_group_changes_nothing_there_and_an_admin_deletes_theirs(world: World) -> None:
    ben = message_id(world, BEN, group=CLUB, text="b")
    world.groups.arrange(CLUB, "remove", [BEN])

    with pytest.raises(PersonNotInGroup):
        receive(world, BEN, **delete(ben, group=CLUB))
    key = protocol(receive(world, **delete(ben, group=CLUB)))["key"]
    assert (key["fromMe"], key["participant"]) == (False, BEN_LID)


@pytest.mark.parametrize("kind", ["edit", "delete", "reaction", "poll_vote"])
def test_what_was_deleted_is_gone_for_good(kind: str, world: World) -> None:
    details = {"options": ["a", "b"], "selectableOptionsCount": 1}
    target = message_id(world, kind="poll", text="Which?", details=details)
    receive(world, **delete(target))

    refused(world, "was deleted", kind=kind, text="x", target=target, details={"choices": ["a"]})
    refused(world, "reply_to: this message was deleted", text="What?", reply_to=target)


def test_the_original_is_edited_again_and_again_and_then_deleted(world: World) -> None:
    target = message_id(world, text="1")
    first = message_id(world, **edit(target, "2"))

    refused(world, f"type edit cannot be changed; .* {target}", **edit(first))
    refused(world, f"type edit cannot be quoted; .* {target}", text="What?", reply_to=first)
    second = protocol(receive(world, **edit(target, "3")))
    assert (second["key"]["id"], second["editedMessage"]) == (target, {"conversation": "3"})
    gone = message_id(world, **delete(target))
    refused(world, "type delete cannot be changed", **delete(gone))
    refused(world, "was deleted", **delete(target))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"text": "a"}, {"conversation": "New"}),
        ({"kind": "image", "caption": "a"}, {"imageMessage": {"caption": "New"}}),
        ({"kind": "video", "caption": "a"}, {"videoMessage": {"caption": "New"}}),
        ({"kind": "gif", "caption": "a"}, {"videoMessage": {"caption": "New", "gifPlayback": True}}),
        (
            {"kind": "document", "caption": "a"},
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "New"}}}},
        ),
        ({"raw": {"extendedTextMessage": {"text": "a"}}}, {"extendedTextMessage": {"text": "New"}}),
        (
            {"raw": {"ephemeralMessage": {"message": {"imageMessage": {"caption": "a"}}}}},
            {"imageMessage": {"caption": "New"}},
        ),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_edit_keeps_the_kind(said: dict[str, Any], message: dict[str, Any], wrapped: bool, world: World) -> None:
    data = receive(world, **edit(message_id(world, **said), details={"wrapped": wrapped}))

    payload = data["message"]
    inner = payload["editedMessage"]["message"] if wrapped else payload
    assert inner["protocolMessage"]["editedMessage"] == message
    kept = next(iter(reversed(world.state.messages))).content
    assert (kept.type, kept.text or kept.caption) == ("edit", "New")


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "image"},
        {"kind": "voice"},
        {"kind": "sticker"},
        {"kind": "view_once", "caption": "a"},
        {"kind": "live_location", "caption": "a", "details": {"degreesLatitude": 1, "degreesLongitude": 2}},
        {"kind": "group_invite", "caption": "a", "details": {"groupJid": CLUB}},
        {"kind": "poll", "text": "?", "details": {"options": ["a", "b"], "selectableOptionsCount": 1}},
        {"raw": {"unheardOfMessage": {"caption": "a"}}},
        {"text": "a", "forwarded": 1},
        {"kind": "image", "caption": "a", "forwarded": 1},
    ],
)
def test_only_texts_and_captions_that_the_author_wrote_are_edited(said: dict[str, Any], world: World) -> None:
    refused(world, "edit", **edit(message_id(world, **said)))


def test_an_edit_keeps_the_quote_and_the_link_and_mentions_anew(world: World) -> None:
    first = message_id(world, BEN, text="Where?", group=CLUB)
    reply = message_id(world, text=f"There, @{BEN}", mentions=(BEN,), reply_to=first, group=CLUB)

    edited = protocol(receive(world, **edit(reply, f"Here, @{CARA}", mentions=(CARA,), group=CLUB)))

    words = edited["editedMessage"]["extendedTextMessage"]
    cara = world.people.meet(CARA).lid
    assert words["text"] == f"Here, @{cara.removesuffix('@lid')}"
    assert words["contextInfo"] == {
        "stanzaId": first,
        "participant": BEN_LID,
        "quotedMessage": {"conversation": "Where?"},
        "mentionedJid": [cara],
    }

    link = {"matchedText": "https://a.example", "title": "A"}
    linked = message_id(world, text="See https://a.example", details=link)
    edited = protocol(receive(world, **edit(linked, "Read https://a.example")))["editedMessage"]
    assert edited == {"extendedTextMessage": {"text": "Read https://a.example", **link, "previewType": "NONE"}}
    edited = protocol(receive(world, **edit(linked, "Never mind")))["editedMessage"]
    assert edited == {"extendedTextMessage": {"text": "Never mind"}}


def test_an_edit_in_a_disappearing_chat_is_not_wrapped_and_keeps_its_setting(world: World) -> None:
    receive(world, kind="disappearing", details={"seconds": 86400, "wrapped": True})

    message = receive(world, **edit(message_id(world, text="a")))["message"]

    assert list(message) == ["protocolMessage", "messageContextInfo"]
    edited = message["protocolMessage"]["editedMessage"]["extendedTextMessage"]
    assert (edited["text"], edited["contextInfo"]["expiration"]) == ("New", 86400)


def test_a_caption_is_edited_with_mentions(world: World) -> None:
    target = message_id(world, kind="image", caption="a", group=CLUB)

    edited = protocol(receive(world, **edit(target, f"@{BEN}", mentions=(BEN,), group=CLUB)))["editedMessage"]

    digits = BEN_LID.removesuffix("@lid")
    assert edited == {"imageMessage": {"caption": f"@{digits}", "contextInfo": {"mentionedJid": [BEN_LID]}}}


@pytest.mark.parametrize(
    "spelling", [BEN, f"+{BEN}", f"{BEN}@s.whatsapp.net", f"{BEN}@c.us", "+254 723-456-789", BEN_LID]
)
@pytest.mark.parametrize("written", [BEN, f"+{BEN}", BEN_LID.removesuffix("@lid")])
def test_a_mention_is_shown_as_its_chat_shows_people(spelling: str, written: str, world: World) -> None:
    words = f"@{written}, and not @{BEN}0 or {BEN}"

    for group, jid in ((CLUB, BEN_LID), (None, f"{BEN}@s.whatsapp.net")):
        said = receive(world, text=words, mentions=(spelling, BEN), group=group)["message"]
        body = said["extendedTextMessage"]
        assert body["text"] == f"@{jid.partition('@')[0]}, and not @{BEN}0 or {BEN}"
        assert body["contextInfo"]["mentionedJid"] == [jid]


@pytest.mark.parametrize("senders", ["auto", "number", "lid"])
@pytest.mark.parametrize("from_lid", [None, False, True])
@pytest.mark.parametrize("group", [None, CLUB])
def test_one_event_shows_everybody_in_one_form(
    senders: str, from_lid: bool | None, group: str | None, world: World
) -> None:
    world.pairing.change_settings(senders=senders)
    by_lid = from_lid if from_lid is not None else {"auto": group is not None}.get(senders, senders == "lid")

    def shown(number: str) -> str:
        return world.people.meet(number).lid if by_lid else f"{number}@s.whatsapp.net"

    poll = message_id(world, kind="poll", group=group, details={"options": ["a", "b"], "selectableOptionsCount": 1})
    target = message_id(world, text="a", group=group)
    known = {"group": group, "as_lid": from_lid}
    reply = receive(world, text=f"@{BEN}", mentions=(BEN,), reply_to=target, **known)
    changes = [
        receive(world, kind="reaction", text="👍", target=target, **known)["message"]["reactionMessage"]["key"],
        receive(world, kind="poll_vote", target=poll, details={"choices": ["a"]}, **known)["message"][
            "pollUpdateMessage"
        ]["pollCreationMessageKey"],
    ]
    protocols = [
        protocol(receive(world, **edit(target, **known)))["key"],
        protocol(receive(world, **delete(target, **known)))["key"],
    ]

    context = reply["message"]["extendedTextMessage"]["contextInfo"]
    assert (context["participant"], context["mentionedJid"]) == (shown(ANN), [shown(BEN)])
    assert reply["participant" if group else "from"] == shown(ANN)
    pn = f"{ANN}@s.whatsapp.net" if group and senders == "auto" and from_lid is None else None
    assert reply.get("participantPn") == pn
    for key in changes:
        assert key["remoteJid"] == (group or shown(ANN))
        assert key["fromMe"] is False
    for key in protocols:
        assert key["remoteJid"] == (group or shown(OUR_NUMBER))
        assert key["fromMe"] is True
    for key in changes + protocols:
        assert key.get("participant") == (shown(ANN) if group else None)


def test_events_name_people_as_the_group_lists_them(world: World) -> None:
    group = world.groups.get(INSTANCE, CLUB)
    roles = dict(group.participants)

    assert roles[receive(world, text="a", group=CLUB)["participant"]] == "superadmin"
    assert roles[receive(world, BEN, text="b", group=CLUB)["participant"]] is None
    context = receive(world, text="c", mentions=(CARA,), group=CLUB)["message"]["extendedTextMessage"]["contextInfo"]
    assert context["mentionedJid"][0] in roles


def test_the_other_instance_sees_the_sender_as_the_group_lists_them(world: World) -> None:
    world.groups.send(INSTANCE, [CLUB], text("Hello"))

    event = json.loads(world.deliveries.all()[-1].body)

    assert event["instanceId"] == OTHER
    assert (event["data"]["participant"], event["data"]["participantPn"]) == (OURS, f"{OUR_NUMBER}@s.whatsapp.net")


def test_an_instance_does_not_write_to_itself(world: World) -> None:
    world.sending.send(INSTANCE, [OUR_NUMBER], text("Note to self"))

    for sender in (OUR_NUMBER, f"+{OUR_NUMBER}", OURS):
        refused(world, "own-message", sender, text="a")
        refused(world, "own-message", sender, text="a", group=CLUB)
    assert receive(world, OUR_NUMBER, text="a", instance=OTHER)["from"] == f"{OUR_NUMBER}@s.whatsapp.net"


def test_where_only_admins_post_members_react_and_delete_their_own(world: World) -> None:
    ben, ann = message_id(world, BEN, group=CLUB, text="b"), message_id(world, group=CLUB, text="a")
    world.groups.change(CLUB, {"announce": True})

    receive(world, BEN, kind="reaction", text="👍", target=ann, group=CLUB)
    receive(world, BEN, **delete(ben, group=CLUB))
    with pytest.raises(NotGroupAdmin):
        receive(world, BEN, text="b", group=CLUB)


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        (text("Hello"), {"conversation": "Hello"}),
        (
            Content("template", template={"name": "order"}),
            {"templateMessage": {"hydratedTemplate": {"hydratedContentText": '{"name": "order"}'}}},
        ),
        (
            Content("template", template="order_é"),
            {"templateMessage": {"hydratedTemplate": {"hydratedContentText": "order_é"}}},
        ),
    ],
)
def test_a_quote_holds_what_the_application_sent(content: Content, quoted: dict[str, Any], world: World) -> None:
    world.sending.send(INSTANCE, [ANN], content)
    sent = next(iter(reversed(world.state.messages))).id

    context = receive(world, text="What?", reply_to=sent)["message"]["extendedTextMessage"]["contextInfo"]

    assert context == {"stanzaId": sent, "participant": f"{OUR_NUMBER}@s.whatsapp.net", "quotedMessage": quoted}


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document"])
@pytest.mark.parametrize("uploaded", [False, True])
@pytest.mark.parametrize("to", [ANN, CLUB])
def test_a_quote_holds_a_file_that_can_be_downloaded(kind: str, uploaded: bool, to: str, world: World) -> None:
    mimetype = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg"}.get(kind, "application/pdf")
    upload = Upload(b"bytes", "a.bin", mimetype)
    caption = None if kind == "audio" else "Look"
    url = None if uploaded else "https://example.com/a.bin"
    content = Content(kind, url=url, upload=upload if uploaded else None, caption=caption, file_name="a.bin")
    group = CLUB if to == CLUB else None
    if group:
        world.groups.send(INSTANCE, [CLUB], content)
    else:
        world.sending.send(INSTANCE, [ANN], content)
    sent = next(one.id for one in reversed(world.state.messages) if one.direction == "outbound")

    reply = receive(world, text="Nice", reply_to=sent, group=group)["message"]

    context = reply["extendedTextMessage"]["contextInfo"]
    quoted = context["quotedMessage"]
    quoted = quoted.get("documentWithCaptionMessage", {}).get("message", quoted)
    file = quoted[f"{kind}Message"]
    assert context["participant"] == (OURS if group else f"{OUR_NUMBER}@s.whatsapp.net")
    assert file.get("caption") == caption
    assert world.state.served.get(file["directPath"].partition("?")[0]) is not None
    if uploaded:
        assert (file["mimetype"], file["fileLength"]) == (mimetype, "5")


def test_a_quote_holds_the_last_edit(world: World) -> None:
    plain = message_id(world, text="Seven")
    image = message_id(world, kind="image", caption="Gardn")
    receive(world, **edit(plain, "Eight"))
    receive(world, **edit(plain, "Nine"))
    receive(world, **edit(image, "Garden"))

    def quoted(target: str) -> dict[str, Any]:
        message = receive(world, text="?", reply_to=target)["message"]
        found: dict[str, Any] = message["extendedTextMessage"]["contextInfo"]["quotedMessage"]
        return found

    assert quoted(plain) == {"conversation": "Nine"}
    assert quoted(image)["imageMessage"]["caption"] == "Garden"
    assert "mediaKey" in quoted(image)["imageMessage"]


def test_a_reply_names_the_other_chat_of_what_it_quotes(world: World) -> None:
    public = message_id(world, BEN, text="b", group=CLUB)
    post = message_id(world, kind="channel_image")
    channel = next(iter(reversed(world.state.messages))).chat
    private = message_id(world, text="a")

    def context(target: str, **more: Any) -> dict[str, Any]:
        message = receive(world, text="?", reply_to=target, **more)["message"]
        found: dict[str, Any] = message["extendedTextMessage"]["contextInfo"]
        return found

    assert context(public)["participant"] == f"{BEN}@s.whatsapp.net"
    assert context(public)["remoteJid"] == CLUB
    assert (context(post)["participant"], context(post)["remoteJid"]) == (channel, channel)
    assert context(private, group=CLUB)["remoteJid"] == ANN_LID
    assert "remoteJid" not in context(private)


def test_a_button_belongs_to_a_message_that_is_still_there(world: World) -> None:
    world.groups.send(INSTANCE, [CLUB], text("Tea?"))
    world.groups.send(INSTANCE, [CLUB], text("Coffee?"))
    tea, coffee = (one.id for one in world.state.messages if one.direction == "outbound")
    receive(world, **delete(coffee, group=CLUB))

    reply = receive(world, kind="button_reply", text="Yes", group=CLUB, details={"selectedButtonId": "yes"})

    assert reply["message"]["buttonsResponseMessage"]["contextInfo"]["stanzaId"] == tea


def test_what_failed_reached_no_one(world: World) -> None:
    world.sending.send(INSTANCE, ["9990000500"], text("Hello"))
    failed = next(iter(reversed(world.state.messages))).id

    refused(world, "reply_to: this message failed", "9990000500", text="?", reply_to=failed)
    refused(world, "target: this message failed", "9990000500", kind="reaction", text="👍", target=failed)


def test_phones_ignore_the_raw_deletion_of_a_stranger(world: World) -> None:
    ann = message_id(world, text="a", group=CLUB)
    key = {"remoteJid": CLUB, "fromMe": True, "id": ann, "participant": BEN_LID}

    receive(world, BEN, raw={"protocolMessage": {"key": key, "type": "REVOKE"}}, group=CLUB)
    receive(world, **edit(ann, group=CLUB))
    receive(world, raw={"protocolMessage": {"key": key, "type": "REVOKE"}}, group=CLUB)

    refused(world, "was deleted", **edit(ann, group=CLUB))


def test_old_groups_have_their_creators_number_in_their_jid(make_world: Callable[[State], World]) -> None:
    old = "34679352103-1411377110@g.us"
    group = {"id": old, "subject": "Old", "owner": ANN, "participants": [{"number": ANN}, {"number": OUR_NUMBER}]}
    world = make_world(load_world(described(groups=[group])))

    assert world.groups.get(INSTANCE, old).group.id == old
    assert world.groups.send(INSTANCE, [old], text("Hello")).successful == (old,)
    data = receive(world, text="a", group=old)
    assert (data["from"], data["participant"]) == (old, ANN_LID)
    assert protocol(receive(world, **delete(data["id"], group=old)))["key"]["remoteJid"] == old


def test_an_edit_that_cannot_be_read_leaves_quotes_as_they_were(world: World) -> None:
    target = message_id(world, text="Seven")
    sealed = {"protocolMessage": {"key": {"id": target}, "type": "MESSAGE_EDIT", "editedMessage": {}}}
    receive(world, raw=sealed)

    quoting = receive(world, text="?", reply_to=target)["message"]["extendedTextMessage"]
    assert quoting["contextInfo"]["quotedMessage"] == {"conversation": "Seven"}


def test_a_button_looks_at_each_message_once_however_many_are_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        world.groups.send(INSTANCE, [CLUB], text(f"{number}"))
    first, *others = [one.id for one in world.state.messages if one.direction == "outbound"]
    for one in others:
        receive(world, **delete(one, group=CLUB))
    looked: list[None] = []
    target_of = payloads.target_of
    monkeypatch.setattr(payloads, "target_of", lambda one: (looked.append(None), target_of(one))[1])

    reply = receive(world, kind="button_reply", text="Yes", group=CLUB, details={"selectedButtonId": "yes"})

    assert reply["message"]["buttonsResponseMessage"]["contextInfo"]["stanzaId"] == first
    assert len(looked) < len(world.state.messages)
