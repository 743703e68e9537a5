"""Channels (WhatsApp newsletters): their followers, and posts of their owners and admins."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from flaresend_mock.core import errors
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.models import Cause, Channel, Content
from flaresend_mock.core.sending import Sending, require_complete
from flaresend_mock.core.store import Store

EDITORS = frozenset({"OWNER", "ADMIN"})
GUEST = "GUEST"
MAX_SUBSCRIBERS = 10**12
ROLES = ("OWNER", "ADMIN", "SUBSCRIBER", GUEST)


class Channels:
    """The channels of a world, as one of its instances sees them."""

    def __init__(self, store: Store, instances: Instances, sending: Sending) -> None:
        self._store, self._instances, self._sending = store, instances, sending

    def create(self, instance_id: str, name: str, description: str = "") -> Channel:
        """Create a channel that the instance owns."""
        with self._store.lock:
            self._instances.require_ready(instance_id)
            return self.make(instance_id, "OWNER", name=name, description=description)

    def make(self, instance_id: str | None, role: str, **details: Any) -> Channel:
        """Create a channel in which an instance, by default the first one, has a role. It need not be connected."""
        with self._store.lock:
            self._store.require_room("channels")
            roles = _with_role({}, self._instances.find(instance_id).number, role)
            random, known = self._store.random, self._store.state.channels
            id_ = random.digits("channel", 12, "120363{}@newsletter".format, known)
            invite = random.letters("channel invite", 19, "0029V{}".format, {one.invite for one in known.values()})
            channel = Channel(id=id_, invite=invite, created=self._store.clock.now(), roles=roles, **details)
            return self._store.put("channel", channel, "created", {"name": channel.name})

    def change(self, channel_id: str, changes: Mapping[str, Any], instance_id: str | None, role: str | None) -> Channel:
        """Change the fields of a channel and, if one is given, the role of an instance in it."""
        with self._store.lock:
            channel, details = replace(self._find(channel_id), **changes), dict(changes)
            self._store.require_room("channels", 0)
            if role is not None:
                instance = self._instances.find(instance_id)
                channel = replace(channel, roles=_with_role(channel.roles, instance.number, role))
                details |= {"number": instance.number, "role": role}
            return self._store.put("channel", channel, "changed", details)

    def get(self, instance_id: str, channel_id: str) -> tuple[Channel, str]:
        """Return a channel and the instance's role in it: OWNER, ADMIN, SUBSCRIBER or GUEST."""
        with self._store.lock:
            instance = self._instances.require_ready(instance_id)
            channel = self._find(channel_id)
            return channel, channel.role_of(instance.number)

    def by_invite(self, instance_id: str, code: str) -> Channel:
        with self._store.lock:
            self._instances.require_ready(instance_id)
            channels = self._store.state.channels.values()
            return errors.required(next((one for one in channels if one.invite == code), None), errors.ChannelNotFound)

    def update(self, instance_id: str, channel_id: str, changes: Mapping[str, Any]) -> Channel:
        """Change any of a channel's name, description and picture, as its owner or an admin."""
        errors.require(changes, errors.NothingToUpdate)
        with self._store.lock:
            channel = self._editable(instance_id, channel_id, "update")
            self._store.require_room("channels", 0)
            return self._store.put("channel", replace(channel, **changes), "updated", changes)

    def follow(self, instance_id: str, channel_id: str) -> bool:
        """Follow a channel, and return whether the instance followed it before."""
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            if role == GUEST:
                self._store.require_room("channels", 0)
                self._set_role(channel, instance_id, "SUBSCRIBER", "followed")
            return role != GUEST

    def unfollow(self, instance_id: str, channel_id: str) -> None:
        """Stop following a channel, which its owner cannot. Does nothing if the instance does not follow it."""
        with self._store.lock:
            channel, role = self.get(instance_id, channel_id)
            errors.require(role != "OWNER", errors.OwnerCannotUnfollow)
            if role != GUEST:
                self._set_role(channel, instance_id, GUEST, "unfollowed")

    def post(self, instance_id: str, channel_id: str, content: Content, cause: Cause | None = None) -> datetime:
        """Post a message in a channel, as its owner or an admin, and return its time."""
        require_complete(content)
        with self._store.lock:
            channel = self._editable(instance_id, channel_id, "post")
            instance, now = self._instances.find(instance_id), self._store.clock.now()
            jid, content = channel.id, self._sending.kept(content)
            return self._sending.record(instance, jid, jid, content, "sent", now, cause).at

    def _find(self, channel_id: str) -> Channel:
        return errors.required(self._store.state.channels.get(channel_id), errors.ChannelNotFound)

    def _editable(self, instance_id: str, channel_id: str, what: str) -> Channel:
        channel, role = self.get(instance_id, channel_id)
        errors.require(role in EDITORS, errors.NotChannelAdmin, what, role)
        return channel

    def _set_role(self, channel: Channel, instance_id: str, role: str, action: str) -> None:
        number = self._instances.find(instance_id).number
        subscribers = min(max(0, channel.subscribers + (-1 if role == GUEST else 1)), MAX_SUBSCRIBERS)
        roles = _with_role(channel.roles, number, role)
        self._store.put("channel", replace(channel, roles=roles, subscribers=subscribers), action, {"number": number})


def _with_role(roles: Mapping[str, str], number: str, role: str) -> dict[str, str]:
    others = {one: kept for one, kept in roles.items() if one != number}
    return others if role == GUEST else {**others, number: role}
