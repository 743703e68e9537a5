"""Sending: who is reached, who is not, and what is kept of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from flaresend_mock.core.errors import InvalidContent, NotReady
from flaresend_mock.core.models import INSTANCE_STATUSES, Content, Upload
from flaresend_mock.core.world import World
from tests.defaults import ANN, ANNS_GROUP, CARA, INSTANCE, NOBODY, OUR_NUMBER, OWNED, text
from tests.support import NOW, RealTime

UPLOAD = Upload(b"%PDF-1.7", "Report.pdf", "application/pdf")


def test_recipients_are_sorted_into_reached_failed_and_invalid(world: World) -> None:
    given: list[str | int] = [ANN, "9990000500", NOBODY, "9990000404", "nonsense", 254798765432]

    outcome = world.sending.send(INSTANCE, given, text())

    assert outcome.successful == (f"{ANN}@s.whatsapp.net", f"{CARA}@s.whatsapp.net")
    assert outcome.failed == ("9990000500@s.whatsapp.net",)
    assert outcome.invalid == (NOBODY, "9990000404", "nonsense")
    assert outcome.total == 6
    assert outcome.at == NOW


def test_a_message_is_recorded_for_everybody_reached_and_failed(world: World) -> None:
    world.sending.send(INSTANCE, [ANN, "9990000500", NOBODY], text("Hi"))

    first, second = world.state.messages
    assert (first.direction, first.instance, first.sender) == ("outbound", INSTANCE, OUR_NUMBER)
    assert (first.to, first.chat, first.status) == (ANN, f"{ANN}@s.whatsapp.net", "sent")
    assert (second.to, second.status) == ("9990000500", "failed")
    assert first.content == text("Hi")


def test_whoever_is_given_twice_gets_it_twice(world: World) -> None:
    outcome = world.sending.send(INSTANCE, [ANN, f"+{ANN}"], text())

    assert outcome.successful == (f"{ANN}@s.whatsapp.net",) * 2
    assert len({message.id for message in world.state.messages}) == 2


@pytest.mark.parametrize("jid", [ANNS_GROUP, OWNED])
def test_groups_and_channels_are_invalid_recipients(jid: str, world: World) -> None:
    assert world.sending.send(INSTANCE, [jid], text()).invalid == (jid,)


def test_messages_bear_the_time_of_the_world(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=NOW + timedelta(days=365))
    real_time.pass_by(seconds=2)

    world.sending.send(INSTANCE, [ANN], text())

    assert [message.at for message in world.state.messages] == [NOW + timedelta(days=365, seconds=2)]


@pytest.mark.parametrize("status", [status for status in INSTANCE_STATUSES if status != "connected"])
def test_only_a_connected_instance_sends(status: str, world: World) -> None:
    world.pairing.set_status(INSTANCE, status)

    with pytest.raises(NotReady) as refusal:
        world.sending.send(INSTANCE, [ANN], Content("document", upload=UPLOAD))

    assert refusal.value.status == status
    assert list(world.state.messages) == []
    assert list(world.state.media) == []


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (Content("text"), "text"),
        (Content("text", text=""), "text"),
        (Content("image"), "media"),
        (Content("video", text="Hello"), "media"),
        (Content("audio", url=""), "media"),
        (Content("document", caption="Hello"), "media"),
        (Content("template"), "template"),
        (Content("template", template={}), "template"),
    ],
)
def test_a_message_needs_what_its_type_needs(content: Content, missing: str, world: World) -> None:
    with pytest.raises(InvalidContent) as refusal:
        world.sending.send(INSTANCE, [ANN], content)

    assert refusal.value.missing == missing
    assert list(world.state.messages) == []


@pytest.mark.parametrize(
    "content",
    [
        Content("text", text=" "),
        Content("image", url="https://example.com/a.jpg"),
        Content("template", template="welcome"),
        Content("template", template={"name": "welcome", "values": [1, None]}),
    ],
)
def test_a_complete_message_is_kept_as_it_is(content: Content, world: World) -> None:
    world.sending.send(INSTANCE, [ANN], content)

    assert [message.content for message in world.state.messages] == [content]


def test_an_upload_is_stored_once_for_all_recipients(world: World) -> None:
    world.sending.send(INSTANCE, [ANN, CARA], Content("document", upload=UPLOAD))

    (media,) = world.state.media
    assert (media.data, media.file_name, media.mimetype) == (b"%PDF-1.7", "Report.pdf", "application/pdf")
    assert media.sha256 == hashlib.sha256(b"%PDF-1.7").hexdigest()
    for message in world.state.messages:
        assert message.content.media == media.id
        assert message.content.upload is None
        assert message.content.file_name == "Report.pdf"
        assert message.content.mimetype == "application/pdf"


def test_two_same_uploads_are_two_files(world: World) -> None:
    for _ in range(2):
        world.sending.send(INSTANCE, [ANN], Content("document", upload=UPLOAD))

    first, second = world.state.media
    assert first.id != second.id
    assert first.sha256 == second.sha256
    assert [message.content.media for message in world.state.messages] == [first.id, second.id]


def test_what_the_caller_says_of_a_file_goes_before_what_the_upload_says(world: World) -> None:
    content = Content("document", upload=UPLOAD, file_name="Summary.pdf", mimetype="text/plain")

    world.sending.send(INSTANCE, [ANN], content)

    (message,) = world.state.messages
    assert (message.content.file_name, message.content.mimetype) == ("Summary.pdf", "text/plain")


def test_an_upload_that_says_nothing_of_itself_is_kept_as_bytes(world: World) -> None:
    world.sending.send(INSTANCE, [ANN], Content("document", upload=Upload(b"", "", "")))

    (message,) = world.state.messages
    assert message.content.file_name is None
    assert message.content.mimetype == "application/octet-stream"


def test_a_file_name_is_data_and_never_a_path(world: World) -> None:
    upload = Upload(b"x", "../../etc/passwd", "text/plain")

    world.sending.send(INSTANCE, [ANN], Content("document", upload=upload))

    assert [media.file_name for media in world.state.media] == ["../../etc/passwd"]


def test_sending_enters_nobody_into_the_directory(world: World) -> None:
    people = dict(world.state.people)

    world.sending.send(INSTANCE, ["4915112345678"], text())

    assert world.state.people == people


def test_a_message_to_a_crowd_reaches_all_of_it_in_order(world: World) -> None:
    crowd = [str(254_720_000_000 + number) for number in range(501)]

    outcome = world.sending.send(INSTANCE, crowd, text())

    assert [jid.partition("@")[0] for jid in outcome.successful] == crowd
    assert [message.to for message in world.state.messages] == crowd
