"""People write to instances, answer them, and instances write to each other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from flaresend_mock.core import inbound
from flaresend_mock.core.errors import (
    GroupNotFound,
    InstanceNotFound,
    InvalidNumber,
    MessageNotFound,
    NotAllowed,
    NotGroupAdmin,
    NotInGroup,
    NotReady,
    PersonNotInGroup,
    PersonNotOnWhatsApp,
    Refusal,
)
from flaresend_mock.core.models import INSTANCE_STATUSES, Cause, Content, Message, Rule, Upload
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.contents import contents
from tests.defaults import (
    ANN,
    ANN_LID,
    ANNS_GROUP,
    BEN,
    CARA,
    DAN,
    FAMILY,
    INSTANCE,
    NOBODY,
    OUR_NUMBER,
    PROJECT,
    described,
    text,
)
from tests.support import NOW, default_state

OTHER = "11111111-2222-4333-8444-555555555555"
OTHER_NUMBER = "254711111111"
SHARED = "120363999999999999@g.us"
FOREIGN = "120363888888888888@g.us"


@pytest.fixture
def two(make_world: Callable[[State], World]) -> World:
    """A world of two instances that share a group with Ann; neither is in another group of Ann and Ben."""
    default = described()
    instances = [*default["instances"], {"id": OTHER, "number": OTHER_NUMBER, "api_keys": ["OTHER"]}]
    shared = {
        "id": SHARED,
        "subject": "Both",
        "owner": OUR_NUMBER,
        "participants": [{"number": number} for number in (OUR_NUMBER, OTHER_NUMBER, ANN)],
    }
    foreign = {
        "id": FOREIGN,
        "subject": "Neither",
        "owner": ANN,
        "participants": [{"number": number} for number in (ANN, BEN)],
    }
    groups = [*default["groups"], shared, foreign]
    return make_world(load_world(described(instances=instances, groups=groups)))


def receive(world: World, sender: str | int = ANN, **letter: Any) -> dict[str, Any]:
    return world.inbound.receive(InboundMessage(sender=sender, **letter)).event


def received(world: World) -> list[Message]:
    return [message for message in world.state.messages if message.direction == "inbound"]


def teach(world: World, *rules: Rule, number: str = ANN) -> None:
    with world.lock:
        world.people.add(replace(world.people.meet(number), rules=rules))


def say(world: World, words: str, number: str = ANN) -> None:
    world.sending.send(INSTANCE, [number], text(words))


def test_what_somebody_writes_is_recorded_and_told(world: World) -> None:
    result = world.inbound.receive(InboundMessage(sender=ANN, text="hi"))

    (message,) = world.state.messages
    assert message == result.message
    assert (message.direction, message.status, message.at) == ("inbound", "received", NOW)
    assert (message.sender, message.to, message.chat) == (ANN, OUR_NUMBER, f"{ANN}@s.whatsapp.net")
    assert message.content.text == "hi"
    assert result.delivery.message == message.id
    assert json.loads(result.delivery.body) == result.event


def test_an_event_has_the_documented_form(world: World) -> None:
    event = receive(world, text="hi")

    assert list(event) == ["event", "instanceId", "data", "timestamp"]
    assert list(event["data"]) == ["from", "message", "timestamp", "id"]
    assert (event["event"], event["instanceId"]) == ("message_received", INSTANCE)
    assert event["data"]["from"] == f"{ANN}@s.whatsapp.net"
    assert event["data"]["timestamp"] == int(NOW.timestamp())
    assert event["timestamp"] == "2025-11-14T10:00:00.000Z"
    assert len(event["data"]["id"]) == 32
    assert event["data"]["id"].startswith("AC")


def test_a_message_and_its_event_have_one_time_although_the_clock_runs_on() -> None:
    ticks = count()
    world = World("default", default_state(), lambda: NOW + timedelta(milliseconds=next(ticks)))

    world.inbound.receive(InboundMessage(sender=ANN))
    say(world, "Hello")

    assert [event.at for event in world.state.events.since(0, "message")] == [one.at for one in world.state.messages]


def test_the_body_is_compact_raw_utf_8(world: World) -> None:
    body = world.inbound.receive(InboundMessage(sender=ANN, text='Ü/👋 "x"')).delivery.body

    assert '"conversation":"Ü/👋 \\"x\\""'.encode() in body
    assert b'": ' not in body


def test_without_a_webhook_an_event_goes_nowhere(world: World) -> None:
    assert world.inbound.receive(InboundMessage(sender=ANN)).delivery.status == "no endpoint"


@pytest.mark.parametrize("sender", [ANN, int(ANN), f"+{ANN}", f"{ANN}@s.whatsapp.net", f"{ANN}@c.us", ANN_LID])
def test_a_sender_is_named_by_number_jid_or_lid(sender: str | int, world: World) -> None:
    assert receive(world, sender)["data"]["from"] == f"{ANN}@s.whatsapp.net"


@pytest.mark.parametrize(
    ("letter", "refusal"),
    [
        (InboundMessage(sender="nonsense"), InvalidNumber),
        (InboundMessage(sender=""), InvalidNumber),
        (InboundMessage(sender=0), InvalidNumber),
        (InboundMessage(sender=-254712345678), InvalidNumber),
        (InboundMessage(sender="123456789012345@lid"), InvalidNumber),
        (InboundMessage(sender=ANNS_GROUP), InvalidNumber),
        (InboundMessage(sender=NOBODY), PersonNotOnWhatsApp),
        (InboundMessage(sender="9990000404"), PersonNotOnWhatsApp),
        (InboundMessage(sender=ANN, instance="nope"), InstanceNotFound),
        (InboundMessage(sender=ANN, group="nope"), GroupNotFound),
        (InboundMessage(sender=ANN, group="120363000000000000@g.us"), GroupNotFound),
        (InboundMessage(sender=ANN, group=FOREIGN), NotInGroup),
        (InboundMessage(sender=BEN, group=ANNS_GROUP), PersonNotInGroup),
        (InboundMessage(sender=ANN, kind="delete", target="AC00"), MessageNotFound),
        (InboundMessage(sender=ANN, reply_to="AC00"), MessageNotFound),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    letter: InboundMessage, refusal: type[Refusal], two: World
) -> None:
    before = contents(two)

    with pytest.raises(refusal):
        two.inbound.receive(letter)

    assert contents(two) == before
    assert two.deliveries.all() == []


@pytest.mark.parametrize("status", sorted(set(INSTANCE_STATUSES) - {"connected"}))
def test_an_instance_that_is_not_connected_receives_nothing(status: str, world: World) -> None:
    world.pairing.change_settings(offline_messages="drop")
    world.pairing.set_status(INSTANCE, status)
    before = contents(world)

    with pytest.raises(NotReady) as refused:
        receive(world)

    assert refused.value.status == status
    assert contents(world) == before


def test_nobody_but_an_admin_writes_in_a_group_where_only_admins_post(make_world: Callable[[State], World]) -> None:
    groups = [{**group, "announce": True} for group in described()["groups"]]
    world = make_world(load_world(described(groups=groups)))

    assert receive(world, group=ANNS_GROUP)["data"]["from"] == ANNS_GROUP
    with pytest.raises(NotGroupAdmin, match=r"^only group admins can post$"):
        receive(world, group=FAMILY)


def test_an_instance_does_not_write_to_itself(world: World) -> None:
    with pytest.raises(NotAllowed, match=r"^from: this is the instance's own number; .* send the event own-message$"):
        receive(world, OUR_NUMBER)


def test_in_a_group_the_event_is_from_the_group_and_names_the_sender(world: World) -> None:
    data = receive(world, group=FAMILY, text="hi")["data"]

    assert list(data) == ["from", "participant", "participantPn", "message", "timestamp", "id"]
    assert (data["from"], data["participant"]) == (FAMILY, ANN_LID)
    assert data["participantPn"] == f"{ANN}@s.whatsapp.net"
    (message,) = world.state.messages
    assert (message.chat, message.to, message.sender) == (FAMILY, FAMILY, ANN)


def test_a_sender_is_shown_by_lid_if_the_call_or_the_world_says_so(world: World) -> None:
    assert receive(world, as_lid=True)["data"]["from"] == ANN_LID
    assert receive(world, as_lid=True, group=FAMILY)["data"]["participant"] == ANN_LID

    world.pairing.change_settings(senders="lid")

    assert receive(world)["data"]["from"] == ANN_LID
    assert receive(world, as_lid=False)["data"]["from"] == f"{ANN}@s.whatsapp.net"


def test_a_stranger_has_a_lid_too_always_the_same(world: World) -> None:
    first = receive(world, "4915112345678", as_lid=True)["data"]["from"]

    assert first.endswith("@lid")
    assert receive(world, "4915112345678", as_lid=True)["data"]["from"] == first
    assert receive(world, first)["data"]["from"] == "4915112345678@s.whatsapp.net"


@pytest.mark.parametrize("kind", ["text", "reaction", "delete", "edit"])
@pytest.mark.parametrize("group", [None, FAMILY])
def test_who_is_shown_by_lid_shows_the_phone_number_nowhere(kind: str, group: str | None, world: World) -> None:
    about = receive(world, text="first", group=group, as_lid=True)["data"]["id"]

    other = {"reply_to" if kind == "text" else "target": about}
    event = receive(world, kind=kind, text="second", **other, group=group, as_lid=True)

    assert ANN not in json.dumps(event)


def test_a_reply_quotes_what_it_is_about(world: World) -> None:
    say(world, "How are you?")
    (question,) = world.state.messages

    context = receive(world, text="Fine", reply_to=question.id)["data"]["message"]["extendedTextMessage"]["contextInfo"]

    assert context == {
        "stanzaId": question.id,
        "participant": f"{OUR_NUMBER}@s.whatsapp.net",
        "quotedMessage": {"conversation": "How are you?"},
    }
    assert list(context) == ["stanzaId", "participant", "quotedMessage"]


def test_a_quote_holds_no_quotes_of_its_own(world: World) -> None:
    first = receive(world, text="one")["data"]["id"]
    second = receive(world, text="two", reply_to=first)["data"]["id"]

    third = receive(world, text="three", reply_to=second)["data"]["message"]["extendedTextMessage"]

    assert "stanzaId" not in json.dumps(third["contextInfo"]["quotedMessage"])


def test_people_reply_to_replies_without_end(world: World) -> None:
    event = receive(world, text="0")
    for number in range(1, 500):
        event = receive(world, text=str(number), reply_to=event["data"]["id"])

    assert len(json.dumps(event)) < 5_000


def test_a_reaction_names_what_it_is_about_from_the_instances_side(world: World) -> None:
    say(world, "Ready")
    ours = world.state.messages.get(next(iter(world.state.messages)).id)
    assert ours is not None
    theirs = receive(world, text="Thanks")["data"]["id"]

    to_ours = receive(world, kind="reaction", text="👍", target=ours.id)["data"]["message"]
    to_theirs = receive(world, kind="reaction", text="👍", target=theirs)["data"]["message"]

    assert to_ours["reactionMessage"]["key"] == {"remoteJid": f"{ANN}@s.whatsapp.net", "fromMe": True, "id": ours.id}
    assert to_theirs["reactionMessage"]["key"]["fromMe"] is False
    assert to_ours["reactionMessage"]["senderTimestampMs"] == str(int(NOW.timestamp()) * 1000)


@pytest.mark.parametrize("kind", ["delete", "edit"])
def test_what_is_deleted_or_edited_is_named_from_the_senders_side(kind: str, world: World) -> None:
    about = receive(world, text="Oops", group=FAMILY)["data"]["id"]

    key = receive(world, kind=kind, text="New", target=about, group=FAMILY)["data"]["message"]["protocolMessage"]["key"]

    assert key == {"remoteJid": FAMILY, "fromMe": True, "id": about, "participant": ANN_LID}


def test_a_button_answers_what_the_instance_wrote_last_in_the_chat(world: World) -> None:
    say(world, "Tea?")
    say(world, "Coffee?")
    say(world, "Water?", BEN)

    details = {"selectedButtonId": "yes"}
    reply = receive(world, kind="button_reply", text="Yes", details=details)["data"]["message"]

    quoted = reply["buttonsResponseMessage"]["contextInfo"]["quotedMessage"]
    assert quoted == {"conversation": "Coffee?"}


def test_media_that_was_not_uploaded_is_on_record_like_any_other(world: World) -> None:
    upload = Upload(b"a picture", "a.jpg", "image/jpeg")
    receive(world, kind="image", upload=upload)
    receive(world, kind="image")

    given, sample = received(world)
    assert given.content.media is not None
    assert sample.content.media is not None


def test_a_raw_message_is_passed_on_as_it_is(world: World) -> None:
    raw = {"messageContextInfo": {"a": 1}, "unheardOfMessage": {"b": [None, True]}}

    message = receive(world, raw=raw)["data"]["message"]

    assert message == raw
    assert list(message) == list(raw)


def test_an_image_in_a_channel_is_from_a_channel(world: World) -> None:
    assert receive(world, kind="channel_image")["data"]["from"].endswith("@newsletter")


def test_the_same_calls_give_the_same_events_after_a_reset(two: World) -> None:
    def live() -> list[bytes]:
        receive(two, text="hi")
        receive(two, kind="image", as_lid=True)
        receive(two, kind="voice", group=SHARED)
        two.sending.send(INSTANCE, [OTHER_NUMBER], text())
        return [delivery.body for delivery in two.deliveries.all()]

    first = live()
    two.reset()

    assert live() == first


def test_one_more_message_changes_no_other_key_material(world: World) -> None:
    first = receive(world, kind="image")["data"]["message"]["imageMessage"]["mediaKey"]
    world.reset()
    receive(world, text="one more")

    assert receive(world, kind="image")["data"]["message"]["imageMessage"]["mediaKey"] == first


def test_a_person_with_a_rule_answers_after_its_seconds(world: World) -> None:
    teach(world, Rule(when="price", reply="Too much!", after=90))

    say(world, "The PRICE is 5")
    world.timeline.advance(timedelta(seconds=89))
    before = len(received(world))
    (fired,) = world.timeline.advance(timedelta(seconds=1))

    (response,) = received(world)
    assert before == 0
    assert response.cause == Cause("auto_reply", next(iter(world.state.messages)).id)
    assert response.content.by_rule
    assert (response.content.text, response.sender, response.instance) == ("Too much!", ANN, INSTANCE)
    assert response.at == NOW + timedelta(seconds=90)
    assert (fired.kind, fired.result) == ("auto_reply", response.id)
    assert re.fullmatch("[0-9a-f]{16}", fired.id)


def test_an_auto_reply_goes_to_the_instance_that_wrote(two: World) -> None:
    teach(two, Rule())

    two.sending.send(OTHER, [ANN], text("Hello"))
    two.timeline.advance(timedelta(seconds=1))

    assert [message.instance for message in received(two)] == [OTHER]


def test_a_person_who_echoes_says_the_same_again(world: World) -> None:
    teach(world, Rule())

    say(world, "Hello")
    say(world, "there")
    world.timeline.advance(timedelta(seconds=1))

    assert [message.content.text for message in received(world)] == ["Hello", "there"]


def test_the_first_rule_that_fits_answers_alone(world: World) -> None:
    teach(world, Rule("b", "second"), Rule("a", "first"), Rule(None, "any"))

    for words in ("a", "ab", "c"):
        say(world, words)
    world.timeline.advance(timedelta(seconds=1))

    assert [message.content.text for message in received(world)] == ["first", "second", "any"]


def test_nobody_answers_what_fits_no_rule_or_did_not_arrive(world: World) -> None:
    teach(world, Rule("price", "Too much!"))
    teach(world, Rule(), number="9990000500")

    say(world, "Hello")
    say(world, "Hello", "9990000500")
    say(world, "price", BEN)
    world.sending.send(INSTANCE, [ANN], Content("image", url="https://example.com/price.png"))

    assert world.timeline.advance(timedelta(hours=1)) == []
    assert received(world) == []


def test_an_answer_to_an_instance_that_is_gone_by_then_fails(world: World) -> None:
    teach(world, Rule())
    say(world, "Hello")
    world.pairing.change_settings(offline_messages="drop")
    world.pairing.set_status(INSTANCE, "disconnected")

    (fired,) = world.timeline.advance(timedelta(seconds=1))

    assert (fired.result, fired.reason) == ("failed", "the instance is disconnected")
    assert received(world) == []


def test_an_answer_of_somebody_who_left_whatsapp_by_then_fails(world: World) -> None:
    teach(world, Rule())
    say(world, "Hello")
    with world.lock:
        world.people.add(replace(world.people.meet(ANN), on_whatsapp=False))

    (fired,) = world.timeline.advance(timedelta(seconds=1))

    assert (fired.result, fired.reason) == ("failed", "from: this number is not on WhatsApp")


def test_a_reset_forgets_answers_to_come(world: World) -> None:
    say(world, "Hello")
    teach(world, Rule())
    say(world, "Hello")

    world.reset()

    assert world.timeline.advance(timedelta(hours=1)) == []
    assert world.state.auto_replies == {}


def test_a_message_to_another_instances_number_arrives_there(two: World) -> None:
    two.sending.send(INSTANCE, [OTHER_NUMBER, CARA], text("Hello"))

    (arrived,) = received(two)
    assert (arrived.instance, arrived.sender, arrived.to) == (OTHER, OUR_NUMBER, OTHER_NUMBER)
    assert arrived.cause == Cause("message", next(iter(two.state.messages)).id)
    (delivery,) = two.deliveries.all()
    event = json.loads(delivery.body)
    assert event["instanceId"] == OTHER
    assert event["data"]["from"] == f"{OUR_NUMBER}@s.whatsapp.net"
    assert event["data"]["message"]["conversation"] == "Hello"


def test_a_message_to_a_group_arrives_at_the_other_instances_in_it(two: World) -> None:
    two.groups.send(INSTANCE, [SHARED, PROJECT], text("Hello"))

    (arrived,) = received(two)
    assert (arrived.instance, arrived.chat, arrived.sender) == (OTHER, SHARED, OUR_NUMBER)
    data = json.loads(two.deliveries.all()[0].body)["data"]
    assert (data["from"], data["participantPn"]) == (SHARED, f"{OUR_NUMBER}@s.whatsapp.net")


def test_a_message_to_oneself_arrives_nowhere(two: World) -> None:
    two.sending.send(INSTANCE, [OUR_NUMBER], text("Hello"))

    assert received(two) == []


@pytest.mark.parametrize("status", sorted(set(INSTANCE_STATUSES) - {"connected"}))
def test_nothing_arrives_at_an_instance_that_is_not_connected(status: str, two: World) -> None:
    two.pairing.change_settings(offline_messages="drop")
    two.pairing.set_status(OTHER, status)

    outcome = two.sending.send(INSTANCE, [OTHER_NUMBER], text("Hello"))
    two.groups.send(INSTANCE, [SHARED], text("Hello"))

    assert outcome.successful == (f"{OTHER_NUMBER}@s.whatsapp.net",)
    assert received(two) == []
    assert two.deliveries.all() == []


def test_nothing_arrives_at_an_instance_for_which_too_much_waits(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "MAX_OFFLINE", 1)
    two.pairing.set_status(OTHER, "disconnected")

    outcomes = [two.sending.send(INSTANCE, [OTHER_NUMBER], text(words)) for words in ("first", "second")]

    assert [len(outcome.successful) for outcome in outcomes] == [1, 1]
    assert [message.content.text for message in received(two)] == ["first"]


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_a_file_that_does_not_fit_its_kind_arrives_as_a_document(kind: str, two: World) -> None:
    upload = Upload(b"%PDF-1.7", "Report.pdf", "application/pdf")

    two.sending.send(INSTANCE, [OTHER_NUMBER], Content(kind, upload=upload))

    message = json.loads(two.deliveries.all()[0].body)["data"]["message"]
    assert message["documentMessage"]["mimetype"] == "application/pdf"


def test_a_file_arrives_at_the_other_instance_as_it_was_sent(two: World) -> None:
    upload = Upload(b"%PDF-1.7", "Report.pdf", "application/pdf")

    two.sending.send(INSTANCE, [OTHER_NUMBER], Content("document", upload=upload, caption="Read"))

    message = json.loads(two.deliveries.all()[0].body)["data"]["message"]
    document = message["documentWithCaptionMessage"]["message"]["documentMessage"]
    assert (document["fileName"], document["mimetype"], document["fileLength"], document["caption"]) == (
        "Report.pdf",
        "application/pdf",
        "8",
        "Read",
    )


@pytest.mark.parametrize(
    "content",
    [
        Content("document", url="https://example.com/x.pdf", file_name="Invoice.pdf"),
        Content("document", upload=Upload(b"%PDF", "x.pdf", "application/pdf"), file_name="Invoice.pdf"),
    ],
)
def test_a_file_arrives_under_the_name_it_was_sent_with(content: Content, two: World) -> None:
    two.sending.send(INSTANCE, [OTHER_NUMBER], content)

    document = json.loads(two.deliveries.all()[0].body)["data"]["message"]["documentMessage"]
    assert document["fileName"] == "Invoice.pdf"


def test_an_instance_whose_number_is_not_on_whatsapp_sends_all_the_same(two: World) -> None:
    with two.lock:
        two.people.add(replace(two.people.meet(OUR_NUMBER), on_whatsapp=False))

    outcome = two.sending.send(INSTANCE, [OTHER_NUMBER, DAN], text("Hello"))

    assert len(outcome.successful) == 2
