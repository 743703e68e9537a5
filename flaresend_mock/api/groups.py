"""/groups: groups, their people, and messages to all of them."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import BadRequest

from flaresend_mock.api.answers import Answer, Computed, Said
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.content import ContentBody
from flaresend_mock.api.fields import Body, Choice, List, Text
from flaresend_mock.api.response_types import (
    CreatedGroup,
    GroupInfo,
    Invitation,
    ListedGroup,
    Participant,
    Reached,
)
from flaresend_mock.core.models import SUBJECT_LENGTH, GroupView, Outcome
from flaresend_mock.http import times

blueprint = Blueprint("groups", __name__)

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
ACTIONS = {"add": "added", "remove": "removed", "promote": "promoted", "demote": "demoted"}

_POSITIVE = re.compile(r"[0-9]{1,1000}", re.ASCII)


def participants() -> List:
    return List("Participants array is required", (str, int), "Participants must be phone numbers")


_LENGTH = validate.Length(max=SUBJECT_LENGTH, error=f"Subject must be at most {SUBJECT_LENGTH} characters")


class CreateGroup(Body):
    subject = Text("Subject is required", required=True, validate=_LENGTH)
    participants = participants()


class GroupJids(Body):
    groupJids = List("groupJids array is required", (str,), "groupJids must be group JIDs")  # noqa: N815 - as documented


class SendGroupMessage(ContentBody, GroupJids):  # the last base's fields are checked first
    """A message to groups."""


class Page(Schema):
    """Which groups: all, where neither is given."""

    page = fields.Integer(validate=validate.Range(min=1))
    limit = fields.Integer(validate=validate.Range(min=1, max=MAX_LIMIT))


class ManageParticipants(Body):
    _refusal = "Invalid action. Allowed: add, remove, promote, demote."
    action = Choice(tuple(ACTIONS), _refusal, _refusal)
    participants = participants()


def _people(view: GroupView) -> list[Participant]:
    return [{"id": lid, "admin": admin} for lid, admin in view.participants]


def _created(view: GroupView) -> CreatedGroup:
    group = view.group
    return {
        "id": group.id,
        "addressingMode": "lid",
        "subject": group.subject,
        "subjectOwner": view.subject_owner,
        "subjectTime": int(group.subject_time.timestamp()),
        "size": len(view.participants),
        "creation": int(group.created.timestamp()),
        "owner": view.owner,
        "restrict": group.restrict,
        "announce": group.announce,
        "isCommunity": group.is_community,
        "isCommunityAnnounce": group.is_community_announce,
        "joinApprovalMode": group.join_approval,
        "memberAddMode": group.members_may_add,
        "participants": _people(view),
    }


def _listed(view: GroupView) -> ListedGroup:
    return {
        "id": view.group.id,
        "subject": view.group.subject,
        "size": len(view.participants),
        "owner": view.owner,
        "participants": _people(view),
    }


def _info(view: GroupView) -> GroupInfo:
    return {
        "id": view.group.id,
        "name": view.group.subject,
        "desc": view.group.description,
        "createdAt": times.readable(view.created),
        "owner": view.owner,
        "isCommunity": view.group.is_community,
        "participants": _people(view),
    }


class Created(Said):
    data = Computed(_created)


class Listed(Said):
    data = Computed(lambda views: {view.group.id: _listed(view) for view in views}, dict[str, ListedGroup])


class Info(Said):
    data = Computed(_info)


class InviteLink(Said):
    data = Computed(lambda link: {"inviteLink": link}, Invitation)


def _reached(outcome: Outcome) -> str:
    count = len(outcome.successful)
    return f"Message sent successfully to {count} group{'' if count == 1 else 's'}"


class Sent(Answer):
    message = Computed(_reached)
    data = Computed(
        lambda outcome: {"delivered": list(outcome.successful), "failed": list(outcome.failed)},
        Reached,
    )


class Managed(Answer):
    message = Computed(lambda done: f"Participants successfully {ACTIONS[done['action']]}", str)
    groupId = fields.String()  # noqa: N815 - as documented
    participants = fields.List(fields.String())


_GROUP = dict.fromkeys(("group_info", "invite_link", "manage_participants"), ("group_id", "/data/id"))


@blueprint.post("/groups")
@call(body=CreateGroup(), answer=Created("Group created successfully"), links=_GROUP)
def create_group(caller: Caller, body: dict[str, Any]) -> GroupView:
    """Create a group, with the instance as its superadmin."""
    return caller.world.groups.create(caller.instance, body["subject"], body["participants"])


@blueprint.get("/groups")
@call(query=Page(), answer=Listed("Fetched all groups successfully"), refuses=(400,))
def list_groups(caller: Caller) -> list[GroupView]:
    """List the groups that the instance is in, oldest first: all, or a page of them."""
    wanted = _page(request.args.get("page"), request.args.get("limit"))
    return caller.world.groups.all(caller.instance)[wanted]


@blueprint.get("/groups/<group_id>")
@call(answer=Info("Group info fetched successfully"), refuses=(403, 404))
def group_info(caller: Caller, group_id: str) -> GroupView:
    """Show a group that the instance is in."""
    return caller.world.groups.get(caller.instance, group_id)


@blueprint.get("/groups/<group_id>/invite-link")
@call(answer=InviteLink("Invite link fetched successfully"), refuses=(403, 404))
def invite_link(caller: Caller, group_id: str) -> str:
    """Show the link that lets people join a group."""
    return caller.world.groups.invite_link(caller.instance, group_id)


@blueprint.post("/groups/send-message")
@call(body=SendGroupMessage(), answer=Sent())
def send_group_message(caller: Caller, body: dict[str, Any]) -> Outcome:
    """Send a message to groups."""
    return caller.world.groups.send(caller.instance, body["groupJids"], body["content"])


@blueprint.post("/groups/<group_id>/participants")
@call(body=ManageParticipants(), answer=Managed(), refuses=(403, 404))
def manage_participants(caller: Caller, group_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Add people to a group, remove them, or make them admins and members again."""
    action = body["action"]
    people = caller.world.groups.manage(caller.instance, group_id, action, body["participants"])
    return {"action": action, "groupId": group_id, "participants": people}


def _page(page: str | None, limit: str | None) -> slice:
    """Return which groups a page holds: all of them where neither page nor limit is given.

    Assumed: a limit over 100 is refused, not cut, so that nobody misses groups without noticing.
    """
    if page is None and limit is None:
        return slice(None)
    number, size = (_positive(given) for given in (page or "1", limit or str(DEFAULT_LIMIT)))
    if size > MAX_LIMIT:
        raise BadRequest(f"limit must be at most {MAX_LIMIT}")
    return slice((number - 1) * size, number * size)


def _positive(given: str) -> int:
    if not _POSITIVE.fullmatch(given) or int(given) == 0:
        raise BadRequest("page and limit must be positive integers")
    return int(given)
