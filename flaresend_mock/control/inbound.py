"""POST /_mock/inbound: a person writes to an instance."""

import json
import re
from binascii import a2b_base64
from collections.abc import Mapping
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any

from flask import request
from marshmallow import ValidationError, fields, post_load, pre_load, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control.inputs import Dictionary, Nested, Object, Several, Switch, Text, about, input_of
from flaresend_mock.control.resources import Received
from flaresend_mock.core import kinds, numbers, payloads
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.media import FLAWS
from flaresend_mock.core.models import Cause, Chaos, Upload
from flaresend_mock.core.payloads import MEDIA_KINDS, InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import MEDIA_LIMITS, load_json
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.package_data import event_names, sample, sample_event
from flaresend_mock.world_format.schema import must

blueprint = Endpoints("inbound")

_MEDIA_TYPE = validate.Regexp(r"[ -~]{0,200}\Z", error="A media type has printable ASCII characters, 200 at most.")
_SENDER = "The sender's phone number; required, but for an event."
_LID = re.compile(r"[0-9]{7,15}@lid")
_is_person = must(
    lambda given: numbers.parse(given) or _LID.fullmatch(given),
    "{!r} is neither a phone number nor the JID of a person.",
)
_is_number = must(lambda given: type(given) in (str, int), "A phone number is a string or a whole number.")
_is_upload = must(lambda given: isinstance(given, Upload), "upload it as a part of a multipart form")


class Base64(Text):
    """Bytes, in base64."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = value if isinstance(value, memoryview) else super()._deserialize(value, attr, data, **kwargs)
        try:
            return a2b_base64(text, strict_mode=True)
        except ValueError:
            raise ValidationError("not base64") from None


class MediaInput(input_of("MediaInput")):  # type: ignore[misc]
    """A file: a shipped `sample`, or bytes in `base64`; and what is wrong with its link."""

    base64 = Base64("The bytes of the file, in base64.")
    mimetype = Text("The media type; by default, the name of the file gives it.", load_default="", check=_MEDIA_TYPE)

    @validates_schema
    def check_one_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "sample" in data and "base64" in data:
            raise ValidationError("Give a sample or base64, not both.")

    @post_load
    def name_type(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        if "base64" in data and data["fileName"] and not data["mimetype"]:  # the same on every machine
            guess, _ = MimeTypes().guess_type(data["fileName"], strict=False)
            data["mimetype"] = guess or "application/octet-stream"
        return data


class ContactInput(input_of("ContactInput")):  # type: ignore[misc]
    name = Text("The contact's name.", load_default="Jane Doe", check=must(str.strip, "This is empty."))

    @post_load
    def read(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the contact as an `InboundMessage` has it."""
        number = numbers.parse(data["number"])
        if number is None:
            raise ValidationError("Not a phone number in international format.", "number")
        return {"displayName": data["name"], "number": number, "on_whatsapp": data["on_whatsapp"]}


class InboundInput(input_of("InboundInput")):  # type: ignore[misc]
    """What a person writes, or a whole `event`. Beside `from`, each `type` has fields of its own."""

    sender = Object(_SENDER, ["string", "integer"], check=_is_number, data_key="from")
    media = Nested(MediaInput, "A file, and what is wrong with its link.")
    file = fields.Raw(validate=_is_upload, metadata=about("A file, only in forms.", type="string", format="binary"))
    mentions = Several("The numbers or JIDs of people who are mentioned.", None, fields.String(validate=_is_person))
    contact = Nested(ContactInput, "A contact.")
    contacts = Several("Several contacts.", 100, Nested(ContactInput), least=2)
    message = Dictionary("A payload in WhatsApp's format, sent unchanged.", validate=validate.Length(1))
    event = Object(f"A whole event, sent as is, or a sample's name: {', '.join(event_names())}.", ["object", "string"])

    @validates_schema
    def check_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "event" not in data:
            if "sender" not in data:
                raise ValidationError("Missing data for required field.", "from")
            return
        if not isinstance(data["event"], str | dict):
            raise ValidationError("An object is expected here, or the name of a sample.", "event")
        beside = next((name for name in self.fields if name in data and name not in ("event", "instance")), None)
        if beside is not None:
            raise ValidationError("An event is sent unchanged; give only `instance` beside it.", "event")
        if isinstance(data["event"], str) and data["event"] not in event_names():
            raise ValidationError(unknown(data["event"], event_names()), "event")

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
    is_json = isinstance(field, fields.Number | Nested | Dictionary)
    if is_json or (name == "event" and value.lstrip().startswith("{")):
        try:
            return load_json(value.encode())
        except ValueError:
            if not isinstance(field, fields.Number):  # numbers have a better message
                raise BadRequest(f"{name}: not JSON") from None
    return value


