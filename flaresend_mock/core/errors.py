"""Everything that the simulated service refuses, as exceptions with data. The API has its own words for them."""

from collections.abc import Sequence
from typing import TypeVar

Found = TypeVar("Found")


class Refusal(Exception):
    """A refused call; it changed nothing. `message` is the control plane's text, if the exception has none itself."""

    message = ""


class NotFound(Refusal):
    """What a call names does not exist."""


def required(found: Found | None, otherwise: type[Refusal]) -> Found:
    """Return what was looked for, or refuse the call if there is none."""
    if found is None:
        raise otherwise
    return found


class NotReady(Refusal):
    """The instance's phone is not connected."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the instance is {status}")
        self.status = status


class Overloaded(Refusal):
    """A magic number asked for this HTTP status (429 or 503) as the response to the whole call."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a magic number asked for {status}")
        self.status = status


class InvalidNumber(Refusal):
    """The value of `field` is not a phone number in international format."""

    def __init__(self, field: str = "number") -> None:
        super().__init__(f"{field}: not a phone number in international format")


class InvalidContent(Refusal):
    """A message lacks what its type needs; `missing` is text, media, url or template."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"the message's {missing} is missing or unusable")
        self.missing = missing


class NothingToUpdate(Refusal):
    """An update that names no field that can be updated."""


class GroupNotFound(NotFound):
    message = "there is no group with this JID"


class NotInGroup(Refusal):
    message = "the instance is not in this group"


class NotGroupAdmin(Refusal):
    """Only admins may do this; `what` is manage or invite."""

    message = "only admins post in this group"

    def __init__(self, what: str) -> None:
        super().__init__(f"only group admins can {what}")
        self.what = what


class GroupFull(Refusal):
    def __init__(self, most: int) -> None:
        super().__init__(f"participants: a group has at most {most} people")


class CreatorIsProtected(Refusal):
    message = "the creator of a group can be neither removed nor demoted"


class NoValidParticipants(Refusal):
    message = "participants: none of them is on WhatsApp"


class PeopleRefused(Refusal):
    """Some people cannot be managed; `invalid` names them as they were given."""

    why = "they cannot be managed"

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(f"{self.why}: {', '.join(invalid)}")
        self.invalid = list(invalid)


class AlreadyParticipants(PeopleRefused):
    why = "in the group already"


class NotParticipants(PeopleRefused):
    why = "not in the group"


class NotOnWhatsApp(PeopleRefused):
    why = "not on WhatsApp"


class NotAddable(PeopleRefused):
    """The privacy settings of all these people forbid that others add them to groups."""

    why = "their privacy settings forbid it"


class ChannelNotFound(NotFound):
    """No channel has this JID or invite code."""

    message = "there is no channel with this JID"


class NotChannelAdmin(Refusal):
    """Only the owner and admins may do this; `what` is post or update."""

    def __init__(self, what: str, role: str) -> None:
        super().__init__(f"a {role} cannot {what}")
        self.what = what
        self.role = role


class OwnerCannotUnfollow(Refusal):
    """The owner of a channel cannot unfollow it."""


class SendAtInThePast(Refusal):
    """A scheduled message must lie in the world's future."""


class SendAtBeyondCalendar(Refusal):
    """A time that has no equivalent in UTC within the years 1 to 9999."""


class TaskNotFound(NotFound):
    message = "no pending scheduled message has this id"


class TaskNotPending(Refusal):
    """The scheduled message was sent, failed or cancelled."""


class TaskNotCancellable(Refusal):
    """No scheduled message with this id is pending."""


class InstanceNotFound(NotFound):
    message = "there is no instance with this id"


class MessageNotFound(NotFound):
    message = "no message with this id is kept"


class NotAllowed(Refusal):
    """WhatsApp does not let the sender of a message do this; the text names the field and the reason."""


class MediaMismatch(Refusal):
    """A file does not fit the kind of its message."""


class NotForwarded(Refusal):
    """Deleted and view-once messages, and those without content of their own, such as reactions, are not forwarded."""

    message = "this message cannot be forwarded: it was deleted, or has no content of its own"


class PersonNotInGroup(Refusal):
    message = "the sender is not in this group"


class PersonNotOnWhatsApp(Refusal):
    message = "from: this number is not on WhatsApp"


class NoWebhook(Refusal):
    message = "the instance has no webhook"


class InvalidTarget(Refusal):
    """Events cannot go to this URL; the text says why."""


class DeliveryNotFound(NotFound):
    message = "no delivery with this id is kept"


class ClockOutOfRange(Refusal):
    """A time the world's clock cannot show, or an advance into the past."""


class InvalidMatcher(Refusal):
    """A matcher that cannot be understood; the text says where and why."""


class InvalidFault(Refusal):
    """A fault that cannot be; the text says why."""


class FaultNotFound(NotFound):
    message = "there is no fault with this id"


class TooMany(Refusal):
    """A limit is reached; the text says which, and how high it is."""


class WorldNotFound(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no world named {name!r}")


class WorldExists(Refusal):
    message = "a world of this name exists already"


class WorldIsNeeded(Refusal):
    message = "the default world cannot be deleted; reset it instead"


class WorldIsGone(Refusal):
    message = "this API key's world was evicted to make room for newer ones; use a new key"


class KeyInUse(Refusal):
    message = "an instance has this API key already, in this world or another"


class KeyNotFound(NotFound):
    message = "the instance has no API key with this id"


class SnapshotNotFound(NotFound):
    message = "there is no snapshot of this name"


class NumberInUse(Refusal):
    message = "another instance is linked to this number"


class LidInUse(Refusal):
    """A LID, or the digits of a LID, are used by another person; the text says which."""


class AliasInUse(Refusal):
    """An alias is the number of another person."""


class PersonNotFound(NotFound):
    message = "the directory has no person with this number"


class PersonIsLinked(Refusal):
    message = "an instance has this number, so it stays in the directory and on WhatsApp"


class LastInstance(Refusal):
    message = "a world has at least one instance; create another one first"


class NoQrCode(Refusal):
    """The instance shows no QR code; `status` says what it does instead."""

    def __init__(self, status: str) -> None:
        hint = {
            "initializing": "and shows its QR code in a second of the world's clock",
            "disconnected": "and shows no QR code; reconnect it first",
        }.get(status, "and needs no QR code; disconnect and reconnect it to see one")
        super().__init__(f"the instance is {status}, {hint}")
        self.status = status


class QrCodeExpired(Refusal):
    message = "this QR code has expired; scan the one that is shown now"


class AnotherPhone(Refusal):
    message = "the instance is linked to another number; log it out before another phone scans its QR code"


class AlreadyConnected(Refusal):
    """The instance is connected or pairing; `status` says how far."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the instance is {status} already")
        self.status = status


class MediaNotFound(NotFound):
    message = "no file with this id is kept"


class InvalidWorld(Refusal):
    """A world with invalid or contradictory contents; `where` is the field, such as groups[0].owner."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class AuthorityError(Refusal):
    """The CA for https cannot be used. The text is the reason, in one line."""
