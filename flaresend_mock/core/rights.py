"""Who may change, quote and forward which message on WhatsApp."""

from datetime import datetime, timedelta

from flaresend_mock.core import payloads
from flaresend_mock.core.errors import NotAllowed, require
from flaresend_mock.core.models import Message
from flaresend_mock.core.payloads import TARGETED, InboundMessage
from flaresend_mock.core.state import State

EDITABLE_FOR = timedelta(minutes=15)
DELETABLE_FOR = timedelta(hours=60)

CHANGES = frozenset({*TARGETED, "disappearing"})  # the kinds that no message can quote, change, forward or wrap
_EDITABLE = frozenset({"text", "image", "video", "gif", "document"})  # the kinds whose text or caption can be edited


def require_change(
    state: State, message: InboundMessage, target: Message, instance: str, sender: str, chat: str, now: datetime
) -> None:
    """Refuse a change of a target that WhatsApp does not let the sender of a message make: NotAllowed says why."""
    _require(target.instance == instance, "target: another instance has this message")
    _require(target.chat == chat, "target: this message is in another chat")
    require_usable("target", state, target, "changed")
    match message.kind:
        case "poll_vote":
            _require_options(message, target)
        case "edit":
            _require_edit(target, sender, now)
        case "delete":
            group = state.groups.get(chat)
            if group is None or not group.is_admin(sender):
                by_author = target.sender == sender
                _require(by_author, "target: only its author, or an admin of its group, deletes a message")
                _require(now - target.at <= DELETABLE_FOR, "target: a message is deleted within 60 hours")


def require_usable(field: str, state: State, message: Message, changed: str) -> None:
    """Refuse a message that cannot be quoted or `changed`: NotAllowed says why, and names the request's `field`."""
    kind = message.content.type
    original = payloads.target_of(message)
    hint = f"; name the message that it is about, {original}" if original else ""
    _require(kind not in CHANGES, f"{field}: a message of type {kind} cannot be {changed}{hint}")
    _require(message.status != "failed", f"{field}: this message failed, so no one has it")
    _require(message.sender.isdigit(), f"{field}: this event names no person who wrote it")
    _require(not is_deleted(state, message), f"{field}: this message was deleted")


def changes_of(state: State, message: Message) -> list[Message]:
    """Return the reactions, edits, deletions and votes that phones apply to a message, oldest first."""
    return [one for one in state.messages if payloads.target_of(one) == message.id and applies(state, one, message)]


def applies(state: State, change: Message, target: Message) -> bool:
    """Tell whether phones apply a change. They ignore what its sender must not do, and only raw payloads do that."""
    if (change.chat, change.instance) != (target.chat, target.instance):
        return False
    kind, group = change.content.type, state.groups.get(target.chat)
    if not change.content.raw or kind not in ("edit", "delete") or change.sender == target.sender:
        return True
    return kind == "delete" and group is not None and group.is_admin(change.sender)


def is_deleted(state: State, message: Message) -> bool:
    return any(one.content.type == "delete" for one in changes_of(state, message))


def _require_edit(target: Message, sender: str, now: datetime) -> None:
    said = payloads.read(target.payload)
    kind = said.type if target.content.raw else target.content.type
    has_words = said.text is not None or said.caption is not None
    _require(target.sender == sender, "target: only its author edits a message")
    _require(kind in _EDITABLE, f"target: a message of type {kind} has no text to edit")
    _require(has_words, f"target: this message of type {kind} has no caption to edit")
    _require(not payloads.context_of(target).get("isForwarded"), "target: a forwarded message cannot be edited")
    _require(now - target.at <= EDITABLE_FOR, "target: a message is edited within 15 minutes")


def _require_options(message: InboundMessage, poll: Message) -> None:
    fields = payloads.open_payload(poll.payload).fields
    options = payloads.choices(fields)
    chosen = message.details["choices"]
    unknown = next((one for one in chosen if one not in options), None)
    allowed = fields.get("selectableOptionsCount")
    is_poll = poll.content.type == "poll" and payloads.secret_of(poll.payload) is not None
    too_many = allowed and isinstance(allowed, int) and len(chosen) > allowed
    _require(is_poll, "target: this message is not a poll that can be voted in")
    _require(unknown is None, f"choices: the poll has no option {unknown!r}; its options are {', '.join(options)}")
    _require(not too_many, f"choices: the poll allows {allowed}")


def _require(allowed: bool, otherwise: str) -> None:
    require(allowed, NotAllowed, otherwise)
