"""The models of a world: frozen data classes. A change replaces the whole object."""

import json
import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flaresend_mock.core.bounded_store import size_of, size_of_template, weight
from flaresend_mock.core.model import model, told

INSTANCE_STATUSES = ("initializing", "qr", "connecting", "connected", "disconnected")
OPEN_STATUSES = ("pending", "retrying", "delayed", "waiting")
CLOSED_STATUSES = ("delivered", "failed", "held", "dropped", "interrupted", "no endpoint")
"""The statuses of deliveries that are on their way, and of those that have ended."""
MESSAGE_TYPES = ("text", "image", "video", "audio", "document", "template")
CHANNEL_MESSAGE_TYPES = ("text", "image", "video", "audio", "document")
MEDIA_TYPES = frozenset({"image", "video", "audio", "document"})
BODY_STYLES = ("raw", "escaped")  # of the JSON of an event: UTF-8, or with escapes for slashes and other characters
DISAPPEARING_SECONDS = (86_400, 604_800, 7_776_000)

_FILE = re.compile(rb'"directPath":"([^"?]*)')


@model
class Rule:
    """A person's `reply` (None: the same text), `after` seconds after a text with `when` (None: any) in any case."""

    when: str | None = told("A text that contains this is replied to; null for every text.", default=None)
    reply: str | None = told("The reply; null for the same text.", default=None)
    after: float = told("Seconds of the world's clock until the reply.", default=1.0)


@model
class Person:
    """A person with a number and a LID, on WhatsApp or not. The first of their `rules` that matches replies."""

    number: str = told("The phone number, as digits.")
    lid: str = told("The LID, such as 163514152964174@lid.")
    name: str = told("The name.", default="")
    on_whatsapp: bool = told("Whether messages reach this number.", default=True)
    rules: tuple[Rule, ...] = told("Automatic replies: the first rule that matches applies.", default=())
    aliases: tuple[str, ...] = told("Further numbers that reach this person.", default=())
    addable: bool = told("Whether others may add this person to groups.", default=True)


@model
class Chaos:
    """Random failures of events: probabilities from 0 to 1, and a delay in seconds of the world's clock."""

    duplicate: float = told("The probability that an event is delivered twice.", default=0.0)
    reorder: float = told("The probability that later events overtake an event.", default=0.0)
    drop: float = told("The probability that an event is not delivered.", default=0.0)
    delay: float = told("Seconds of the world's clock until an event is sent.", default=0.0)


@model
class Webhook:
    """Where an instance's events go. While it is paused, they are held."""

    url: str = told("The URL that events are sent to.")
    secret: str | None = told("The secret that deliveries are signed with, masked.", default=None)
    retries: tuple[float, ...] = told("Seconds of the world's clock between attempts.", default=(1, 5, 30, 120, 600))
    verification: str = told("How the receiver is verified: none, post or challenge.", default="none")
    verify_token: str | None = told("The token of a challenge, masked.", default=None)
    chaos: Chaos = told("Random failures of deliveries.", default=Chaos())
    paused: bool = told("Whether events are held.", default=False)
    failures: int = told("Deliveries that failed in a row.", default=0)
    ordered: bool = told("Whether the events of a chat wait for one that is retried.", default=True)
    body_style: str = told("How the JSON of events is written: raw or escaped.", default="raw")
    ca: str | None = told("Certificates in PEM that also verify the receiver, besides public ones.", default=None)
    verify: bool = told("Whether the certificate of an https receiver is verified.", default=True)


@model
class QrCode:
    """The QR code that an instance shows, until it expires; the URL of the scan page contains `code`."""

    code: str
    expires: datetime


@model
class Instance:
    """A phone linked to Flaresend. Only the status `connected` can send.

    Once it is `logged_out`, another phone, with another number, may scan its QR code.
    """

    id: str = told("The instance's id.")
    number: str = told("The phone number, as digits.")
    name: str = told("The name.", default="")
    status: str = told(f"{', '.join(INSTANCE_STATUSES)}.", default="connected")
    api_keys: tuple[str, ...] = told("The API keys, which are not shown again.", default=())
    webhook: Webhook | None = None
    qr: QrCode | None = None
    logged_out: bool = told("Whether another phone may scan its QR code.", default=False)

    @property
    def title(self) -> str:
        """The name, or else the number."""
        return self.name or f"+{self.number}"


@model
class Member:
    """A participant of a group."""

    number: str = told("The phone number, as digits.")
    admin: str | None = told("superadmin, admin, or null.", default=None)


