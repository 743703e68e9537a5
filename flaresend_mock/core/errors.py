"""Everything that the simulated service refuses, as exceptions with data. The API has its own words for them."""

from collections.abc import Sequence
from typing import Any, TypeVar

Found = TypeVar("Found")
Kind = TypeVar("Kind", bound="Refusal")


class Refusal(Exception):
    """A refused call; it changed nothing. Its own text, and attributes with these `names`, say what it is raised with.

    `message` is the control plane's text, if the exception has none itself.
    """

    message = ""
    text = "{}"
    names = ""

    status: Any
    missing: str

    def __init__(self, *about: object) -> None:
        super().__init__(*([self.text.format(*about)] if about else []))
        vars(self).update(zip(self.names.split(), about, strict=False))


class NotFound(Refusal):
    """What a call names does not exist."""


def required(found: Found | None, otherwise: type[Refusal], *about: object) -> Found:
    """Return what was looked for, or refuse the call if there is none."""
    if found is None:
        raise otherwise(*about)
    return found


def require(holds: object, otherwise: type[Refusal], *about: object) -> None:
    if not holds:
        raise otherwise(*about)


def _kind(of: type[Kind], name: str, message: str = "", **texts: str) -> type[Kind]:
    return type(name, (of,), {"__module__": __name__, "message": message, **texts})


def _refusal(name: str, message: str = "", **texts: str) -> type[Refusal]:
    return _kind(Refusal, name, message, **texts)


class PeopleRefused(Refusal):
    """Some people cannot be managed; `invalid` names them as they were given."""

    why = "they cannot be managed"

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(f"{self.why}: {', '.join(invalid)}")
        self.invalid = list(invalid)


class NoQrCode(Refusal):
    """The instance shows no QR code; `status` says what it does instead."""

    def __init__(self, status: str) -> None:
        hint = {
            "initializing": "and shows its QR code in a second of the world's clock",
            "disconnected": "and shows no QR code; reconnect it first",
        }.get(status, "and needs no QR code; disconnect and reconnect it to see one")
        super().__init__(f"the instance is {status}, {hint}")
        self.status = status


WorldNotFound = _kind(NotFound, "WorldNotFound", text="there is no world named {!r}")
GroupNotFound = _kind(NotFound, "GroupNotFound", "there is no group with this JID")
ChannelNotFound = _kind(NotFound, "ChannelNotFound", "there is no channel with this JID")
TaskNotFound = _kind(NotFound, "TaskNotFound", "no pending scheduled message has this id")
InstanceNotFound = _kind(NotFound, "InstanceNotFound", "there is no instance with this id")
MessageNotFound = _kind(NotFound, "MessageNotFound", "no message with this id is kept")
DeliveryNotFound = _kind(NotFound, "DeliveryNotFound", "no delivery with this id is kept")
FaultNotFound = _kind(NotFound, "FaultNotFound", "there is no fault with this id")
KeyNotFound = _kind(NotFound, "KeyNotFound", "the instance has no API key with this id")
SnapshotNotFound = _kind(NotFound, "SnapshotNotFound", "there is no snapshot of this name")
PersonNotFound = _kind(NotFound, "PersonNotFound", "the directory has no person with this number")
MediaNotFound = _kind(NotFound, "MediaNotFound", "no file with this id is kept")

InvalidNumber = _refusal("InvalidNumber", text="{}: not a phone number in international format")
GroupFull = _refusal("GroupFull", text="participants: a group has at most {} people")
NotReady = _refusal("NotReady", names="status", text="the instance is {}")  # its phone is not connected
AlreadyConnected = _refusal("AlreadyConnected", names="status", text="the instance is {} already")  # or it is pairing
Overloaded = _refusal("Overloaded", names="status", text="a magic number asked for {}")  # 429 or 503
InvalidContent = _refusal("InvalidContent", names="missing", text="the message's {} is missing or unusable")
"""`missing` is what the type of the message needs: text, media, url or template."""
InvalidWorld = _refusal("InvalidWorld", names="where problem", text="{}: {}")  # where: such as groups[0].owner

AlreadyParticipants = _kind(PeopleRefused, "AlreadyParticipants", why="in the group already")
NotParticipants = _kind(PeopleRefused, "NotParticipants", why="not in the group")
NotOnWhatsApp = _kind(PeopleRefused, "NotOnWhatsApp", why="not on WhatsApp")
NotAddable = _kind(PeopleRefused, "NotAddable", why="their privacy settings forbid it")

NotGroupAdmin = _refusal(
    "NotGroupAdmin", "only admins post in this group", names="what", text="only group admins can {}"
)
NotChannelAdmin = _refusal("NotChannelAdmin", names="what role", text="a {1} cannot {0}")  # post or update
NotInGroup = _refusal("NotInGroup", "the instance is not in this group")
CreatorIsProtected = _refusal("CreatorIsProtected", "the creator of a group can be neither removed nor demoted")
NoValidParticipants = _refusal("NoValidParticipants", "participants: none of them is on WhatsApp")
NotForwarded = _refusal("NotForwarded", "this message cannot be forwarded: it was deleted, or has no own content")
PersonNotInGroup = _refusal("PersonNotInGroup", "the sender is not in this group")
PersonNotOnWhatsApp = _refusal("PersonNotOnWhatsApp", "from: this number is not on WhatsApp")
NoWebhook = _refusal("NoWebhook", "the instance has no webhook")
WorldExists = _refusal("WorldExists", "a world of this name exists already")
WorldIsNeeded = _refusal("WorldIsNeeded", "the default world cannot be deleted; reset it instead")
WorldIsGone = _refusal("WorldIsGone", "this API key's world was evicted to make room for newer ones; use a new key")
KeyInUse = _refusal("KeyInUse", "an instance has this API key already, in this world or another")
NumberInUse = _refusal("NumberInUse", "another instance is linked to this number")
PersonIsLinked = _refusal("PersonIsLinked", "an instance has this number, so it stays in the directory and on WhatsApp")
LastInstance = _refusal("LastInstance", "a world has at least one instance; create another one first")
QrCodeExpired = _refusal("QrCodeExpired", "this QR code has expired; scan the one that is shown now")
AnotherPhone = _refusal("AnotherPhone", "the instance is linked to another number; log it out before another scans")

# only the API refuses these, in its own words
NothingToUpdate = _refusal("NothingToUpdate")
OwnerCannotUnfollow = _refusal("OwnerCannotUnfollow")
SendAtInThePast = _refusal("SendAtInThePast")
SendAtBeyondCalendar = _refusal("SendAtBeyondCalendar")  # no equivalent in UTC within the years 1 to 9999
TaskNotPending = _refusal("TaskNotPending")  # it was sent, failed or cancelled
TaskNotCancellable = _refusal("TaskNotCancellable")

# who raises these says what is wrong, and where
NotAllowed = _refusal("NotAllowed")  # WhatsApp does not let the sender of a message do this
MediaMismatch = _refusal("MediaMismatch")
InvalidTarget = _refusal("InvalidTarget")
ClockOutOfRange = _refusal("ClockOutOfRange")
InvalidMatcher = _refusal("InvalidMatcher")
InvalidFault = _refusal("InvalidFault")
TooMany = _refusal("TooMany")
WorldFull = _kind(TooMany, "WorldFull")  # a bound of what one world holds
LidInUse = _refusal("LidInUse")
AliasInUse = _refusal("AliasInUse")
AuthorityError = _refusal("AuthorityError")  # the CA for https cannot be used
