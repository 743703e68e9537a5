"""POST /_mock/inbound: a person writes to an instance."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request
from marshmallow import ValidationError, fields, post_load, pre_load, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control.inputs import Input, Number, Switch, Text, Whole, about
from flaresend_mock.control.resources.activity import Received
from flaresend_mock.core import numbers
from flaresend_mock.core.media import FLAWS
from flaresend_mock.core.models import Chaos, InboundMessage, Upload
from flaresend_mock.core.payloads import CAPTIONED, KINDS, MAX_FORWARDS, MEDIA_KINDS, TARGETED
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import load_json
from flaresend_mock.http.endpoint import endpoint
from flaresend_mock.package_data import SAMPLES, sample

blueprint = Blueprint("inbound", __name__)

_MEDIA_TYPE = validate.Regexp(
    r"[ -~]{0,200}\Z", error="A media type has printable ASCII characters, 200 at most."
)
_PARTICIPANT = validate.Regexp(
    r"[0-9]{7,15}@(s\.whatsapp\.net|lid)\Z", error="{input!r} is no JID of a person."
)


class ChaosInput(Input):
    """Random failures of deliveries: probabilities from 0 to 1, and a delay."""

    duplicate = Number("The probability that an event is delivered twice.", 0, 1)
    reorder = Number("The probability that later events overtake an event.", 0, 1)
    drop = Number("The probability that an event is not delivered.", 0, 1)
    delay = Number("Seconds of the world's clock until an event is sent.", 0, 366 * 86_400)

    @post_load
    def read(self, data: dict[str, float], **kwargs: Any) -> Chaos:
        return Chaos(**data)


class Base64(Text):
    """Bytes, in base64."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return b64decode(super()._deserialize(value, attr, data, **kwargs), validate=True)
        except ValueError:
            raise ValidationError("not base64") from None


class MediaInput(Input):
    """A file: a shipped `sample`, or bytes in `base64`; and what is wrong with its link."""

    sample = Text("A shipped file.", words=SAMPLES)
    base64 = Base64("The bytes of the file, in base64.")
    mimetype = Text("The media type, such as image/jpeg.", load_default="", check=_MEDIA_TYPE)
    fileName = Text("The name of the file.", load_default="", length=(None, 1000))  # noqa: N815 - as in the API
    expired = Switch("Whether the link has expired.", load_default=False)
    truncated = Switch("Whether the link leads to half of the file.", load_default=False)
    corrupted = Switch("Whether the link leads to damaged bytes.", load_default=False)
    keyless = Switch("Whether the event lacks the media key.", load_default=False)

    @validates_schema
    def check_one_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "sample" in data and "base64" in data:
            raise ValidationError("Give a sample or base64, not both.")


