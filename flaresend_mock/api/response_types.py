"""What answers of the API look like as JSON, for those who write them and for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Participant(TypedDict):
    """Who is in a group, by LID; `admin` is "superadmin", "admin" or null."""

    id: str
    admin: str | None


class CreatedGroup(TypedDict):
    """A group that was just made; times in Unix seconds."""

    id: str
    addressingMode: Literal["lid"]
    subject: str
    subjectOwner: str
    subjectTime: int
    size: int
    creation: int
    owner: str
    restrict: bool
    announce: bool
    isCommunity: bool
    isCommunityAnnounce: bool
    joinApprovalMode: bool
    memberAddMode: bool
    participants: list[Participant]


class ListedGroup(TypedDict):
    """A group in the list of all groups, which has its JID as its key."""

    id: str
    subject: str
    size: int
    owner: str
    participants: list[Participant]


class GroupInfo(TypedDict):
    """What is known of a group; `createdAt` is local time, such as "Aug 13, 2025, 11:01 PM"."""

    id: str
    name: str
    desc: str
    createdAt: str
    owner: str
    isCommunity: bool
    participants: list[Participant]


class Invitation(TypedDict):
    """The link that lets people join a group."""

    inviteLink: str


class Reached(TypedDict):
    """Which groups a message reached, by JID."""

    delivered: list[str]
    failed: list[str]


class CreatedChannel(TypedDict):
    """A channel that was just made."""

    id: str
    name: str
    invite: str
    subscribers: int


class ChannelState(TypedDict):
    """Whether a channel is there."""

    type: Literal["ACTIVE"]


class BriefChannel(TypedDict):
    """A channel, as far as an invite shows it."""

    id: str
    state: ChannelState


class ChannelText(TypedDict):
    """A text of a channel's."""

    text: str


class ThreadMetadata(TypedDict):
    """What a channel says of itself; `subscribers_count` is a number as text."""

    name: ChannelText
    description: ChannelText
    subscribers_count: str


class ViewerMetadata(TypedDict):
    """What the instance is in a channel: OWNER, ADMIN, SUBSCRIBER or GUEST."""

    role: str


class FullChannel(BriefChannel):
    """All that is known of a channel."""

    thread_metadata: ThreadMetadata
    viewer_metadata: ViewerMetadata


class ListedTask(TypedDict):
    """A scheduled message; `sendAt` is local time. A text has `text`, media `url`, a template `template`."""

    id: str
    recipients: list[str]
    type: str
    text: NotRequired[str | None]
    url: NotRequired[str]
    caption: NotRequired[str]
    fileName: NotRequired[str]
    template: NotRequired[Any]
    sendAt: str
    status: str


class Refused(TypedDict):
    """Why a call was refused; whom it was refused for, or what the instance is there, where that is why."""

    success: Literal[False]
    message: str
    invalid: NotRequired[list[str]]
    role: NotRequired[str]


class Unauthorized(TypedDict):
    """The call brought no API key, or one that nobody has."""

    success: Literal[False]
    error: str


class NotReady(TypedDict):
    """The instance's phone is not connected, and what to do about it."""

    success: Literal[False]
    message: str
    status: str
    action: str