_UNCHANGED = ("instance", "group", "reply_to", "target", "forward", "forwarded")
_DEFAULTS = json.loads((Path(__file__).parent / "assets" / "inbound.json").read_text("utf-8"))
"""What a message holds that is not given: its text, by kind, its details, by kind, and the contacts that it names."""
_CONTACTS = ContactInput(many=True).load(_DEFAULTS["contacts"])


@blueprint.post("/inbound", Received, status=201, body=InboundInput(), forms=True, limits=MEDIA_LIMITS, refuses=(409,))
def receive_message(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Receive a message from a person, or deliver an own event, and return the event with its delivery."""
    if "event" in body:
        given = body["event"]
        given = sample_event(given) if isinstance(given, str) else given
        received = world.inbound.receive_event(given, body.get("instance"))
    else:
        received = world.inbound.receive(_message(body))
    return {"event": received.event, "delivery": received.delivery}


def _message(given: Mapping[str, Any]) -> InboundMessage:
    kind = given.get("type") or _kind_of(given)
    if "message" in given:
        found = payloads.read(given["message"]).type
        if given.get("type") not in (None, found):
            raise BadRequest(f"type: this payload is of type {found}")
        kind = found
    if problem := kinds.problem(kind, given):
        raise BadRequest(problem)
    text, caption = given.get("text"), given.get("caption")
    if "caption" in kinds.FIELDS.get(kind, ()):  # a text is one
        text, caption = "", caption if text is None else text
    elif kind == "reaction":
        text, caption = given.get("emoji", "👍" if text is None else text), None
    else:
        text, caption = _DEFAULTS["texts"].get(kind, "") if text is None else text, None
    return InboundMessage(
        sender=given["sender"],
        kind=kind,
        text=text,
        caption=caption,
        upload=_upload(kind, given) if kind in MEDIA_KINDS else None,
        flaws={flaw: given.get("media", {}).get(flaw, False) for flaw in FLAWS},
        mentions=tuple(given.get("mentions", ())),
        details={} if "message" in given else _details(kind, given),
        raw=given.get("message"),
        as_lid=given.get("from_lid"),
        cause=Cause("inbound"),
        chaos=Chaos(**given["chaos"]) if "chaos" in given else None,
        **{name: given[name] for name in _UNCHANGED if name in given},
    )


def _kind_of(given: Mapping[str, Any]) -> str:
    """Guess the type that was not named from what was given."""
    media, upload = given.get("media", {}), given.get("file")
    if media or upload:
        file = sample(media["sample"]) if "sample" in media else upload
        family = (file.mimetype if file else media["mimetype"]).partition("/")[0]
        return family if family in ("image", "video", "audio") else "document"
    return next((kind for field, kind in kinds.TELLING.items() if field in given), "text")


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
        case "contact":
            return dict(given.get("contact", _CONTACTS[0]))
        case "contacts":
            return {"contacts": list(given.get("contacts", _CONTACTS))}
        case "text":
            link = given.get("link", {})
            return {"matchedText": link.get("url"), "description": link.get("description"), "title": link.get("title")}
    details = {**_DEFAULTS["details"].get(kind, {}), **{name: given[name] for name in kinds.DETAILS if name in given}}
    names = kinds.IN_PAYLOADS.get(kind, {})
    return {names.get(name, name): value for name, value in details.items()}
