"""Channels: following them, and posting in one's own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from flaresend_mock.core.errors import (
    ChannelNotFound,
    InvalidContent,
    NotChannelAdmin,
    NothingToUpdate,
    NotReady,
    OwnerCannotUnfollow,
)
from flaresend_mock.core.models import Change, Content, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import FOLLOWED, INSTANCE, OUR_NUMBER, OWNED, OWNED_INVITE, described, text
from tests.support import NOW

UNKNOWN = "120363000000000001@newsletter"


@pytest.fixture
def with_role(make_world: Callable[[State], World]) -> Callable[[str], World]:
    """Makes worlds in which the instance has a role in the channel it otherwise owns; GUEST is none."""

    def make(role: str) -> World:
        roles = [] if role == "GUEST" else [{"number": OUR_NUMBER, "role": role}]
        channel = {"id": OWNED, "name": "Engineering 55", "subscribers": 7, "roles": roles}
        return make_world(load_world(described(channels=[channel])))

    return make


def changes(world: World) -> list[tuple[str, str]]:
    """Return which channels changed, and how."""
    found = [event.subject for event in world.state.events.since(0, "channel")]
    return [(one.id, one.action) for one in found if isinstance(one, Change)]


def test_a_new_channel_belongs_to_the_instance(world: World) -> None:
    channel = world.channels.create(INSTANCE, "News", "What is new")

    assert re.fullmatch(r"120363\d{12}@newsletter", channel.id)
    assert re.fullmatch(r"0029V[0-9A-Za-z]{19}", channel.invite)
    assert (channel.name, channel.description, channel.subscribers) == ("News", "What is new", 0)
    assert channel.created == NOW
    assert world.channels.get(INSTANCE, channel.id) == (channel, "OWNER")


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "SUBSCRIBER", "GUEST"])
def test_a_channel_tells_the_role_of_who_asks(role: str, with_role: Callable[[str], World]) -> None:
    assert with_role(role).channels.get(INSTANCE, OWNED)[1] == role


def test_an_invite_code_leads_to_its_channel(world: World) -> None:
    assert world.channels.by_invite(INSTANCE, OWNED_INVITE).id == OWNED


def test_another_invite_code_leads_nowhere(world: World) -> None:
    with pytest.raises(ChannelNotFound):
        world.channels.by_invite(INSTANCE, OWNED_INVITE[:-1])


def test_an_unknown_channel_is_not_found(world: World) -> None:
    with pytest.raises(ChannelNotFound):
        world.channels.get(INSTANCE, UNKNOWN)
    with pytest.raises(ChannelNotFound):
        world.channels.update(INSTANCE, UNKNOWN, {"name": "News"})
    with pytest.raises(ChannelNotFound):
        world.channels.follow(INSTANCE, UNKNOWN)
    with pytest.raises(ChannelNotFound):
        world.channels.unfollow(INSTANCE, UNKNOWN)
    with pytest.raises(ChannelNotFound):
        world.channels.post(INSTANCE, UNKNOWN, text())


@pytest.mark.parametrize("role", ["OWNER", "ADMIN"])
def test_owners_and_admins_post_and_update(role: str, with_role: Callable[[str], World]) -> None:
    world = with_role(role)

    at = world.channels.post(INSTANCE, OWNED, text("Hi"))
    channel = world.channels.update(INSTANCE, OWNED, {"name": "Renamed"})

    assert at == NOW
    assert [(message.chat, message.content.text) for message in world.state.messages] == [(OWNED, "Hi")]
    assert (channel.name, channel.description) == ("Renamed", "")
    assert world.channels.get(INSTANCE, OWNED)[0] == channel


@pytest.mark.parametrize("role", ["SUBSCRIBER", "GUEST"])
def test_others_neither_post_nor_update(role: str, with_role: Callable[[str], World]) -> None:
    world = with_role(role)
    upload = Content("image", upload=Upload(b"jpeg", "a.jpg", "image/jpeg"))

    with pytest.raises(NotChannelAdmin) as post:
        world.channels.post(INSTANCE, OWNED, upload)
    with pytest.raises(NotChannelAdmin) as update:
        world.channels.update(INSTANCE, OWNED, {"name": "Renamed"})

    assert (post.value.what, post.value.role) == ("post", role)
    assert (update.value.what, update.value.role) == ("update", role)
    assert list(world.state.messages) == []
    assert list(world.state.media) == []
    assert world.channels.get(INSTANCE, OWNED)[0].name == "Engineering 55"


def test_an_update_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(NothingToUpdate):
        world.channels.update(INSTANCE, OWNED, {})


def test_following_makes_a_guest_a_subscriber(with_role: Callable[[str], World]) -> None:
    world = with_role("GUEST")

    assert world.channels.follow(INSTANCE, OWNED) is False

    channel, role = world.channels.get(INSTANCE, OWNED)
    assert (role, channel.subscribers) == ("SUBSCRIBER", 8)
    assert changes(world) == [(OWNED, "followed")]


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "SUBSCRIBER"])
def test_following_again_changes_nothing(role: str, with_role: Callable[[str], World]) -> None:
    world = with_role(role)
    before = world.channels.get(INSTANCE, OWNED)

    assert world.channels.follow(INSTANCE, OWNED) is True

    assert world.channels.get(INSTANCE, OWNED) == before


def test_unfollowing_makes_a_subscriber_a_guest(world: World) -> None:
    subscribers = world.channels.get(INSTANCE, FOLLOWED)[0].subscribers

    world.channels.unfollow(INSTANCE, FOLLOWED)

    channel, role = world.channels.get(INSTANCE, FOLLOWED)
    assert (role, channel.subscribers) == ("GUEST", subscribers - 1)
    assert changes(world) == [(FOLLOWED, "unfollowed")]


def test_unfollowing_what_is_not_followed_changes_nothing(with_role: Callable[[str], World]) -> None:
    world = with_role("GUEST")
    before = world.channels.get(INSTANCE, OWNED)

    world.channels.unfollow(INSTANCE, OWNED)

    assert world.channels.get(INSTANCE, OWNED) == before


def test_an_owner_cannot_unfollow(world: World) -> None:
    with pytest.raises(OwnerCannotUnfollow):
        world.channels.unfollow(INSTANCE, OWNED)


def test_an_incomplete_post_is_refused(world: World) -> None:
    with pytest.raises(InvalidContent):
        world.channels.post(INSTANCE, OWNED, Content("text"))


def test_an_upload_to_a_channel_is_stored(world: World) -> None:
    world.channels.post(INSTANCE, OWNED, Content("image", upload=Upload(b"jpeg", "a.jpg", "image/jpeg")))

    (media,), (message,) = world.state.media, world.state.messages
    assert message.content.media == media.id


def test_channels_need_a_connected_phone(world: World) -> None:
    world.pairing.set_status(INSTANCE, "connecting")

    with pytest.raises(NotReady):
        world.channels.create(INSTANCE, "News")
    with pytest.raises(NotReady):
        world.channels.get(INSTANCE, OWNED)
    with pytest.raises(NotReady):
        world.channels.by_invite(INSTANCE, OWNED_INVITE)
    with pytest.raises(NotReady):
        world.channels.post(INSTANCE, OWNED, text())
