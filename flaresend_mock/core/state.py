"""The state of a world: its settings and all its contents, as one value that can be copied and restored."""

import json
from collections import ChainMap, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, Self

from flaresend_mock.core import models
from flaresend_mock.core.bounded_store import MAX_LOG_BYTES, MAX_MEDIA_BYTES, BoundedStore, Copyable, SizedDict
from flaresend_mock.core.clock import ClockSetting, TimerQueue
from flaresend_mock.core.errors import InstanceNotFound, WorldFull, require, required
from flaresend_mock.core.events import EventLog
from flaresend_mock.core.model import model

DEFAULT_HISTORY = 10_000
BOUNDS: Mapping[str, tuple[int, int]] = {  # how many a world has at most, and how many bytes of them
    "people": (100_000, 64 * 1024 * 1024),
    "groups": (10_000, 128 * 1024 * 1024),
    "channels": (10_000, 64 * 1024 * 1024),
    "instances": (1000, 64 * 1024 * 1024),
    "faults": (100, 16 * 1024 * 1024),
}
_LOGS = ("messages", "events.kept", "ended_tasks", "deliveries", "media", "served")  # where the oldest is evicted
_BOXES = (*BOUNDS, "tasks", "open_deliveries", "auto_replies", "disappearing", *_LOGS)
_SETTINGS = json.loads((Path(__file__).parent / "assets" / "settings.json").read_text("utf-8"))  # JSON Schemas
_bytes_of = attrgetter(*(f"{name}.bytes" for name in _BOXES))


def _setting(name: str) -> Any:
    return field(default=_SETTINGS[name]["default"], metadata={"minimum": None, "maximum": None, **_SETTINGS[name]})


@model
class WorldSettings:
    """How the simulated WhatsApp behaves where worlds may differ.

    World files, the control plane and the documentation take names, types, bounds and meanings from here.
    """

    directory: Literal["open", "closed"] = _setting("directory")
    senders: Literal["auto", "number", "lid"] = _setting("senders")
    lid_recipients: Literal["refuse", "accept"] = _setting("lid_recipients")
    offline_messages: Literal["keep", "drop"] = _setting("offline_messages")
    pairing_seconds: float | None = _setting("pairing_seconds")
    qr_codes: int | None = _setting("qr_codes")
    public_url: str | None = _setting("public_url")