@model
class Group:
    """A WhatsApp group."""

    id: str = told("The group's JID.")
    subject: str = told("The name of the group.")
    subject_owner: str
    subject_time: datetime
    owner: str = told("The number of who created the group.")
    created: datetime = told("When the group was created, in UTC.")
    invite: str
    members: Mapping[str, Member]
    description: str = told("The description of the group.", default="")
    announce: bool = told("Whether only admins may post.", default=False)
    restrict: bool = told("Whether only admins may edit the group's info.", default=False)
    join_approval: bool = False
    members_may_add: bool = False
    is_community: bool = False
    is_community_announce: bool = False

    def is_admin(self, number: str) -> bool:
        return (member := self.members.get(number)) is not None and member.admin is not None


@model
class Channel:
    """A WhatsApp newsletter; `roles` are OWNER, ADMIN or SUBSCRIBER by the follower's number."""

    id: str = told("The channel's JID.")
    name: str = told("The name of the channel.")
    invite: str = told("The code in the link by which people find the channel.")
    created: datetime = told("When the channel was created, in UTC.")
    description: str = told("The description of the channel.", default="")
    picture: str | None = told("The URL of the channel's picture.", default=None)
    subscribers: int = told("The number of subscribers.", default=0)
    roles: Mapping[str, str] = field(default_factory=dict)

    def role_of(self, number: str) -> str:
        return self.roles.get(number, "GUEST")


@model
class Upload:
    """An uploaded file. Its name is data, never a path."""

    data: bytes
    file_name: str
    mimetype: str


@model
class Media:
    """A stored file."""

    id: str
    data: bytes
    file_name: str
    mimetype: str
    sha256: str

    @property
    def size(self) -> int:
        return 300 + len(self.data) + 4 * (len(self.file_name) + len(self.mimetype))


@model
class Served:
    """A file as WhatsApp's media host serves it, under its path, until it expires."""

    path: str
    data: bytes
    expires: datetime
    mimetype: str = "application/octet-stream"

    @property
    def size(self) -> int:
        return 300 + len(self.data) + len(self.mimetype)


@model
class Content:
    """The content of a message. Media is an `upload`, or a `url` that is recorded and not fetched.

    In received messages, `raw` tells that the payload was given, `by_rule` that the message is an automatic reply.
    """

    type: str
    text: str | None = None
    url: str | None = None
    caption: str | None = None
    file_name: str | None = None
    mimetype: str | None = None
    template: Any = None
    upload: Upload | None = None
    media: str | None = None
    raw: bool = False
    by_rule: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it takes, without its upload."""
        size = 700 + (size_of_template(self.template) if self.template else 0)
        for text in (self.text, self.caption, self.url, self.file_name, self.mimetype):
            if text:
                size += 50 + len(text) * (1 if text.isascii() else 4)  # as size_of does, which is slower
        return size


@model
class Cause:
    """What made a message; see the resource."""

    kind: str
    id: str = ""


@model
class Message:
    """One message in one chat, sent or received.

    `sender` and `to` are digits for people and JIDs for groups and channels; `event` is the number of the event that
    told of it; `payload` is the received message as webhooks contain it. Without a `cause`, it came with the world.
    """

    id: str
    event: int
    direction: str
    instance: str
    chat: str
    sender: str
    to: str
    content: Content
    status: str
    at: datetime
    payload: Mapping[str, Any] | None = None
    cause: Cause | None = None

    @property
    def size(self) -> int:
        return self.content.size + (size_of(self.payload) if self.payload else 0)


@model
class Disappearing:
    """A chat whose messages disappear after some seconds. `wrapped`: they come inside ephemeralMessage."""

    seconds: int
    since: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    wrapped: bool = True


@model
class Attempt:
    """One attempt to deliver an event. If it `reconnected`, the receiver may have got the event twice."""

    at: datetime = told("When the attempt was made, in UTC.")
    url: str = told("The URL that the event was sent to.")
    headers: tuple[tuple[str, str], ...] = told("The headers that were sent.")
    status: int | None = told("The HTTP status of the response; null without a response.")
    response: str = told("The start of the response's body.")
    error: str | None = told("The error, if the receiver sent no response.")
    milliseconds: float = told("How long the attempt took.")
    accepted: bool = told("Whether the receiver accepted the event.")
    reconnected: bool = told("Whether it went over a new connection, as the kept one was closed.", default=False)


@model
class Delivery:
    """A webhook event on its way. The `timestamp` of a `stamped` body is final.

    `status` is one of OPEN_STATUSES or CLOSED_STATUSES; one that is `waiting` waits for its instance, and keeps `chaos`
    until then.
    """

    id: str = told("The delivery's id.")
    instance: str
    chat: str = told("The JID of the chat.")
    message: str = told("The id of the message that the event reports.")
    body: bytes
    created: datetime = told("When the event was created, in UTC.")
    webhook_id: str = told("The id that the receiver sees; redeliveries share it.")
    status: str = "pending"
    event: int = told("The number of its first event.", default=0)
    attempts: tuple[Attempt, ...] = told("The attempts, oldest first.", default=())
    next_retry: datetime | None = told("When it is tried again, in UTC.", default=None)
    redelivery_of: str | None = told("The id of the delivery that it repeats.", default=None)
    duplicate_of: str | None = told("The id of the delivery that a fault duplicated.", default=None)
    fault: str | None = told("The id of the last fault that it met.", default=None)
    stamped: bool = False
    chaos: Chaos | None = None
    left_out: int = 0  # how many of its first attempts are not kept

    @property
    def files(self) -> list[str]:
        """The paths of the files on the media host that the event names."""
        return [path.decode() for path in _FILE.findall(self.body)] if b"directPath" in self.body else []

    @property
    def size(self) -> int:
        return 600 + len(self.body) + weight(self.attempts)


@model
class Task:
    """A scheduled message: pending, sent, failed or cancelled. `local_time` is `send_at` in the world's time zone."""

    id: str
    instance: str
    recipients: tuple[str | int, ...]
    content: Content
    send_at: datetime
    local_time: datetime
    order: int
    status: str = "pending"
    reason: str | None = None
    call: str | None = None  # the id of the call that scheduled it

    @property
    def files(self) -> list[str]:
        """The id of the file that it sends, if it sends one."""
        return [self.content.media] if self.content.media else []

    @property
    def size(self) -> int:
        return self.content.size + size_of(self.recipients)


