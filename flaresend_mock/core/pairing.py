"""Pairing: an instance initializes, shows a QR code, is scanned by a phone, and connects.

Assumed: the documentation names the steps but not how long they take. Each takes a second of the world's clock, so
that a frozen clock shows every status, and advancing it moves on.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flaresend_mock.core import errors
from flaresend_mock.core.models import Change, Instance, QrCode
from flaresend_mock.core.people import People
from flaresend_mock.core.store import Store
from flaresend_mock.core.time_travel import Fired

PAIRING = "pairing"
STEP = timedelta(seconds=1)
QR_LIFETIME = timedelta(seconds=60)
LINKED = ("connecting", "connected")  # an instance keeps the code that was scanned: its page can be opened again

_CODE_LENGTH = 40


class Pairing:
    """Moves the instances of a world from `disconnected` over `initializing`, `qr` and `connecting` to `connected`."""

    def __init__(self, store: Store, people: People) -> None:
        self._store, self._people = store, people

    def reconnect(self, instance_id: str | None) -> Instance:
        """Start pairing a disconnected instance; it shows a QR code a second later."""
        with self._store.lock:
            instance = self._store.state.find_instance(instance_id)
            errors.require(instance.status == "disconnected", errors.AlreadyConnected, instance.status)
            return self.start(instance)

    def start(self, instance: Instance) -> Instance:
        """Take the first step of pairing. The caller holds the lock."""
        return self._step(instance, "initializing", STEP)

    def set_status(self, instance_id: str | None, status: str) -> Instance:
        """Put an instance into a status at once, where it stays until it is changed again."""
        with self._store.lock:
            return self._step(self._store.state.find_instance(instance_id), status)

    def disconnect(self, instance_id: str | None, *, log_out: bool = False) -> Instance:
        """Disconnect an instance from its phone; once it is logged out, another phone may scan its next QR code."""
        with self._store.lock:
            instance = self._store.state.find_instance(instance_id)
            return self._step(replace(instance, logged_out=log_out or instance.logged_out), "disconnected")

    def change_settings(self, **changes: Any) -> None:
        """Change settings of the world. A QR code that is shown already is shown from now as they say."""
        store = self._store
        with store.lock:
            store.state.settings = replace(store.state.settings, **changes)
            if changes.keys() & {"pairing_seconds", "qr_codes"}:
                for instance in store.state.instances.values():
                    if instance.status == "qr":
                        self._continue_after(instance, self._shown_for()[0])
            store.record("world", Change("settings", store.name, changes))

    def qr(self, instance_id: str | None) -> tuple[Instance, QrCode]:
        """Return an instance and the QR code it shows: a new code whenever the former has expired."""
        store = self._store
        with store.lock:
            instance = store.state.find_instance(instance_id)
            errors.require(instance.status == "qr", errors.NoQrCode, instance.status)
            if instance.qr is None or instance.qr.expires <= store.clock.now():
                instance = self._put(replace(instance, qr=self._new_code()))
            assert instance.qr is not None
            return instance, instance.qr

    def with_code(self, code: str) -> Instance | None:
        """Return the instance that showed this code last."""
        instances = list(self._store.state.instances.values())
        return next((one for one in instances if one.qr is not None and one.qr.code == code), None)

    def scan(self, instance_id: str | None, code: str | None = None, number: str | None = None) -> Instance:
        """Scan the code that is shown, or this one, with the instance's number or, after a logout, with another one."""
        with self._store.lock:
            instance, shown = self.qr(instance_id)
            errors.require(code in (None, shown.code), errors.QrCodeExpired)
            return self._link(instance, instance.number if number is None else self._people.phone(number))

    def continue_pairing(self, instance_id: str) -> Fired:
        """Take the next step, whose timer was due. The caller holds the lock."""
        instance = self._store.state.instances[instance_id]
        match instance.status:
            case "initializing":
                instance = self._step(instance, "qr", self._shown_for()[0])
            case "qr" if self._shown_for()[1]:
                instance = self._link(instance, instance.number)
            case "qr":
                instance = self._step(instance, "disconnected")
            case _:
                instance = self._step(instance, "connected")
        return Fired(self._store.clock.now(), PAIRING, instance_id, instance.status)

    def _link(self, instance: Instance, number: str) -> Instance:
        if number != instance.number:
            errors.require(instance.logged_out, errors.AnotherPhone)
            errors.require(not self._people.is_linked(number), errors.NumberInUse)
            self._people.add(replace(self._people.meet(number), on_whatsapp=True))
        return self._step(replace(instance, number=number, logged_out=False), "connecting", STEP)

    def _step(self, instance: Instance, status: str, until_next: timedelta | None = None) -> Instance:
        qr = self._new_code() if status == "qr" else instance.qr if status in LINKED else None
        logged_out = instance.logged_out and status != "connected"
        self._continue_after(instance, until_next)
        return self._put(replace(instance, status=status, qr=qr, logged_out=logged_out))

    def _shown_for(self) -> tuple[timedelta | None, bool]:
        """Return how long an instance shows QR codes, and whether the last one is scanned then, or expires."""
        settings = self._store.state.settings
        scanned = None if settings.pairing_seconds is None else timedelta(seconds=settings.pairing_seconds)
        expires = None if settings.qr_codes is None else settings.qr_codes * QR_LIFETIME
        is_scanned = scanned is not None and (expires is None or scanned < expires)
        return (scanned, True) if is_scanned else (expires, False)

    def _continue_after(self, instance: Instance, wait: timedelta | None) -> None:
        self._store.state.timers.cancel(PAIRING, instance.id)
        if wait is not None:
            self._store.set_timer(self._store.clock.now() + wait, PAIRING, instance.id)

    def _new_code(self) -> QrCode:
        code = self._store.random.letters(f"qr {self._store.name}", _CODE_LENGTH)
        return QrCode(code, self._store.clock.now() + QR_LIFETIME)

    def _put(self, instance: Instance) -> Instance:
        return self._store.put("instance", instance, "status", {"status": instance.status})