@dataclass
class State(Copyable):
    """The contents of a world. Its models are frozen, so a copy consists of shallow copies."""

    history: int = DEFAULT_HISTORY
    seed: int = 1
    time_zone: str = "UTC"
    clock: ClockSetting = field(default_factory=ClockSetting)
    counters: dict[str, int] = field(default_factory=dict)
    people: SizedDict[str, models.Person] = field(default_factory=SizedDict)
    lids: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    instances: SizedDict[str, models.Instance] = field(default_factory=SizedDict)
    groups: SizedDict[str, models.Group] = field(default_factory=SizedDict)
    channels: SizedDict[str, models.Channel] = field(default_factory=SizedDict)
    tasks: SizedDict[str, models.Task] = field(default_factory=SizedDict)
    timers: TimerQueue = field(default_factory=TimerQueue)
    open_deliveries: SizedDict[str, models.Delivery] = field(default_factory=SizedDict)
    lanes: dict[tuple[str, str], deque[str]] = field(default_factory=dict)
    auto_replies: SizedDict[str, models.PendingAutoReply] = field(default_factory=SizedDict)
    disappearing: SizedDict[str, models.Disappearing] = field(default_factory=SizedDict)
    being_sent: str | None = None  # the file of a message that is being sent
    settings: WorldSettings = field(default_factory=WorldSettings)
    faults: SizedDict[str, models.Fault] = field(default_factory=SizedDict)
    messages: BoundedStore[models.Message] = field(init=False)
    ended_tasks: BoundedStore[models.Task] = field(init=False)
    media: BoundedStore[models.Media] = field(init=False)
    served: BoundedStore[models.Served] = field(init=False)
    deliveries: BoundedStore[models.Delivery] = field(init=False)
    events: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.messages = BoundedStore(self.history, MAX_LOG_BYTES)
        self.ended_tasks = BoundedStore(self.history, MAX_LOG_BYTES)
        self.media = BoundedStore(self.history, MAX_MEDIA_BYTES)
        self.served = BoundedStore(self.history, MAX_MEDIA_BYTES)
        self.deliveries = BoundedStore(self.history, MAX_LOG_BYTES)
        self.events = EventLog(self.history)

    @property
    def pending_bytes(self) -> int:
        """The size of scheduled messages, undelivered events, and automatic replies to come."""
        return self.tasks.bytes + self.open_deliveries.bytes + self.auto_replies.bytes

    @property
    def bytes(self) -> int:
        return sum(_bytes_of(self))

    @property
    def logs_bytes(self) -> int:
        return sum(box.bytes for box in self.boxes(_LOGS))

    def boxes(self, names: Sequence[str] = _BOXES) -> tuple[Any, ...]:
        """Return all that counts its bytes."""
        return attrgetter(*names)(self)

    @property
    def newest_bytes(self) -> int:
        """The size of the newest message and event, which are not evicted."""
        boxes: tuple[Any, ...] = self.messages, self.events.kept
        return sum(one.size for box in boxes if (one := next(reversed(box.by_key.values()), None)))

    def evict(self, size: int) -> int:
        """Evict about this many bytes of the logs, of each the same share, and return how many that were."""
        before, needed = self.logs_bytes, {*self.needed("media"), *self.needed("served")}
        left = max(0.0, 1 - size / before) if before else 0.0
        for box in self.boxes(_LOGS):
            newest = next(reversed(box.by_key), "") if box in (self.messages, self.events.kept) else ""
            gone = box.make_room(box.max_bytes - int(box.bytes * left), needed, newest)
            if box is self.events.kept:
                self.events.tell(gone)
        return before - self.logs_bytes

    def require_room(self, name: str, more: int = 1) -> None:
        """Refuse more people, groups and so on than BOUNDS; the last one may be beyond the bound in bytes."""
        (most, max_bytes), held = BOUNDS[name], getattr(self, name)
        require(len(held) + more <= most, WorldFull, f"a world has at most {most} {name}")
        require(held.bytes < max_bytes, WorldFull, f"the {name} of a world take {max_bytes >> 20} MiB already")

    def needed(self, name: str) -> Mapping[str, int]:
        """Return the files of `media` that messages to be sent need, or of `served` that undelivered events name."""
        sent = {self.being_sent: 1} if self.being_sent else {}
        return ChainMap(self.tasks.files, sent) if name == "media" else self.open_deliveries.files

    def needed_sizes(self, name: str, without: Container[str] = ()) -> list[int]:
        """Return the sizes of these files, as far as they are kept."""
        found = [getattr(self, name).get(file) for file in self.needed(name) if file not in without]
        return [file.size for file in found if file]

    def require_room_of_files(self, name: str, size: int, without: Container[str] = ()) -> None:
        """Refuse a file that is needed, where those that are take too many bytes. One alone may have any size."""
        if getattr(self, name).bytes + size > MAX_MEDIA_BYTES and (held := sum(self.needed_sizes(name, without))):
            of = {"media": "scheduled messages", "served": "undelivered events"}[name]
            require(held + size <= MAX_MEDIA_BYTES, WorldFull, f"the files of {of} are too large already")

    def find_instance(self, instance_id: str | None) -> models.Instance:
        """Return the instance with this id; None and "default" name the first one."""
        if instance_id in (None, "default"):
            return next(iter(list(self.instances.values())))  # readers without the lock look here, too
        return required(self.instances.get(str(instance_id)), InstanceNotFound)

    def copy(self) -> Self:
        other = super().copy()
        other.lanes = {lane: ids.copy() for lane, ids in self.lanes.items()}
        return other