@model
class PendingAutoReply:
    """An automatic reply to a message that is scheduled."""

    instance: str
    number: str
    text: str
    group: str | None = None
    message: str = ""

    @property
    def size(self) -> int:
        """At least the size of the event that it becomes, so that there is room for that."""
        return 2000 + len(json.dumps(self.text, ensure_ascii=False).encode(errors="replace"))


@model
class Call:
    """An API call and its response; `instance` is None where no key was recognised.

    `body` is the bytes that were sent, or the fields of a form, or None. `fault` is the id of the fault that hit the
    call. If it reset the connection, `status` is None. `path` is as it was routed, `raw_path` as it was sent.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: Any
    status: int | None
    response: bytes
    instance: str | None
    fault: str | None = None
    raw_path: str = ""
    id: str = ""
    body_size: int | None = None  # in bytes, if only the beginning is kept

    @property
    def url(self) -> str:
        """The path as it was routed, with the query if there is one."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def raw_url(self) -> str:
        """The path as it was sent, with the query if there is one."""
        return f"{self.raw_path}?{self.query}" if self.query else self.raw_path

    @property
    def succeeded(self) -> bool:
        return self.status is not None and self.status < 400

    @property
    def size(self) -> int:
        texts = "".join((self.method, self.path, self.raw_path, 2 * self.query, *chain.from_iterable(self.headers)))
        return 1200 + 160 * len(self.headers) + size_of(texts) + size_of(self.body) + len(self.response)


@model
class Reply:
    """The reply of a fault, instead of the API's or the receiver's; `body` is JSON, or text that is sent unchanged."""

    status: int = told("The HTTP status.")
    body: Any = told("The body: JSON, or a text.", default=None)
    headers: Mapping[str, str] = told("More headers.", default_factory=dict)


@model
class Delay:
    """A delay in seconds: uniform between two bounds, or normal around a mean and cut to the bounds."""

    lowest: float
    highest: float
    mean: float | None = None
    deviation: float = 0.0


@model
class Fault:
    """A rule that makes calls or deliveries fail, until `hits` is `times`; `match` is as the control plane takes it."""

    id: str = told("The fault's id, such as fault-1.")
    name: str = told("The name in lists and logs.")
    on: str = told("calls or deliveries.")
    match: Mapping[str, Any]
    reply: Reply | None = None
    delay: Delay | None = told("The seconds that it delays by.", default=None)
    action: str | None = told("What it does to the connection, the response or the event.", default=None)
    after: int = told("How many matches pass before it first applies.", default=0)
    every: int = told("It applies to every Nth match.", default=1)
    times: int | None = told("How often it applies at most.", default=None)
    probability: float = told("The probability that it applies.", default=1.0)
    matched: int = told("How often it matched.", default=0)
    hits: int = told("How often it applied.", default=0)

    @property
    def armed(self) -> bool:
        return self.times is None or self.hits < self.times


@model
class TaskChange:
    """A change of a scheduled message: scheduled, updated, cancelled, sent or failed."""

    action: str
    task: Task

    @property
    def size(self) -> int:
        return self.task.size


@model
class Change:
    """A change of a group, a channel, an instance, a fault, a person, a webhook, the clock or the world."""

    action: str
    id: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return 300 + size_of(self.id) + size_of(self.details)
