"""Channels: WhatsApp newsletters."""

from datetime import datetime
from pathlib import Path
from typing import Any

from werkzeug.exceptions import NotImplemented as NotAvailable

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.fields import Body, Text, Url
from flaresend_mock.api.messages import ChannelContentBody, Success
from flaresend_mock.core.models import Channel
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import Resource, declared, of_model

blueprint = Endpoints("channels", phone=True)

_NAME = "The name of the channel."
_DESCRIPTION = "The description of the channel."
_NO_STRING = "Description must be a string"


class CreateChannel(Body):
    name = Text(_NAME, "Name is required", required=True)
    description = Text(_DESCRIPTION, _NO_STRING, allow_none=True)


class UpdateChannel(Body):
    name = Text(_NAME, "Name is required", required=True)
    description = Text(_DESCRIPTION, _NO_STRING)
    picture = Url("The URL of the channel's picture.", error_messages={"null": "Invalid URL"})


CreatedChannel = of_model(Channel, "A channel that was just created.", "id name invite subscribers", "CreatedChannel")


_SHOWN = {"Success": Success, "CreatedChannel": CreatedChannel}
_shown = declared(Path(__file__).parent / "assets" / "channels.json", Resource, _SHOWN)


@blueprint.post("/channels", _shown.Created, body=CreateChannel())
def create_channel(caller: Caller, body: dict[str, Any]) -> Channel:
    """Create a channel, which the instance owns."""
    return caller.world.channels.create(caller.instance, body["name"], body.get("description") or "")


@blueprint.post("/channels/create", _shown.Created, body=CreateChannel(), former=True)
def create_channel_by_former_path(caller: Caller, body: dict[str, Any]) -> Channel:
    """Create a channel by the path that was documented from 2026-04-06 to 2026-04-08.

    In strict mode, it is unknown.
    """
    return caller.world.channels.create(caller.instance, body["name"], body.get("description") or "")


@blueprint.get("/channels", None, refuses=(501,))
def list_channels(caller: Caller) -> None:
    """List channels: the documentation says that this is not available yet."""
    raise NotAvailable("List channels is not available yet")


@blueprint.get("/channels/<channel_id>", _shown.Shown, refuses=(404,))
def channel_info(caller: Caller, channel_id: str) -> tuple[Channel, str]:
    """Show a channel, and the instance's role in it."""
    return caller.world.channels.get(caller.instance, channel_id)


@blueprint.get("/channels/invite/<code>", _shown.Invited, refuses=(404,))
def channel_by_invite(caller: Caller, code: str) -> Channel:
    """Find a channel by its invite code."""
    return caller.world.channels.by_invite(caller.instance, code)


@blueprint.put("/channels/<channel_id>", _shown.Updated, body=UpdateChannel(partial=True), refuses=(403, 404))
def update_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> Channel:
    """Change a channel's name, description or picture."""
    return caller.world.channels.update(caller.instance, channel_id, body)


@blueprint.post("/channels/<channel_id>/follow", _shown.Followed, refuses=(404,))
def follow_channel(caller: Caller, channel_id: str) -> bool:
    """Follow a channel."""
    return caller.world.channels.follow(caller.instance, channel_id)


@blueprint.post("/channels/<channel_id>/unfollow", _shown.Unfollowed, refuses=(400, 404))
def unfollow_channel(caller: Caller, channel_id: str) -> None:
    """Stop following a channel."""
    caller.world.channels.unfollow(caller.instance, channel_id)


@blueprint.post(
    "/channels/<channel_id>/message", _shown.Posted, body=ChannelContentBody(), forms=True, refuses=(403, 404)
)
def post_in_channel(caller: Caller, channel_id: str, body: dict[str, Any]) -> datetime:
    """Send a message to the subscribers of a channel."""
    return caller.world.channels.post(caller.instance, channel_id, body["content"], caller.cause)