class ContactInput(Input):
    name = Text("The contact's name.", load_default="Jane Doe")
    number = Text("The contact's phone number.", load_default="254798765432")

    @post_load
    def read_number(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        number = numbers.parse(data["number"])
        if number is None:
            raise ValidationError("Not a phone number in international format.", "number")
        return data | {"number": number}


class LinkInput(Input):
    url = Text("The URL in the text.", required=True)
    title = Text("The title of the preview.")
    description = Text("The description in the preview.")


def _is_number(value: Any) -> None:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValidationError("A phone number is a string or a whole number.")


def _is_upload(value: Any) -> None:
    if not isinstance(value, Upload):
        raise ValidationError("upload it as a part of a multipart form")


class InboundInput(Input):
    """Who writes what; only `from` is required. Beside a text, each `type` has fields of its own."""

    sender = fields.Raw(
        data_key="from",
        required=True,
        validate=_is_number,
        metadata=about("The sender's phone number.", type=["string", "integer"]),
    )
    instance = Text("The id of the instance; the first one if it is left out.", allow_none=True)
    group = Text("The JID of the group that it is written in.", allow_none=True)
    type = Text("The kind of message.", words=KINDS)
    text = Text("The text.")
    caption = Text("The text below a file.")
    media = fields.Nested(MediaInput, metadata=about("A file, and what is wrong with its link."))
    file = fields.Raw(
        validate=_is_upload, metadata=about("A file, in a multipart form.", type="string", format="binary")
    )
    reply_to = Text("The id of the message that this one quotes or replies to.")
    target = Text("The id of the message that a reaction, an edit or a deletion changes.")
    forward = Text("The id of a message that is forwarded unchanged.")
    forwarded = Whole("How often it was forwarded; from 5 on, WhatsApp says many times.", 0, MAX_FORWARDS)
    mentions = fields.List(
        fields.String(validate=_PARTICIPANT), metadata=about("The JIDs of people who are mentioned.")
    )
    link = fields.Nested(LinkInput, metadata=about("The preview of a link in the text."))
    latitude = Number("The latitude of a location, in degrees.", -90, 90)
    longitude = Number("The longitude of a location, in degrees.", -180, 180)
    name = Text("The name of a location.")
    address = Text("The address of a location.")
    emoji = Text("The emoji of a reaction; an empty one removes it.")
    contact = fields.Nested(ContactInput, metadata=about("A contact."))
    options = fields.List(
        fields.String(), validate=validate.Length(2, 12), metadata=about("The options of a poll.")
    )
    selectable = Whole("How many options may be chosen; 0 for any number.", 0, 12)
    selected = Text("The id of the chosen button or row.")
    channel = Text("The JID of the channel.")
    seconds = Whole("The length of an audio or a video.", 0, 86_400)
    message = fields.Dict(
        keys=fields.String(),
        validate=validate.Length(1),
        metadata=about("A payload in WhatsApp's format, sent unchanged."),
    )
    from_lid = Switch("Whether the sender is named by LID.")
    chaos = fields.Nested(ChaosInput, metadata=about("Random failures of the delivery."))

    @pre_load
    def read_form(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Read the numbers, switches and objects that a form holds as texts."""
        if request.is_json:
            return data
        return {name: _from_text(name, self.fields.get(name), value) for name, value in data.items()}


def _from_text(name: str, field: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(field, Switch) and value in field.truthy | field.falsy:
        return value in field.truthy
    if isinstance(field, Number | Whole | fields.Nested | fields.Dict):
        try:
            return load_json(value.encode())
        except ValueError:
            if not isinstance(field, Number | Whole):  # numbers have a better message
                raise BadRequest(f"{name}: not JSON") from None
    return value


_BESIDE_FORWARD = {"sender", "instance", "group", "forward", "forwarded", "from_lid", "chaos"}
_DEFAULT_TEXTS = {"poll": "Which day?", "button_reply": "Yes", "list_reply": "First choice"}
_CONTACT = ContactInput().load({})
_LINKS = dict.fromkeys(("show_delivery", "redeliver"), ("delivery_id", "/delivery/id"))


@blueprint.post("/inbound")
@endpoint(
    Received,
    status=201,
    body=InboundInput(),
    forms=True,
    refuses=(409,),
    links=_LINKS,
    example={"from": "254712345678", "text": "Hello!"},
)
def inbound(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Receive a message from a person, and return the event with its delivery."""
    received = world.inbound.receive(_message(body))
    return {"event": received.event, "delivery": received.delivery}


def _message(given: Mapping[str, Any]) -> InboundMessage:
    kind = given.get("type") or _kind_of(given)
    if problem := _problem(kind, given):
        raise BadRequest(problem)
    text, caption = _words(kind, given)
    media = given.get("media", {})
    return InboundMessage(
        sender=given["sender"],
        kind=kind,
        text=text,
        caption=caption,
        upload=_upload(kind, given) if kind in MEDIA_KINDS else None,
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
        chaos=given.get("chaos"),
    )


def _problem(kind: str, given: Mapping[str, Any]) -> str | None:
    """Return the place and the message of a field that does not go with the kind of message, or with another field."""
    strange = sorted(given.keys() - _BESIDE_FORWARD) if "forward" in given else []
    if strange:
        return f"{strange[0]}: a forwarded message cannot be changed"
    if (given.get("file") or given.get("media")) and kind not in MEDIA_KINDS and "message" not in given:
        return f"type: a {kind} carries no media; those that do are {', '.join(MEDIA_KINDS)}"
    if kind == "channel_image" and given.get("group"):
        return "group: a channel image comes from a channel, not from a group"
    options = given.get("options")
    if kind == "poll" and options and given.get("selectable", 1) > len(options):
        return "selectable: more than there are options"
    if kind not in TARGETED:
        if "target" in given:
            return f"target: {kind} changes no message; name a message that it quotes as reply_to"
    elif not given.get("target") and "message" not in given:
        return f"target: {kind} needs the id of the message that it changes"
    elif "reply_to" in given:
        return f"reply_to: {kind} replies to no message; name the message that it changes as target"
    return None


def _words(kind: str, given: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return text and caption. Text beside a file is its caption."""
    text, caption = given.get("text"), given.get("caption")
    if kind in MEDIA_KINDS and text and "message" not in given:
        if kind not in CAPTIONED or caption is not None:
            beside = " beside its caption" if caption else ""
            raise BadRequest(f"text: a message of type {kind} has no text{beside}")
        return "", text
    if kind == "reaction":
        return given.get("emoji", "👍" if text is None else text), caption
    return _DEFAULT_TEXTS.get(kind, "") if text is None else text, caption


def _kind_of(given: Mapping[str, Any]) -> str:
    """Guess the type that was not named from what was given."""
    media, upload = given.get("media", {}), given.get("file")
    if media or upload:
        file = sample(media["sample"]) if "sample" in media else upload
        family = (file.mimetype if file else media["mimetype"]).partition("/")[0]
        return family if family in ("image", "video", "audio") else "document"
    if "latitude" in given:
        return "location"
    if "emoji" in given:
        return "reaction"
    return "contact" if "contact" in given else "text"


def _upload(kind: str, given: Mapping[str, Any]) -> Upload | None:
    media = given.get("media")
    if "file" in given or not media:
        return given.get("file")
    name, mimetype = media["fileName"], media["mimetype"]
    if "base64" in media:
        return Upload(media["base64"], name, mimetype)
    if not ("sample" in media or name or mimetype):
        return None
    found = sample(media.get("sample") or MEDIA_KINDS[kind])
    return Upload(found.data, name or found.file_name, mimetype or found.mimetype)


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
            contact = given.get("contact", _CONTACT)
            return {"displayName": contact["name"], "number": contact["number"]}
        case "poll":
            options = given.get("options", ["Saturday", "Sunday"])
            return {"options": options, "selectableOptionsCount": given.get("selectable", 1)}
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
