"""/channels: WhatsApp newsletters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint
from werkzeug.exceptions import NotImplemented as NotAvailable

from flaresend_mock.api.answers import Answer, Computed, Said
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.content import ChannelContentBody
from flaresend_mock.api.fields import Body, Text, Url
from flaresend_mock.api.response_types import BriefChannel, CreatedChannel, FullChannel
from flaresend_mock.core.models import Channel
from flaresend_mock.http import times

blueprint = Blueprint("channels", __name__)

_DESCRIPTION = "Description must be a string"


class CreateChannel(Body):
    name = Text("Name is required", required=True)
    description = Text(_DESCRIPTION, allow_none=True)


class UpdateChannel(Body):
    name = Text("Name is required", required=True)
    description = Text(_DESCRIPTION)
    picture = Url(error_messages={"null": "Invalid URL"})


def _created(channel: Channel) -> CreatedChannel:
    return {
        "id": channel.id,
        "name": channel.name,
        "invite": channel.invite,
        "subscribers": channel.subscribers,
    }


def _brief(channel: Channel) -> BriefChannel:
    return {"id": channel.id, "state": {"type": "ACTIVE"}}


def _full(seen: tuple[Channel, str]) -> FullChannel:
    channel, role = seen
    return {
        **_brief(channel),
        "thread_metadata": {
            "name": {"text": channel.name},
            "description": {"text": channel.description},
            "subscribers_count": str(channel.subscribers),
        },
        "viewer_metadata": {"role": role},
    }


class Created(Said):
    channel = Computed(_created)


class Info(Answer):
    channel = Computed(_full)


class Found(Answer):
    channel = Computed(_brief)


class Followed(Said):
    alreadyFollowing = Computed(bool, bool)  # noqa: N815 - as documented


class Posted(Said):
    sent_at = Computed(times.milliseconds, str)


_FOUND_BY_ID = ("channel_info", "update_channel", "follow_channel", "unfollow_channel", "post_in_channel")
_CHANNEL = {
    "channel_by_invite": ("code", "/channel/invite"),
    **dict.fromkeys(_FOUND_BY_ID, ("channel_id", "/channel/id")),
}


@blueprint.post("/channels")
@call(body=CreateChannel(), answer=Created("Channel created successfully"), links=_CHANNEL)
def create_channel(caller: Caller, body: dict[str, Any]) -> Channel:
    """Create a channel, which the instance owns."""
    return caller.world.channels.create(caller.instance, body["name"], body.get("description") or "")


@blueprint.get("/channels")
@call(answer=None, refuses=(501,))
def list_channels(caller: Caller) -> None:
    """List channels: the documentation says that it is not available yet."""
    raise NotAvailable("List channels is not available yet")


@blueprint.get("/channels/<channel_id>")
@call(answer=Info(), refuses=(404,))
def channel_info(caller: Caller, channel_id: str) -> tuple[Channel, str]:
    """Show a channel, and what the instance is in it."""
    return caller.world.channels.get(caller.instance, channel_id)


@blueprint.get("/channels/invite/<code>")
@call(answer=Found(), refuses=(404,))
def channel_by_invite(caller: Caller, code: str) -> Channel:
    """Find a channel by the code of its invite."""
    return caller.world.channels.by_invite(caller.instance, code)


@blueprint.put("/channels/<channel_id>")
@call(body=UpdateChannel(partial=True), answer=Said("Channel updated"), refuses=(403, 404))
def update_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> Channel:
    """Change a channel's name, description or picture."""
    return caller.world.channels.update(caller.instance, channel_id, body)


@blueprint.post("/channels/<channel_id>/follow")
@call(answer=Followed("Channel followed successfully"), refuses=(404,))
def follow_channel(caller: Caller, channel_id: str) -> bool:
    """Follow a channel."""
    return caller.world.channels.follow(caller.instance, channel_id)


@blueprint.post("/channels/<channel_id>/unfollow")
@call(answer=Said("Channel unfollowed successfully"), refuses=(400, 404))
def unfollow_channel(caller: Caller, channel_id: str) -> None:
    """Follow a channel no longer."""
    caller.world.channels.unfollow(caller.instance, channel_id)


@blueprint.post("/channels/<channel_id>/message")
@call(
    body=ChannelContentBody(),
    answer=Posted("Channel message sent successfully"),
    forms=True,
    refuses=(403, 404),
)
def post_in_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> datetime:
    """Send a message to all who follow a channel."""
    return caller.world.channels.post(caller.instance, channel_id, body["content"])
