"""Groups: creating and listing them, their participants, and messages to them."""

from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, post_load, validate

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.fields import Body, Choice, List, Positive, Text
from flaresend_mock.api.messages import ContentBody, Success
from flaresend_mock.core.groups import SUBJECT_LENGTH, GroupView
from flaresend_mock.core.sending import Outcome
from flaresend_mock.http.bodies import take_turn
from flaresend_mock.http.endpoint import Endpoints, RequestSchema
from flaresend_mock.http.resources import Envelope, Property, Resource, declared, shown_by

blueprint = Endpoints("groups", phone=True)

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
ACTIONS = {"add": "added", "remove": "removed", "promote": "promoted", "demote": "demoted"}
_DONE = {action: f"Participants successfully {done}" for action, done in ACTIONS.items()}

_PARTICIPANTS = List("Phone numbers of people, in international format.", "Participants", (str, int), "phone numbers")
_SUBJECT = "The name of the group: 100 characters at most."
_LENGTH = validate.Length(max=SUBJECT_LENGTH, error=f"Subject must be at most {SUBJECT_LENGTH} characters")


class CreateGroup(Body):
    subject = Text(_SUBJECT, "Subject is required", required=True, validate=_LENGTH)
    participants = _PARTICIPANTS


class GroupJids(Body):
    groupJids = List("JIDs of groups, such as 120363403582097887@g.us, that get it.", "groupJids", (str,), "group JIDs")


class SendGroupMessage(ContentBody, GroupJids):  # marshmallow checks the fields of the last base first
    """A message to groups."""


class Page(RequestSchema):
    """A page of the groups, loaded as a slice: all groups where neither field is given.

    Assumed: a limit over 100 is refused, not cut, so that a client does not miss groups without noticing.
    """

    class Meta:
        unknown = EXCLUDE

    page = Positive("The page of the list, from 1.", 1)
    limit = Positive("The number of groups on a page, 100 at most.", DEFAULT_LIMIT, MAX_LIMIT)

    @post_load
    def make_slice(self, data: dict[str, int], **kwargs: Any) -> slice:
        if not data:
            return slice(None)
        page, limit = data.get("page", 1), data.get("limit", DEFAULT_LIMIT)
        return slice((page - 1) * limit, page * limit)


class ManageParticipants(Body):
    _wrong = "Invalid action. Allowed: add, remove, promote, demote."
    action = Choice("What to do with the participants: add, remove, promote or demote.", tuple(ACTIONS), _wrong, _wrong)
    participants = _PARTICIPANTS


_shown = declared(Path(__file__).parent / "assets" / "groups.json", Resource, {"Success": Success})


def _summary(outcome: Outcome) -> str:
    count = len(outcome.successful)
    return f"Message sent successfully to {count} group{'' if count == 1 else 's'}"


class Sent(_shown.Sent):  # type: ignore[misc,name-defined]
    message = Property(str, "The number of groups that the message reached, for people.", get=_summary)


class Listed(_shown.Listed):  # type: ignore[misc,name-defined]
    data = Property(
        dict[str, _shown.ListedGroup],  # type: ignore[name-defined]
        "The groups, by JID.",
        get=lambda views: {view.group.id: shown_by(_shown.ListedGroup)(view) for view in views},
    )


class Managed(Success, Envelope):
    message = Property(str, "What was done, for people.", at="action", write=_DONE.get)
    groupId = Property(str, "The group's JID.")
    participants = Property([str], "The participants, as they were given.")
    invalid = Property([str], "Those whose privacy settings forbid that they are added.", optional=True)


@blueprint.post("/groups", _shown.Created, body=CreateGroup())
def create_group(caller: Caller, body: dict[str, Any]) -> GroupView:
    """Create a group, with the instance as its superadmin."""
    return caller.world.groups.create(caller.instance, body["subject"], body["participants"])


@blueprint.get("/groups", Listed, query=Page(), refuses=(400, 429))
def list_groups(caller: Caller, query: slice) -> list[GroupView]:
    """List the groups that the instance is in, oldest first: all, or a page of them."""
    if query == slice(None):
        take_turn(caller.world.state.groups.bytes)
    return caller.world.groups.all(caller.instance, query)


@blueprint.get("/groups/<group_id>", _shown.Shown, refuses=(403, 404))
def group_info(caller: Caller, group_id: str) -> GroupView:
    """Show a group that the instance is in."""
    return caller.world.groups.get(caller.instance, group_id)


@blueprint.get("/groups/<group_id>/invite-link", _shown.Invited, refuses=(403, 404))
def invite_link(caller: Caller, group_id: str) -> str:
    """Show the link by which people join a group."""
    return caller.world.groups.invite_link(caller.instance, group_id)


@blueprint.post("/groups/send-message", Sent, body=SendGroupMessage())
def send_group_message(caller: Caller, body: dict[str, Any]) -> Outcome:
    """Send a message to groups."""
    return caller.world.groups.send(caller.instance, body["groupJids"], body["content"], caller.cause)


@blueprint.post("/groups/<group_id>/participants", Managed, body=ManageParticipants(), refuses=(403, 404))
def manage_participants(caller: Caller, group_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Add, remove, promote or demote participants."""
    action = body["action"]
    people, invalid = caller.world.groups.manage(caller.instance, group_id, action, body["participants"])
    managed = {"action": action, "groupId": group_id, "participants": people}
    return managed | {"invalid": invalid} if invalid else managed
