"""/groups: groups, their people, and messages to all of them."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request
from marshmallow import ValidationError, fields
from werkzeug.exceptions import BadRequest

from flaresend_mock.api.answers import Answer, Computed, Said
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.content import ContentBody
from flaresend_mock.api.fields import Body, Choice, List, Text
from flaresend_mock.core.records import SUBJECT_LENGTH, GroupView, Outcome
from flaresend_mock.web import times

blueprint = Blueprint("groups", __name__)

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
ACTIONS = {"add": "added", "remove": "removed", "promote": "promoted", "demote": "demoted"}

_POSITIVE = re.compile(r"[0-9]{1,1000}", re.ASCII)


def participants() -> List:
    return List("Participants array is required", (str, int), "Participants must be phone numbers")


def _subject_fits(subject: str) -> None:
    if len(subject) > SUBJECT_LENGTH:
        raise ValidationError(f"Subject must be at most {SUBJECT_LENGTH} characters")


class CreateGroup(Body):
    subject = Text("Subject is required", required=True, validate=_subject_fits)
    participants = participants()


class GroupJids(Body):
    groupJids = List("groupJids array is required", (str,), "groupJids must be group JIDs")  # noqa: N815 - as documented


class SendGroupMessage(ContentBody, GroupJids):  # the last base's fields are checked first
    """A message to groups."""


class ManageParticipants(Body):
    _refusal = "Invalid action. Allowed: add, remove, promote, demote."
    action = Choice(tuple(ACTIONS), _refusal, _refusal)
    participants = participants()


def _people(view: GroupView) -> list[dict[str, str | None]]:
    return [{"id": lid, "admin": admin} for lid, admin in view.participants]


def _created(view: GroupView) -> dict[str, Any]:
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


def _listed(view: GroupView) -> dict[str, Any]:
    return {
        "id": view.group.id,
        "subject": view.group.subject,
        "size": len(view.participants),
        "owner": view.owner,
        "participants": _people(view),
    }


def _info(view: GroupView) -> dict[str, Any]:
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
    data = Computed(lambda views: {view.group.id: _listed(view) for view in views})


class Info(Said):
    data = Computed(_info)


class InviteLink(Said):
    data = Computed(lambda link: {"inviteLink": link})


def _reached(outcome: Outcome) -> str:
    count = len(outcome.successful)
    return f"Message sent successfully to {count} group{'' if count == 1 else 's'}"


class Sent(Answer):
    message = Computed(_reached)
    data = Computed(
        lambda outcome: {"delivered": list(outcome.successful), "failed": list(outcome.failed)},
    )


class Managed(Answer):
    message = Computed(lambda done: f"Participants successfully {ACTIONS[done['action']]}")
    groupId = fields.String()  # noqa: N815 - as documented
    participants = fields.List(fields.String())


@blueprint.post("/groups")
@call(body=CreateGroup(), answer=Created("Group created successfully"))
def create_group(caller: Caller, body: dict[str, Any]) -> GroupView:
    return caller.world.groups.create(caller.instance, body["subject"], body["participants"])


@blueprint.get("/groups")
@call(answer=Listed("Fetched all groups successfully"))
def list_groups(caller: Caller) -> list[GroupView]:
    wanted = _page(request.args.get("page"), request.args.get("limit"))
    return caller.world.groups.all(caller.instance)[wanted]


@blueprint.get("/groups/<group_id>")
@call(answer=Info("Group info fetched successfully"))
def group_info(caller: Caller, group_id: str) -> GroupView:
    return caller.world.groups.get(caller.instance, group_id)


@blueprint.get("/groups/<group_id>/invite-link")
@call(answer=InviteLink("Invite link fetched successfully"))
def invite_link(caller: Caller, group_id: str) -> str:
    return caller.world.groups.invite_link(caller.instance, group_id)


@blueprint.post("/groups/send-message")
@call(body=SendGroupMessage(), answer=Sent())
def send_group_message(caller: Caller, body: dict[str, Any]) -> Outcome:
    return caller.world.groups.send(caller.instance, body["groupJids"], body["content"])


@blueprint.post("/groups/<group_id>/participants")
@call(body=ManageParticipants(), answer=Managed())
def manage_participants(caller: Caller, group_id: str, body: dict[str, Any]) -> dict[str, Any]:
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
