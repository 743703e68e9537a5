"""The fields of each kind of inbound message. What does not belong to a kind is refused by name, so nothing gets lost.

The control plane checks requests by this table, and the dashboard builds its form from it.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from flaresend_mock.core.media import FLAWS
from flaresend_mock.core.models import DISAPPEARING_SECONDS
from flaresend_mock.core.payloads import TABLES

COMMON = frozenset({"sender", "instance", "group", "type", "from_lid", "chaos"})  # the fields that every kind has

FIELDS: Mapping[str, tuple[str, ...]] = {kind: tuple(names.split()) for kind, names in TABLES["fields"].items()}
KINDS = tuple(FIELDS)  # every kind of message that a person can write

_OTHERS = frozenset("reply_to forwarded mentions media file text caption target emoji link contact contacts".split())
DETAILS = frozenset(chain.from_iterable(FIELDS.values())) - _OTHERS
"""The fields that are details of an `InboundMessage`, without those that take another form there."""
IN_PAYLOADS: Mapping[str, Mapping[str, str]] = TABLES["details"]  # what payloads call a detail, by kind
TELLING: Mapping[str, str] = TABLES["telling"]  # the fields that tell the kind of a message

_WHOLE: Mapping[str, tuple[frozenset[str], str]] = {
    "forward": (COMMON - {"type"} | {"forward", "forwarded"}, "a forwarded message cannot be changed"),
    "message": (COMMON | {"message"}, "a payload is sent unchanged"),
}
"""What may stand beside a message that is given as a whole, and why nothing else may."""
_HINTS = {"target": "name what it quotes as reply_to", "reply_to": "name what it changes as target"}
_FILLED = {"poll": "text", "button_reply": "selected", "list_reply": "selected"}  # not empty where given
_ONE_OF = (("text", "caption"), ("text", "emoji"))  # two names of one thing


def problem(kind: str, given: Mapping[str, Any]) -> str | None:
    """Return the place and the message of a field that does not go with a kind of message, or with another field."""
    for whole, (allowed, reason) in _WHOLE.items():
        if whole in given:
            strange = sorted(given.keys() - allowed)
            return f"{strange[0]}: {reason}" if strange else None
    own = FIELDS[kind]
    strange = sorted(given.keys() - COMMON - set(own))
    if strange:
        hint = _HINTS.get(strange[0]) if ("target" in own) == (strange[0] == "reply_to") else None
        return f"{strange[0]}: a message of type {kind} has none; {hint or 'it has ' + ', '.join(own)}"
    for one, other in _ONE_OF:
        if one in given and other in given:
            return f"{one}: a message of type {kind} has no {one} beside its {other}"
    if "target" in own and not given.get("target"):
        return f"target: {kind} needs the id of the message that it changes"
    return _odd(kind, given)


def _odd(kind: str, given: Mapping[str, Any]) -> str | None:
    """Return the place and the message of a value that does not go with its kind."""
    options = [one.strip() for one in given.get("options", ("Saturday", "Sunday"))]
    choices = given.get("choices", ())
    if kind in _FILLED and not given.get(name := _FILLED[kind], "-").strip():
        return f"{name}: a message of type {kind} needs one; leave {name} out to send a sample"
    flaw = next((name for name in FLAWS if given.get("media", {}).get(name)), None)
    match kind:
        case "channel_image" if given.get("group"):
            return "group: a channel image comes from a channel, not from a group"
        case "poll" if given.get("selectable", 1) > len(options):
            return "selectable: more than there are options"
        case "poll" if not all(options):
            return "options: an option is empty"
        case "poll" if len(set(options)) < len(options):
            return "options: each option is different"
        case "poll_vote" if len(set(choices)) < len(choices):
            return "choices: each choice is different"
        case "album" if given.get("images", 2) + given.get("videos", 0) < 2:
            return "images: an album has two pictures and videos or more"
        case "edit" if not given.get("text", "-").strip():
            return "text: an edit has a text; a deletion removes a message"
        case "disappearing" if given.get("seconds", 0) not in (0, *DISAPPEARING_SECONDS):
            return f"seconds: WhatsApp offers {', '.join(map(str, DISAPPEARING_SECONDS))}, and 0 for off"
        case "view_once" if flaw and not given.get("complete"):
            return f"media.{flaw}: linked devices get no link to what is viewed once, unless it is complete"
    return None
