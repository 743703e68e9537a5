"""Everything that the simulated service refuses, as exceptions with data. The API and the control plane word them."""

from __future__ import annotations

from collections.abc import Sequence


class Refusal(Exception):
    """A refused call; it changed nothing."""


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


class GroupNotFound(Refusal):
    """No group has this JID."""


class NotInGroup(Refusal):
    """The instance itself is not a participant of the group."""


class NotGroupAdmin(Refusal):
    """Only admins may do this; `what` is manage or invite."""

    def __init__(self, what: str) -> None:
        super().__init__(f"only group admins can {what}")
        self.what = what


class GroupFull(Refusal):
    """A group holds at most 1024 people."""


class CreatorIsProtected(Refusal):
    """The creator of a group cannot be removed or demoted."""


class NoValidParticipants(Refusal):
    """None of the people named for a new group is on WhatsApp."""


class PeopleRefused(Refusal):
    """Some people cannot be managed; `invalid` names them as they were given."""

    why = "they cannot be managed"

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(f"{self.why}: {', '.join(invalid)}")
        self.invalid = list(invalid)


class AlreadyParticipants(PeopleRefused):
    """Some people are in the group already."""

    why = "in the group already"


class NotParticipants(PeopleRefused):
    """Some people are not in the group."""

    why = "not in the group"


class NotOnWhatsApp(PeopleRefused):
    """Some people have no WhatsApp account."""

    why = "not on WhatsApp"


class NotAddable(PeopleRefused):
    """The privacy settings of all these people forbid that others add them to groups."""

    why = "their privacy settings forbid it"


class ChannelNotFound(Refusal):
    """No channel has this JID or invite code."""


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


class TaskNotFound(Refusal):
    """No scheduled message has this id."""


class TaskNotPending(Refusal):
    """The scheduled message was sent, failed or cancelled."""


class TaskNotCancellable(Refusal):
    """No scheduled message with this id is pending."""


class InstanceNotFound(Refusal):
    """No instance has this id."""


class MessageNotFound(Refusal):
    """No message that is still kept has this id."""


class NotAllowed(Refusal):
    """WhatsApp does not let the sender of a message do this; the text names the field and the reason."""


class MediaMismatch(Refusal):
    """A file does not fit the kind of its message."""


class NotForwarded(Refusal):
    """Deleted and view-once messages, and those without content of their own, such as reactions, are not forwarded."""


class PersonNotInGroup(Refusal):
    """A person who writes in a group must be in it."""


class PersonNotOnWhatsApp(Refusal):
    """A person who writes must be on WhatsApp."""


class NoWebhook(Refusal):
    """The instance has no webhook."""


class InvalidTarget(Refusal):
    """Events cannot go to this URL; the text says why."""


class DeliveryNotFound(Refusal):
    """No delivery that is still kept has this id."""


class ClockOutOfRange(Refusal):
    """A time the world's clock cannot show, or an advance into the past."""


class InvalidMatcher(Refusal):
    """A matcher that cannot be understood; the text says where and why."""


class InvalidFault(Refusal):
    """A fault that cannot be; the text says why."""


class FaultNotFound(Refusal):
    """No fault has this id."""


class TooMany(Refusal):
    """A limit is reached; the text says which, and how high it is."""


class WorldNotFound(Refusal):
    """No world has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no world named {name!r}")


class WorldExists(Refusal):
    """Another world has this name."""


class WorldIsNeeded(Refusal):
    """The default world cannot be removed."""


class WorldIsGone(Refusal):
    """The world of this API key was evicted."""


class KeyInUse(Refusal):
    """Another instance has this API key."""


class KeyNotFound(Refusal):
    """The instance has no API key with this id."""


class SnapshotNotFound(Refusal):
    """No snapshot has this name."""


class NumberInUse(Refusal):
    """Another instance is linked to this number."""


class LidInUse(Refusal):
    """A LID, or the digits of a LID, are used by another person; the text says which."""


class AliasInUse(Refusal):
    """An alias is the number of another person."""


class PersonNotFound(Refusal):
    """The directory has no person with this number."""


class PersonIsLinked(Refusal):
    """A person whose number an instance has stays in the directory, and on WhatsApp."""


class LastInstance(Refusal):
    """A world has at least one instance."""


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
    """The QR code is no longer shown."""


class AnotherPhone(Refusal):
    """The instance is linked to another phone, which was not logged out."""


class AlreadyConnected(Refusal):
    """The instance is connected or pairing; `status` says how far."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the instance is {status} already")
        self.status = status


class MediaNotFound(Refusal):
    """No file that is still kept has this id."""


class InvalidWorld(Refusal):
    """A world with invalid or contradictory contents; `where` is the field, such as groups[0].owner."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem
