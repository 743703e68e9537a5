"""The shape of a world file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from flaresend_mock.core import numbers
from flaresend_mock.core.clock import EARLIEST, LATEST
from flaresend_mock.core.models import INSTANCE_STATUSES, SUBJECT_LENGTH

VERSION = 1
MAX_POPULATION = 10_000
MAX_PAIRING_SECONDS = 30 * 86_400
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)  # when groups and channels began that do not say when


def _version(value: int) -> None:
    if value != VERSION:
        raise ValidationError(f"This emulator reads version {VERSION}.")


def known_time_zone(value: str) -> None:
    """Refuse what is no IANA time zone."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(f"{value!r} is not a time zone, such as Africa/Nairobi.") from None


def usable_key(value: str) -> None:
    """Refuse what cannot stand in an Authorization header."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValidationError("An API key has printable ASCII characters without spaces.")


def _number(value: str) -> None:
    if numbers.parse(value) != value:
        raise ValidationError(f"{value!r} is not a phone number of 7 to 15 digits.")


def _text(check: Callable[[Any], None] | validate.Validator, **kwargs: Any) -> fields.String:
    return fields.String(validate=check, **kwargs)


def _number_field() -> fields.String:
    return _text(_number, required=True)


def _shaped(pattern: str, example: str) -> validate.Regexp:
    return validate.Regexp(pattern, error=f"{{input!r}} does not look like {example}.")


LID = _shaped(r"[0-9]{13,15}@lid\Z", "163514152964174@lid")
_UUID = _shaped(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", "9b540e83-e1ca-49b4-8c34-01fd31991d04")
_GROUP_JID = _shaped(r"[0-9]{10,20}@g\.us\Z", "120363403582097887@g.us")
_CHANNEL_JID = _shaped(r"[0-9]{10,20}@newsletter\Z", "120363313617097254@newsletter")
_INVITE = _shaped(r"[0-9A-Za-z]{22}\Z", "22 letters and digits")
_CHANNEL_INVITE = _shaped(r"0029V[0-9A-Za-z]{19}\Z", "0029Vb8Bvrt8vd1YTuvt1S14")


class Time(fields.Field[datetime]):
    """A time in ISO 8601 with an offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError("no offset")
            moment = moment.astimezone(UTC)
            if not EARLIEST <= moment < LATEST:
                raise ValueError("no clock shows it")
            return moment
        except (TypeError, ValueError, OverflowError):
            raise ValidationError(f"{value!r} is not a time such as 2025-11-14T13:00:00Z.") from None


class Section(Schema):
    """A part of a world file; names that nobody knows are refused."""

    class Meta:
        unknown = RAISE

    error_messages = {  # noqa: RUF012 - as marshmallow declares it
        "type": "A JSON object is expected here.",
        "unknown": "Nothing of this name is known here.",
    }


class ClockSection(Section):
    now = Time(required=True)
    frozen = fields.Boolean(load_default=True)


class InstanceSection(Section):
    id = _text(_UUID, load_default=None)
    name = fields.String(load_default="")
    number = _number_field()
    lid = _text(LID, load_default=None)
    status = _text(validate.OneOf(INSTANCE_STATUSES), load_default="connected")
    api_keys = fields.List(_text(usable_key), load_default=list)


class RuleSection(Section):
    """A person's automatic reply: `reply`, or the same text again, to a text that contains `when`."""

    when = fields.String(load_default=None, allow_none=True)
    reply = fields.String(load_default=None, allow_none=True)
    after = fields.Float(load_default=1.0, validate=validate.Range(0, 30 * 86_400))


class PersonSection(Section):
    number = _number_field()
    name = fields.String(load_default="")
    lid = _text(LID, load_default=None)
    on_whatsapp = fields.Boolean(load_default=True)
    rules = fields.List(fields.Nested(RuleSection), load_default=list)


class MemberSection(Section):
    number = _number_field()
    admin = _text(validate.OneOf(["superadmin", "admin"]), load_default=None, allow_none=True)


class GroupSection(Section):
    id = _text(_GROUP_JID, load_default=None)
    subject = _text(validate.Length(1, SUBJECT_LENGTH), required=True)
    description = fields.String(load_default="")
    owner = _number_field()
    created = Time(load_default=None)
    invite = _text(_INVITE, load_default=None)
    announce = fields.Boolean(load_default=False)
    restrict = fields.Boolean(load_default=False)
    participants = fields.List(fields.Nested(MemberSection), required=True)


class RoleSection(Section):
    number = _number_field()
    role = _text(validate.OneOf(["OWNER", "ADMIN", "SUBSCRIBER"]), required=True)


class ChannelSection(Section):
    id = _text(_CHANNEL_JID, load_default=None)
    name = _text(validate.Length(1), required=True)
    description = fields.String(load_default="")
    invite = _text(_CHANNEL_INVITE, load_default=None)
    created = Time(load_default=None)
    subscribers = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 10**12))
    roles = fields.List(fields.Nested(RoleSection), load_default=list)


class PopulationSection(Section):
    """How many people and groups are invented from the seed."""

    people = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, MAX_POPULATION))
    groups = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, MAX_POPULATION))


class WorldSection(Section):
    """A whole world file."""

    version = fields.Integer(strict=True, required=True, validate=_version)
    description = fields.String(load_default="")
    seed = fields.Integer(strict=True, load_default=1)
    time_zone = _text(known_time_zone, load_default="UTC")
    senders = _text(validate.OneOf(["number", "lid"]), load_default="number")
    clock = fields.Nested(ClockSection, load_default=None)
    pairing_seconds = fields.Float(
        load_default=None, allow_none=True, validate=validate.Range(0, MAX_PAIRING_SECONDS)
    )
    instances = fields.List(fields.Nested(InstanceSection), required=True, validate=validate.Length(1))
    people = fields.List(fields.Nested(PersonSection), load_default=list)
    groups = fields.List(fields.Nested(GroupSection), load_default=list)
    channels = fields.List(fields.Nested(ChannelSection), load_default=list)
    populate = fields.Nested(PopulationSection, load_default=None)
