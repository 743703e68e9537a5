"""What answers of the control plane look like as JSON, for those who write them and for the OpenAPI document."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

MessageShown = TypedDict(
    "MessageShown",
    {
        "id": str,
        "direction": str,
        "instance": str,
        "chat": str,
        "from": str,
        "to": str,
        "type": str,
        "text": str | None,
        "caption": str | None,
        "fileName": str | None,
        "mimetype": str | None,
        "media": str | None,
        "url": str | None,
        "template": Any,
        "status": str,
        "timestamp": str,
        "event": int,
    },
)
"""A message: people as digits, groups and channels as JIDs; `event` is its number in the event log."""


class CallShown(TypedDict):
    """A call of the API with its response; `status` is null where a fault cut the connection."""

    id: int
    method: str
    path: str
    query: str
    headers: dict[str, Any]
    body: Any
    status: int | None
    response: Any
    instance: str | None
    timestamp: str
    fault: str | None


class TaskShown(TypedDict):
    """A scheduled message."""

    id: str
    instance: str
    recipients: list[str]
    type: str
    text: str | None
    sendAt: str
    status: str
    reason: str | None


class Attempted(TypedDict):
    """What was sent to a webhook, and what came back."""

    url: str
    headers: dict[str, str]
    status: int | None
    response: str
    error: str | None
    milliseconds: float


class AttemptShown(Attempted):
    """One attempt to deliver an event, and when it was made."""

    at: str


class DeliveryShown(TypedDict):
    """A webhook event with every attempt; `body` is what is delivered."""

    id: str
    status: str
    instance: str
    chat: str
    message: str
    webhook_id: str
    event: int
    created: str
    next_retry: str | None
    redelivery_of: str | None
    duplicate_of: str | None
    body: Any
    attempts: list[AttemptShown]
    fault: str | None


class ChaosShown(TypedDict):
    """What goes wrong with a webhook's deliveries on purpose."""

    duplicate: float
    reorder: float
    drop: float
    delay: float


class WebhookShown(TypedDict):
    """Where an instance's events go."""

    url: str
    secret: str | None
    retries: list[float]
    verification: str
    verify_token: str | None
    chaos: ChaosShown
    paused: bool
    failures: int


class WebhookOf(TypedDict):
    """The webhook of an instance, or none."""

    instance: str
    webhook: WebhookShown | None


class Resumed(TypedDict):
    """What was held back and is delivered now."""

    replayed: list[DeliveryShown]


class KeyShown(TypedDict):
    """An API key: its id, and the key, masked unless secrets are shown."""

    id: str
    api_key: str


class InstanceShown(TypedDict):
    """An instance, with its webhook."""

    id: str
    name: str
    number: str
    lid: str | None
    status: str
    logged_out: bool
    api_keys: list[KeyShown]
    webhook: WebhookShown | None


class RuleShown(TypedDict):
    """How somebody answers by themselves."""

    when: str | None
    reply: str | None
    after: float


class PersonShown(TypedDict):
    """Somebody in the directory."""

    number: str
    lid: str
    name: str
    on_whatsapp: bool
    rules: list[RuleShown]


class MemberShown(TypedDict):
    """Who is in a group."""

    number: str
    admin: str | None


class GroupShown(TypedDict):
    """A group, with its people by their numbers."""

    id: str
    subject: str
    description: str
    owner: str
    announce: bool
    restrict: bool
    created: str
    participants: list[MemberShown]


class RoleShown(TypedDict):
    """What an instance is in a channel."""

    number: str
    role: str


class ChannelShown(TypedDict):
    """A channel, with who owns, edits or follows it of the instances."""

    id: str
    name: str
    description: str
    invite: str
    picture: str | None
    subscribers: int
    created: str
    roles: list[RoleShown]


class ReplyShown(TypedDict):
    """What a fault answers."""

    status: int
    body: Any
    headers: dict[str, str]


DelayShown = TypedDict(
    "DelayShown", {"from": float, "to": float, "mean": NotRequired[float], "deviation": NotRequired[float]}
)
"""Seconds that a fault takes."""


class FaultShown(TypedDict):
    """A fault, with how often it matched and hit."""

    id: str
    name: str
    armed: bool
    on: str
    match: dict[str, Any]
    respond: ReplyShown | None
    delay: DelayShown | None
    action: str | None
    after: int
    every: int
    times: int | None
    probability: float
    matched: int
    hits: int


class FiredShown(TypedDict):
    """One due thing that was run."""

    at: str
    kind: str
    id: str
    result: str
    reason: str | None


class EventShown(TypedDict):
    """One thing that happened; its details stand under the name of its kind."""

    id: int
    kind: str
    timestamp: str
    message: NotRequired[MessageShown]
    request: NotRequired[CallShown]
    delivery: NotRequired[DeliveryShown]
    task: NotRequired[dict[str, Any]]
    instance: NotRequired[dict[str, Any]]
    group: NotRequired[dict[str, Any]]
    channel: NotRequired[dict[str, Any]]
    person: NotRequired[dict[str, Any]]
    webhook: NotRequired[dict[str, Any]]
    clock: NotRequired[dict[str, Any]]
    fault: NotRequired[dict[str, Any]]
    world: NotRequired[dict[str, Any]]


class ErrorShown(TypedDict):
    """What programs tell refusals apart by, and what people read."""

    code: str
    message: str


class Refused(TypedDict):
    """Why a call was refused."""

    error: ErrorShown


class MissShown(TypedDict):
    """One field in which the nearest one differs."""

    field: str
    expected: Any
    actual: Any
    missing: bool


class NearestShown(TypedDict):
    """What came nearest to what was expected."""

    misses: list[MissShown]
    item: dict[str, Any]


class Unmet(Refused):
    """Why an expectation is not met: what fits, what arrived, and what came nearest."""

    count: NotRequired[int]
    nearest: NotRequired[NearestShown | None]
    messages: NotRequired[list[MessageShown]]
    requests: NotRequired[list[CallShown]]
    deliveries: NotRequired[list[DeliveryShown]]
    arrived: NotRequired[list[dict[str, Any]]]


class Found(TypedDict):
    """What fits, under the name of what was asked for."""

    messages: NotRequired[list[MessageShown]]
    requests: NotRequired[list[CallShown]]
    deliveries: NotRequired[list[DeliveryShown]]
    count: NotRequired[int]
    event: NotRequired[int]
    verified: NotRequired[bool]


class Deleted(TypedDict):
    """What was deleted: its id or name, or how many."""

    deleted: str | int


class Messages(TypedDict):
    messages: list[MessageShown]
    evicted: int


class Requests(TypedDict):
    requests: list[CallShown]
    evicted: int


class Deliveries(TypedDict):
    deliveries: list[DeliveryShown]
    evicted: int


class Redeliveries(TypedDict):
    deliveries: list[DeliveryShown]


class Settled(TypedDict):
    settled: bool


class Tasks(TypedDict):
    scheduled: list[TaskShown]


class Events(TypedDict):
    events: list[EventShown]
    evicted: int


class People(TypedDict):
    people: list[PersonShown]


class Groups(TypedDict):
    groups: list[GroupShown]


class Channels(TypedDict):
    channels: list[ChannelShown]


class Instances(TypedDict):
    instances: list[InstanceShown]


class Keys(TypedDict):
    api_keys: list[KeyShown]


class Faults(TypedDict):
    faults: list[FaultShown]


class Received(TypedDict):
    """The event as it is delivered, and its delivery."""

    event: dict[str, Any]
    delivery: DeliveryShown


class Clock(TypedDict):
    """The world's time, and when the next thing falls due."""

    now: str
    frozen: bool
    time_zone: str
    next_due: str | None


class Advanced(TypedDict):
    """The world's time, and what fell due on the way."""

    now: str
    fired: list[FiredShown]


class SnapshotShown(TypedDict):
    """A snapshot: the last event in it, and how much it holds."""

    name: str
    event: int
    messages: int
    scheduled: int


class Snapshots(TypedDict):
    snapshots: list[SnapshotShown]


class Restored(TypedDict):
    """The world, and the number of its last event."""

    world: str
    event: int


class ArmedShown(TypedDict):
    world: str
    id: str
    name: str
    on: str


class Health(TypedDict):
    """Whether everything runs, and what goes wrong on purpose."""

    status: str
    version: str
    uptime: float
    checks: dict[str, bool]
    worlds: int
    faults: list[ArmedShown]


class QrShown(TypedDict):
    """The QR code that an instance shows: scanning it opens `url`."""

    instance: str
    code: str
    url: str
    expires: str


class Verified(TypedDict):
    """Whether a webhook passed its verification, and why not."""

    verified: bool
    reason: str
    attempt: Attempted | None


class _World(TypedDict):
    name: str
    seed: int
    time_zone: str
    now: str
    frozen: bool
    pairing_seconds: float | None
    messages: int
    scheduled: int
    faults: int
    snapshots: list[str]
    events: int


class WorldSummary(_World):
    """A world: its clock, and how much is in it."""

    instances: int


class WorldShown(_World):
    """A world, with its instances."""

    instances: list[InstanceShown]


class Worlds(TypedDict):
    worlds: list[WorldSummary]


class NewInstanceShown(TypedDict):
    """An instance of a new world, with its API keys, which are not shown again."""

    id: str
    number: str
    api_keys: list[str]


class MadeWorld(TypedDict):
    """A new world: `api_key` is the first one of its first instance."""

    name: str
    api_key: str
    instances: list[NewInstanceShown]
    warnings: list[str]


class Imported(Restored):
    """The world, the number of its last event, and what is to be said about what was imported."""

    warnings: list[str]


class WorldSettingsShown(TypedDict):
    """The settings of a world."""

    world: str
    pairing_seconds: float | None
