"""Everything the simulated service can refuse, as exceptions that carry data and no wording."""

from __future__ import annotations

from collections.abc import Sequence


class Refusal(Exception):
    """A call that cannot be done; nothing was changed."""


class NotReady(Refusal):
    """The instance's phone is not connected."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the instance is {status}")
        self.status = status


class Overloaded(Refusal):
    """A magic number asked for the whole call to be answered with this HTTP status (429 or 503)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a magic number asked for {status}")
        self.status = status


class InvalidNumber(Refusal):
    """What was given is not a phone number in international format."""


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
    """Whoever created a group can be neither removed nor demoted."""


class NoValidParticipants(Refusal):
    """None of the people named for a new group is on WhatsApp."""


class PeopleRefused(Refusal):
    """Some people cannot be managed; `invalid` names them as they were given."""

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(", ".join(invalid))
        self.invalid = list(invalid)


class AlreadyParticipants(PeopleRefused):
    """Some people are in the group already."""


class NotParticipants(PeopleRefused):
    """Some people are not in the group."""


class NotOnWhatsApp(PeopleRefused):
    """Some people have no WhatsApp account."""


class ChannelNotFound(Refusal):
    """No channel has this JID or invite code."""


class NotChannelAdmin(Refusal):
    """Only the owner and admins may do this; `what` is post or update."""

    def __init__(self, what: str, role: str) -> None:
        super().__init__(f"a {role} cannot {what}")
        self.what = what
        self.role = role


class OwnerCannotUnfollow(Refusal):
    """The owner of a channel follows it for good."""


class SendAtInThePast(Refusal):
    """A scheduled message must lie in the world's future."""


class SendAtBeyondCalendar(Refusal):
    """A time that has no equivalent in UTC within the years 1 to 9999."""


class TaskNotFound(Refusal):
    """No scheduled message has this id."""


class TaskNotPending(Refusal):
    """The scheduled message was sent, failed or cancelled."""


class TaskNotCancellable(Refusal):
    """No scheduled message with this id is still to be sent."""


class InstanceNotFound(Refusal):
    """No instance has this id."""


class MessageNotFound(Refusal):
    """No message that is still kept has this id."""


class PersonNotInGroup(Refusal):
    """Who writes in a group must be in it."""


class PersonNotOnWhatsApp(Refusal):
    """Who writes must have WhatsApp."""


class NoWebhook(Refusal):
    """The instance has no webhook."""


class InvalidTarget(Refusal):
    """Events cannot go to this URL; the text says why."""


class DeliveryNotFound(Refusal):
    """No delivery that is still kept has this id."""


class ClockOutOfRange(Refusal):
    """A time the world's clock cannot show, or an advance into the past."""


class InvalidWorld(Refusal):
    """A world that contradicts itself; `where` is the field, such as groups[0].owner."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem
