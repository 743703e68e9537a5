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
from flaresend_mock.core.records import Channel
from flaresend_mock.web import times

blueprint = Blueprint("channels", __name__)

_DESCRIPTION = "Description must be a string"


class CreateChannel(Body):
    name = Text("Name is required", required=True)
    description = Text(_DESCRIPTION, allow_none=True)


class UpdateChannel(Body):
    name = Text("Name is required", required=True)
    description = Text(_DESCRIPTION)
    picture = Url(error_messages={"null": "Invalid URL"})


def _created(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "invite": channel.invite,
        "subscribers": channel.subscribers,
    }


def _brief(channel: Channel) -> dict[str, Any]:
    return {"id": channel.id, "state": {"type": "ACTIVE"}}


def _full(seen: tuple[Channel, str]) -> dict[str, Any]:
    channel, role = seen
    return _brief(channel) | {
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
    alreadyFollowing = Computed(bool)  # noqa: N815 - as documented


class Posted(Said):
    sent_at = Computed(times.milliseconds)


@blueprint.post("/channels")
@call(body=CreateChannel(), answer=Created("Channel created successfully"))
def create_channel(caller: Caller, body: dict[str, Any]) -> Channel:
    return caller.world.channels.create(caller.instance, body["name"], body.get("description") or "")


@blueprint.get("/channels")
@call(answer=Answer())
def list_channels(caller: Caller) -> None:
    raise NotAvailable("List channels is not available yet")


@blueprint.get("/channels/<channel_id>")
@call(answer=Info())
def channel_info(caller: Caller, channel_id: str) -> tuple[Channel, str]:
    return caller.world.channels.get(caller.instance, channel_id)


@blueprint.get("/channels/invite/<code>")
@call(answer=Found())
def channel_by_invite(caller: Caller, code: str) -> Channel:
    return caller.world.channels.by_invite(caller.instance, code)


@blueprint.put("/channels/<channel_id>")
@call(body=UpdateChannel(partial=True), answer=Said("Channel updated"))
def update_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> Channel:
    return caller.world.channels.update(caller.instance, channel_id, body)


@blueprint.post("/channels/<channel_id>/follow")
@call(answer=Followed("Channel followed successfully"))
def follow_channel(caller: Caller, channel_id: str) -> bool:
    return caller.world.channels.follow(caller.instance, channel_id)


@blueprint.post("/channels/<channel_id>/unfollow")
@call(answer=Said("Channel unfollowed successfully"))
def unfollow_channel(caller: Caller, channel_id: str) -> None:
    caller.world.channels.unfollow(caller.instance, channel_id)


@blueprint.post("/channels/<channel_id>/message")
@call(body=ChannelContentBody(), answer=Posted("Channel message sent successfully"), forms=True)
def post_in_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> datetime:
    return caller.world.channels.post(caller.instance, channel_id, body["content"])
