"""How an instance is linked to a phone: it starts up, shows a QR code, is scanned, connects.

Assumed: the documentation names the steps and not their times. Each takes a second of the world's clock, so that on a
clock that stands still every status can be seen, and passed by advancing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flaresend_mock.core.errors import (
    AlreadyConnected,
    AnotherPhone,
    NoQrCode,
    NumberInUse,
    QrCodeExpired,
)
from flaresend_mock.core.models import Change, Fired, Instance, QrCode

if TYPE_CHECKING:
    from flaresend_mock.core.world import World

PAIRING = "pairing"
STEP = timedelta(seconds=1)
QR_LIFETIME = timedelta(seconds=60)
LINKED = ("connecting", "connected")
"""In these, an instance still knows the code that was scanned: its page may be opened again."""

_CODE_LENGTH = 40


class Pairing:
    """Moves the instances of a world from `disconnected` over `initializing`, `qr` and `connecting` to `connected`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def reconnect(self, instance_id: str | None) -> Instance:
        """Start an instance up; it shows a QR code a second later.

        Raises:
            InstanceNotFound: there is no such instance.
            AlreadyConnected: it is connected, or on its way.
        """
        with self._world.lock:
            instance = self._world.instances.find(instance_id)
            if instance.status != "disconnected":
                raise AlreadyConnected(instance.status)
            return self.start(instance)

    def start(self, instance: Instance) -> Instance:
        """Begin with the first step. The caller holds the lock."""
        return self._step(instance, "initializing", STEP)

    def set_status(self, instance_id: str | None, status: str) -> Instance:
        """Put an instance into a status at once, where it stays until something is done about it.

        Raises:
            InstanceNotFound: there is no such instance.
        """
        with self._world.lock:
            return self._step(self._world.instances.find(instance_id), status)

    def disconnect(self, instance_id: str | None, *, log_out: bool = False) -> Instance:
        """Cut an instance off from its phone; once it is logged out, another phone may scan its next QR code.

        Raises:
            InstanceNotFound: there is no such instance.
        """
        with self._world.lock:
            instance = self._world.instances.find(instance_id)
            logged_out = log_out or instance.logged_out
            return self._step(replace(instance, logged_out=logged_out), "disconnected")

    def set_automatic(self, seconds: float | None) -> None:
        """Have QR codes scanned by themselves once they were shown for so many seconds; None for never.

        What shows its QR code already is scanned so many seconds from now.
        """
        with self._world.lock:
            self._world.state.pairing_seconds = seconds
            for instance in self._world.instances.all():
                if instance.status == "qr":
                    self._world.state.timers.cancel(PAIRING, instance.id)
                    if seconds is not None:
                        at = self._world.clock.now() + timedelta(seconds=seconds)
                        self._world.set_timer(at, PAIRING, instance.id)
            self._world.record("world", Change("pairing", self._world.name, {"seconds": seconds}))

    def qr(self, instance_id: str | None) -> tuple[Instance, QrCode]:
        """Return what an instance shows to be scanned: a new code each time the former has expired.

        Raises:
            InstanceNotFound: there is no such instance.
            NoQrCode: it does not show one.
        """
        with self._world.lock:
            instance = self._world.instances.find(instance_id)
            if instance.status != "qr":
                raise NoQrCode(instance.status)
            if instance.qr is None or instance.qr.expires <= self._world.clock.now():
                instance = replace(instance, qr=self._new_code())
                self._world.state.instances[instance.id] = instance
                self._tell(instance)
            assert instance.qr is not None
            return instance, instance.qr

    def with_code(self, code: str) -> Instance | None:
        """Return the instance that showed this code last."""
        for instance in list(self._world.state.instances.values()):
            if instance.qr is not None and instance.qr.code == code:
                return instance
        return None

    def scan(self, instance_id: str | None, code: str | None = None, number: str | None = None) -> Instance:
        """Let a phone scan an instance's QR code; it is connected a second later.

        Args:
            code: the code that was scanned; None for the one that is shown now.
            number: whose phone scans; None for the one that the instance had.

        Raises:
            InstanceNotFound: there is no such instance.
            NoQrCode: it does not show one.
            QrCodeExpired: it shows another one by now.
            AnotherPhone: it belongs to another number, and was not logged out.
            NumberInUse: the phone is linked to another instance.
        """
        with self._world.lock:
            instance, shown = self.qr(instance_id)
            if code not in (None, shown.code):
                raise QrCodeExpired
            return self._link(instance, number or instance.number)

    def go_on(self, instance_id: str) -> Fired:
        """Take the next step. The caller holds the lock and took it off the timers."""
        instance = self._world.state.instances[instance_id]
        match instance.status:
            case "initializing":
                seconds = self._world.state.pairing_seconds
                wait = None if seconds is None else timedelta(seconds=seconds)
                instance = self._step(instance, "qr", wait)
            case "qr":
                instance = self._link(instance, instance.number)
            case _:
                instance = self._step(instance, "connected")
        return Fired(self._world.clock.now(), PAIRING, instance_id, instance.status)

    def _link(self, instance: Instance, number: str) -> Instance:
        if number != instance.number:
            if not instance.logged_out:
                raise AnotherPhone
            if any(other.number == number for other in self._world.state.instances.values()):
                raise NumberInUse
            self._world.people.add(replace(self._world.people.meet(number), on_whatsapp=True))
        return self._step(replace(instance, number=number, logged_out=False), "connecting", STEP)

    def _step(self, instance: Instance, status: str, until_next: timedelta | None = None) -> Instance:
        world = self._world
        qr = self._new_code() if status == "qr" else instance.qr if status in LINKED else None
        logged_out = instance.logged_out and status != "connected"
        instance = replace(instance, status=status, qr=qr, logged_out=logged_out)
        world.state.instances[instance.id] = instance
        world.state.timers.cancel(PAIRING, instance.id)
        if until_next is not None:
            world.set_timer(world.clock.now() + until_next, PAIRING, instance.id)
        self._tell(instance)
        return instance

    def _new_code(self) -> QrCode:
        code = self._world.random.letters(f"qr {self._world.name}", _CODE_LENGTH)
        return QrCode(code, self._world.clock.now() + QR_LIFETIME)

    def _tell(self, instance: Instance) -> None:
        self._world.record("instance", Change("status", instance.id, {"status": instance.status}))
