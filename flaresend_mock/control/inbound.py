"""POST /_mock/inbound: somebody writes to an instance."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import (
    Input,
    Number,
    Switch,
    Whole,
    chosen_world,
    describes,
    given_json,
    load,
)
from flaresend_mock.core import numbers
from flaresend_mock.core.media import FLAWS
from flaresend_mock.core.models import Chaos, InboundMessage, Upload
from flaresend_mock.core.payloads import (
    CAPTIONED,
    KINDS,
    MAX_FORWARDS,
    MEDIA_KINDS,
    TARGETED,
)
from flaresend_mock.http import jsons
from flaresend_mock.package_data import SAMPLES, sample

blueprint = Blueprint("inbound", __name__)

_MEDIA_TYPE = validate.Regexp(
    r"[ -~]{0,200}\Z", error="A media type has printable ASCII characters, 200 at most."
)
_PARTICIPANT = validate.Regexp(
    r"[0-9]{7,15}@(s\.whatsapp\.net|lid)\Z", error="{input!r} is no JID of a person."
)


class ChaosInput(Input):
    """What goes wrong on purpose: probabilities from 0 to 1, and a delay in seconds of the world's clock."""

    duplicate = Number(0, 1)
    reorder = Number(0, 1)
    drop = Number(0, 1)
    delay = Number(0, 366 * 86_400)


class MediaInput(Input):
    """A file: a shipped `sample` or its bytes in `base64`; and how its link is spoiled, if it is."""

    sample = fields.String(validate=validate.OneOf(SAMPLES))
    base64 = fields.String()
    mimetype = fields.String(load_default="", validate=_MEDIA_TYPE)
    fileName = fields.String(load_default="", validate=validate.Length(max=1000))  # noqa: N815 - as in the API
    expired = Switch(load_default=False)
    truncated = Switch(load_default=False)
    corrupted = Switch(load_default=False)
    keyless = Switch(load_default=False)

    @validates_schema
    def check_one_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "sample" in data and "base64" in data:
            raise ValidationError("Give a sample or base64, not both.")


