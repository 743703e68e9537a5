"""Channels (WhatsApp newsletters): their followers, and posts of their owners and admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import (
    ChannelNotFound,
    NotChannelAdmin,
    NothingToUpdate,
    OwnerCannotUnfollow,
)
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.models import Change, Channel, Content
from flaresend_mock.core.sending import Sending, require_complete
from flaresend_mock.core.store import Store

EDITORS = frozenset({"OWNER", "ADMIN"})
GUEST = "GUEST"
ROLES = ("OWNER", "ADMIN", "SUBSCRIBER", GUEST)


class Channels:
    """The channels of a world, as one of its instances sees them."""

    def __init__(self, store: Store, instances: Instances, media: Media, sending: Sending) -> None:
        self._store = store
        self._instances = instances
        self._media = media
        self._sending = sending

    def create(self, instance_id: str, name: str, description: str = "") -> Channel:
        """Create a channel that the instance owns."""
        with self._store.lock:
            instance = self._instances.require_ready(instance_id)
            return self._make(name=name, description=description, roles={instance.number: "OWNER"})

    def make(self, instance_id: str | None, role: str, **details: Any) -> Channel:
        """Create a channel in which an instance, by default the first one, has a role. It need not be connected.

        Raises:
            InstanceNotFound: no instance has this id.
        """
        with self._store.lock:
            instance = self._instances.find(instance_id)
            return self._make(**details, roles=_with_role({}, instance.number, role))

    def change(
        self, channel_id: str, changes: Mapping[str, Any], instance_id: str | None, role: str | None
    ) -> Channel:
        """Change the fields of a channel and, if one is given, the role of an instance in it.

        Raises:
            ChannelNotFound: no channel has this JID.
            InstanceNotFound: no instance has this id.
        """
        with self._store.lock:
            channel = self._store.state.channels.get(channel_id)
            if channel is None:
                raise ChannelNotFound
            channel, details = replace(channel, **changes), dict(changes)
            if role is not None:
                instance = self._instances.find(instance_id)
                channel = replace(channel, roles=_with_role(channel.roles, instance.number, role))
                details |= {"number": instance.number, "role": role}
            self._put(channel, "changed", details)
            return channel

    def get(self, instance_id: str, channel_id: str) -> tuple[Channel, str]:
        """Return a channel and the instance's role in it: OWNER, ADMIN, SUBSCRIBER or GUEST.

        Raises:
            ChannelNotFound: no channel has this JID.
        """
        with self._store.lock:
            instance = self._instances.require_ready(instance_id)
            channel = self._store.state.channels.get(channel_id)
            if channel is None:
                raise ChannelNotFound
            return channel, channel.role_of(instance.number)

    def by_invite(self, instance_id: str, code: str) -> Channel:
        """Return the channel of an invite code.

        Raises:
            ChannelNotFound: no channel has this code.
        """
        with self._store.lock:
            self._instances.require_ready(instance_id)
            for channel in self._store.state.channels.values():
                if channel.invite == code:
                    return channel
            raise ChannelNotFound

    def update(self, instance_id: str, channel_id: str, changes: Mapping[str, Any]) -> Channel:
        """Change any of a channel's name, description and picture.

        Raises:
            NothingToUpdate: there are no changes.
            NotChannelAdmin: the instance is neither owner nor admin.
        """
        if not changes:
            raise NothingToUpdate
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            if role not in EDITORS:
                raise NotChannelAdmin("update", role)
            channel = replace(channel, **changes)
            self._put(channel, "updated", changes)
            return channel

    def follow(self, instance_id: str, channel_id: str) -> bool:
        """Follow a channel, and return whether the instance followed it before."""
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            if role != GUEST:
                return True
            number = self._instances.get(instance_id).number
            roles = _with_role(channel.roles, number, "SUBSCRIBER")
            channel = replace(channel, roles=roles, subscribers=channel.subscribers + 1)
            self._put(channel, "followed", {"number": number})
            return False

    def unfollow(self, instance_id: str, channel_id: str) -> None:
        """Stop following a channel. Does nothing if the instance does not follow it.

        Raises:
            OwnerCannotUnfollow: the instance owns the channel.
        """
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            if role == "OWNER":
                raise OwnerCannotUnfollow
            if role == GUEST:
                return
            number = self._instances.get(instance_id).number
            roles = _with_role(channel.roles, number, GUEST)
            channel = replace(channel, roles=roles, subscribers=max(0, channel.subscribers - 1))
            self._put(channel, "unfollowed", {"number": number})

    def post(self, instance_id: str, channel_id: str, content: Content) -> datetime:
        """Post a message in a channel, and return its time.

        Raises:
            NotChannelAdmin: the instance is neither owner nor admin.
        """
        require_complete(content)
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            if role not in EDITORS:
                raise NotChannelAdmin("post", role)
            instance = self._instances.get(instance_id)
            now = self._store.clock.now()
            content = self._media.keep(content)
            return self._sending.record(instance, channel.id, channel.id, content, "sent", now).at

    def _make(self, **details: Any) -> Channel:
        channel = Channel(
            id="120363" + self._store.random.digits("channel", 12) + numbers.CHANNEL,
            invite="0029V" + self._store.random.letters("channel invite", 19),
            created=self._store.clock.now(),
            **details,
        )
        self._put(channel, "created", {"name": channel.name})
        return channel

    def _put(self, channel: Channel, action: str, details: Mapping[str, Any]) -> None:
        self._store.state.channels[channel.id] = channel
        self._store.record("channel", Change(action, channel.id, details))


def _with_role(roles: Mapping[str, str], number: str, role: str) -> dict[str, str]:
    """Return the roles with that of a number changed; a guest has none."""
    others = {one: kept for one, kept in roles.items() if one != number}
    return others if role == GUEST else {**others, number: role}