class ContactInput(Input):
    name = fields.String(load_default="Jane Doe")
    number = fields.String(load_default="254798765432")

    @post_load
    def read_number(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        number = numbers.parse(data["number"])
        if number is None:
            raise ValidationError("Not a phone number in international format.", "number")
        return data | {"number": number}


class LinkInput(Input):
    url = fields.String(required=True)
    title = fields.String()
    description = fields.String()


def _number(**kwargs: Any) -> fields.Raw:
    return fields.Raw(validate=_is_number, metadata={"type": ["string", "integer"]}, **kwargs)


def _is_number(value: Any) -> None:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValidationError("A phone number is a string or a whole number.")


class InboundInput(Input):
    """Who writes what; `from` alone is needed. Beside a text, each `type` has fields of its own."""

    sender = _number(data_key="from", required=True)
    instance = fields.String(allow_none=True)
    group = fields.String(allow_none=True)
    type = fields.String(validate=validate.OneOf(KINDS))
    text = fields.String()
    caption = fields.String()
    media = fields.Nested(MediaInput)
    file = fields.Raw(metadata={"type": "string", "format": "binary"})
    reply_to = fields.String(
        metadata={"description": "The id of the message that this one quotes or answers."}
    )
    target = fields.String(
        metadata={"description": "The id of the message that a reaction, an edit or a deletion changes."}
    )
    forward = fields.String(metadata={"description": "the id of the message that is forwarded, as it is"})
    forwarded = Whole(0, MAX_FORWARDS)
    mentions = fields.List(fields.String(validate=_PARTICIPANT))
    link = fields.Nested(LinkInput)
    latitude = Number(-90, 90)
    longitude = Number(-180, 180)
    name = fields.String()
    address = fields.String()
    emoji = fields.String()
    contact = fields.Nested(ContactInput)
    options = fields.List(fields.String(), validate=validate.Length(2, 12))
    selectable = Whole(0, 12)
    selected = fields.String(metadata={"description": "the id of the chosen button or row"})
    channel = fields.String()
    seconds = Whole(0, 86_400)
    message = fields.Dict(keys=fields.String(), validate=validate.Length(1))
    from_lid = Switch()
    chaos = fields.Nested(ChaosInput)


_INPUT: Schema = InboundInput()


_LINKS = dict.fromkeys(("show_delivery", "redeliver"), ("delivery_id", "/delivery/id"))


@blueprint.post("/inbound")
@describes(response_types.Received, status=201, body=InboundInput(), forms=True, refuses=(409,), links=_LINKS)
def inbound() -> Response:
    """Let somebody write, and answer with the event and where it is being delivered."""
    body = given_json(forms=True, lists=("mentions", "options"))
    given = load(_INPUT, body if request.is_json else _of_form(body))
    received = chosen_world().inbound.receive(_message(given))
    return jsons.respond({"event": received.event, "delivery": views.delivery(received.delivery)}, 201)


def _of_form(body: dict[str, Any]) -> dict[str, Any]:
    """Read the numbers, the switches and the objects that a form holds as texts."""
    read = dict(body)
    for name, field in _INPUT.fields.items():
        text = body.get(name)
        if not isinstance(text, str):
            continue
        if isinstance(field, Switch) and text in field.truthy | field.falsy:
            read[name] = text in field.truthy
        elif isinstance(field, Number | Whole | fields.Nested | fields.Dict):
            try:
                read[name] = jsons.load(text.encode())
            except ValueError:
                if not isinstance(field, Number | Whole):  # which say themselves what they take
                    raise BadRequest(f"{name}: not JSON") from None
    return read


_BESIDE_FORWARD = {"sender", "instance", "group", "forward", "forwarded", "from_lid", "chaos"}


def _message(given: Mapping[str, Any]) -> InboundMessage:
    strange = sorted(given.keys() - _BESIDE_FORWARD) if "forward" in given else []
    if strange:
        raise BadRequest(f"{strange[0]}: a message that is forwarded stays as it is")
    kind = given.get("type") or _kind_of(given)
    upload = _upload(kind, given) if kind in MEDIA_KINDS else None
    if (
        (given.get("file") is not None or given.get("media"))
        and kind not in MEDIA_KINDS
        and "message" not in given
    ):
        raise BadRequest(f"type: a {kind} carries no media; those that do are {', '.join(MEDIA_KINDS)}")
    if kind == "channel_image" and given.get("group"):
        raise BadRequest("group: a channel image comes from a channel, not from a group")
    options = given.get("options", ())
    if kind == "poll" and options and given.get("selectable", 1) > len(options):
        raise BadRequest("selectable: there are not so many options")
    if kind in TARGETED and not given.get("target") and "message" not in given:
        raise BadRequest(f"target: {kind} needs the id of the message that it changes")
    if kind in TARGETED and "reply_to" in given:
        raise BadRequest(
            f"reply_to: {kind} replies to no message; name the message that it changes as target"
        )
    if kind not in TARGETED and "target" in given:
        raise BadRequest(f"target: {kind} changes no message; name a message that it quotes as reply_to")
    text, caption = _words(kind, given)
    media = given.get("media", {})
    return InboundMessage(
        sender=given["sender"],
        kind=kind,
        text=text,
        caption=caption,
        upload=upload,
        flaws={flaw: media.get(flaw, False) for flaw in FLAWS},
        instance=given.get("instance"),
        group=given.get("group"),
        reply_to=given.get("reply_to"),
        target=given.get("target"),
        forward=given.get("forward"),
        forwarded=given.get("forwarded", 0),
        mentions=tuple(given.get("mentions", ())),
        details=_details(kind, given),
        raw=given.get("message"),
        as_lid=given.get("from_lid"),
        chaos=Chaos(**given["chaos"]) if "chaos" in given else None,
    )


def _words(kind: str, given: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return text and caption. Whoever writes something beside a file writes its caption."""
    text, caption = given.get("text"), given.get("caption")
    if kind in MEDIA_KINDS and text and "message" not in given:
        if kind not in CAPTIONED or caption is not None:
            raise BadRequest(
                f"text: a message of type {kind} has no text" + " beside its caption" * bool(caption)
            )
        return "", text
    if kind == "reaction":
        return given.get("emoji", "👍" if text is None else text), caption
    return _DEFAULT_TEXTS.get(kind, "") if text is None else text, caption


_DEFAULT_TEXTS = {
    "text": "",
    "poll": "Which day?",
    "button_reply": "Yes",
    "list_reply": "First choice",
    "edit": "",
}


def _kind_of(given: Mapping[str, Any]) -> str:
    """Guess the type that was not named from what was given."""
    mimetype = (
        given["file"].mimetype
        if isinstance(given.get("file"), Upload)
        else given.get("media", {}).get("mimetype", "")
    )
    if "sample" in given.get("media", {}):
        mimetype = sample(given["media"]["sample"]).mimetype
    if given.get("media") or given.get("file"):
        family = mimetype.partition("/")[0]
        return family if family in ("image", "video", "audio") else "document"
    if "latitude" in given:
        return "location"
    if "emoji" in given:
        return "reaction"
    return "contact" if "contact" in given else "text"


def _upload(kind: str, given: Mapping[str, Any]) -> Upload | None:
    if given.get("file") is not None:
        if not isinstance(given["file"], Upload):
            raise BadRequest("file: upload it as a part of a multipart form")
        return given["file"]
    media = given.get("media")
    if not media:
        return None
    if "base64" in media:
        try:
            data = b64decode(media["base64"], validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("media.base64: not base64") from None
        return Upload(data, media["fileName"], media["mimetype"])
    if "sample" not in media and not (media["fileName"] or media["mimetype"]):
        return None
    found = sample(media.get("sample") or MEDIA_KINDS[kind])
    return Upload(found.data, media["fileName"] or found.file_name, media["mimetype"] or found.mimetype)


def _details(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a kind of message holds beside text and media, with defaults that make sense."""
    match kind:
        case "location":
            return {
                "degreesLatitude": given.get("latitude", -1.286389),
                "degreesLongitude": given.get("longitude", 36.817223),
                "name": given.get("name"),
                "address": given.get("address"),
            }
        case "contact":
            contact = given.get("contact", {})
            return {
                "displayName": contact.get("name", "Jane Doe"),
                "number": contact.get("number", "254798765432"),
            }
        case "poll":
            return {
                "options": given.get("options", ["Saturday", "Sunday"]),
                "selectableOptionsCount": given.get("selectable", 1),
            }
        case "button_reply":
            return {"selectedButtonId": given.get("selected", "yes")}
        case "list_reply":
            return {"selectedRowId": given.get("selected", "row-1")}
        case "text":
            link = given.get("link", {})
            return {
                "matchedText": link.get("url"),
                "description": link.get("description"),
                "title": link.get("title"),
            }
        case "channel_image":
            return {"channel": given["channel"]} if "channel" in given else {}
        case "video" | "audio" | "voice" if "seconds" in given:
            return {"seconds": given["seconds"]}
        case _:
            return {}
